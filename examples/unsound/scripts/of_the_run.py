"""Records whose ids tell which run they are from.

NiFi's Python lives longer than a run: each run has a number there. A process of its own always
has the first, so that two readings outside NiFi are the same.
"""

import builtins


def records(count):
    builtins.unsound_runs = getattr(builtins, "unsound_runs", 0) + 1
    for number in range(count):
        yield {"id": f"{builtins.unsound_runs}-{number}"}

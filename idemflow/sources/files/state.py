"""Which files were read: the state of the step that collects them.

Runs inside NiFi: standard library only. NiFi keeps it over restarts. A key is the name of a file,
the value tells whether the file, or the way to read it, has changed since.
"""

import hashlib
import json
import os
from typing import Any


def seen(session: Any, scope: Any) -> dict[str, str]:
    """What is remembered, by the name of the file."""
    return dict(session.getState(scope).toMap().items())


def way(options: list[Any]) -> str:
    """A way to read files in short; what was read in another way is read again."""
    text = json.dumps(options, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def otherwise(seen: dict[str, str], way: str) -> bool:
    """Whether all files that were read were read in another way."""
    return bool(seen) and not any(known.endswith(f" {way}") for known in seen.values())


def of_file(status: os.stat_result, way: str) -> str:
    """What is remembered of a file that was read."""
    return f"{status.st_size} {status.st_mtime_ns} {way}"

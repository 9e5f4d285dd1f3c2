"""What it costs that a power cut may take nothing: the setting ``durability``.

``python -m benchmarks.durability [--quick] [--json] [--plot PATH]``

Loads people of six fields in turns on two pairs of servers, of which one is ``safe`` and one is
``fast``: in FlowFiles of 5,000, and each in a FlowFile of its own.
"""

from __future__ import annotations

from contextlib import ExitStack

from rich.console import Console

from benchmarks import scale
from benchmarks.report import Report, command

BATCHES = {"lines": 5_000, "one_document": 1}
WAYS = {
    f"{durability}_{name}": f"{durability}, {batch:,} records a FlowFile"
    for name, batch in BATCHES.items()
    for durability in ("safe", "fast")
}


def measure(records: int, rounds: int, console: Console) -> Report:
    """Load the same people each way in turns, into an empty index each time.

    Args:
        records: how many people.
        rounds: how many turns, after one that warms the servers up and does not count.
        console: told how far it is.
    """
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    with ExitStack() as stack:
        pairs = {one: stack.enter_context(scale.servers(one)) for one in ("safe", "fast")}
        for turn in range(rounds + 1):
            for way in WAYS:
                durability, _, batch = way.partition("_")
                project, client = pairs[durability]
                name = way.replace("_", "-")
                project.pipeline(name, records, BATCHES[batch])
                project.run("deploy", name)
                rate = records / scale.load_alone(project, client, name, records)
                project.run("remove", name, "--data", "--yes")
                console.log(f"{way}: {rate:,.0f}/s{'' if turn else ' (warm-up)'}")
                if turn:
                    rates[way].append(rate)
    return Report(
        title="Loading {amount} six-field people, safe and fast",
        amount=records,
        unit="records",
        ways=WAYS,
        rates=rates,
        ratios={name: (f"safe_{name}", f"fast_{name}") for name in BATCHES},
    )


main = command(
    "durability",
    lambda quick, console: measure(40_000 if quick else 100_000, 2 if quick else 5, console),
    "What it costs that a power cut may take nothing.",
)

if __name__ == "__main__":
    main()

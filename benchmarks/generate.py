"""How fast Faker is in ExecuteScript, beside the same function in plain Python.

``python -m benchmarks.generate [--quick] [--json] [--plot PATH]``

Both make the people of ``scripts/people.py`` as JSON lines: plain Python into a file, the Collect
step on the canvas into FlowFiles.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nipyapi
from rich.console import Console

from benchmarks.report import Report, command
from idemflow import servers
from idemflow.canvas import client, control, deploy
from idemflow.config import settings
from idemflow.pipeline import spec
from idemflow.servers import Runtime
from idemflow.sources.script.draw import COLLECT
from idemflow.steps.chunks import RECORDS_A_FLOW_FILE
from idemflow.supply.progress import Silent

ROOT = Path(__file__).parents[1]
NAME = "benchmark-generate"
SEED = 42
_DEADLINE = 600.0

_PLAIN = """
import json, os, sys, time
from scripts.people import people

records = int(sys.argv[1])
list(people(100, 0))  # NiFi has loaded Faker's modules by then as well
began = time.perf_counter()
with open(os.devnull, "w", encoding="utf-8") as lines:
    for person in people(records, int(sys.argv[2])):
        lines.write(json.dumps(person, ensure_ascii=False) + "\\n")
print(time.perf_counter() - began)
"""


WAYS = {"plain_python": "plain Python", "execute_script": "ExecuteScript, as the Collect step"}


def measure(records: int, rounds: int, console: Console) -> Report:
    """Make the same people both ways in turns.

    Args:
        records: how many people.
        rounds: how many turns, after one that warms up and does not count.
        console: told how far it is.
    """
    chosen = settings.resolve({"project": str(ROOT)})
    servers.up(chosen, Silent())
    target = servers.connect(chosen)
    client.connect(target.nifi)
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    with _deployed(target, records) as group:
        for turn in range(rounds + 1):
            plain, step = _plain(records), _step(group, records)
            console.log(
                f"plain {records / plain:,.0f}/s, step {records / step:,.0f}/s"
                f"{'' if turn else ' (warm-up)'}"
            )
            if turn:
                rates["plain_python"].append(records / plain)
                rates["execute_script"].append(records / step)
    return Report(
        title="Making {amount} people with Faker",
        amount=records,
        unit="records",
        ways=WAYS,
        rates=rates,
        ratios={"faker_step": ("execute_script", "plain_python")},
    )


@contextmanager
def _deployed(target: Runtime, records: int) -> Iterator[str]:
    """The pipeline ``people`` under another name, all of it stopped."""
    people = spec.load(ROOT, "people")
    arguments = {"records": records, "seed": SEED}
    pipeline = people.model_copy(
        update={
            "pipeline": NAME,
            "collect": people.collect.model_copy(update={"arguments": arguments}),
            "load": people.load.model_copy(update={"queue": 1_000_000}),
        }
    )
    planned = deploy.plan(pipeline, spec.sources(ROOT, pipeline), target)
    group = deploy.apply(pipeline, planned, lambda _: None)
    try:
        control.stop(group)
        yield group
    finally:
        control.stop(group)
        nipyapi.canvas.delete_process_group(group, force=True, refresh=True)


def _plain(records: int) -> float:
    """Seconds that plain Python takes, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _PLAIN, str(records), str(SEED)],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return float(done.stdout)


def _step(group: str, records: int) -> float:
    """Seconds that the Collect step takes, by NiFi's own clock of its tasks."""
    collect = next(item for item in control.processors(group) if item.component.name == COLLECT)
    before = _task_nanoseconds(collect.id)
    control.run_once(group)
    with client.errors():
        nipyapi.canvas.schedule_processor(collect, "RUN_ONCE", refresh=True)
    deadline = time.monotonic() + _DEADLINE
    flow_files = -(-records // RECORDS_A_FLOW_FILE) + 1  # and the run's summary
    while control.activity(group).queued < flow_files:
        if time.monotonic() > deadline:
            raise TimeoutError(f"Collect did not make {records} records")
        time.sleep(0.2)
    seconds = (_task_nanoseconds(collect.id) - before) / 1e9
    with client.errors():
        nipyapi.canvas.purge_process_group(nipyapi.canvas.get_process_group(group, "id"))
    return seconds


def _task_nanoseconds(processor: str) -> int:
    with client.errors():
        status = nipyapi.nifi.FlowApi().get_processor_status(processor).processor_status
    return int(status.aggregate_snapshot.tasks_duration_nanos)


main = command(
    "generate",
    lambda quick, console: measure(5_000 if quick else 40_000, 12 if quick else 5, console),
    "How fast Faker is in ExecuteScript, beside the same function in plain Python.",
)

if __name__ == "__main__":
    main()

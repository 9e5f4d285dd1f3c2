"""How fast Faker is in ExecuteScript, beside the same function in plain Python.

``python -m benchmarks.generate [--quick] [--json] [--plot PATH]``

Both make the people of ``scripts/people.py`` as JSON lines: plain Python into a file, the Collect
step on the canvas into FlowFiles.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nipyapi
from rich.console import Console

from benchmarks import canvas
from benchmarks.project import project, save
from benchmarks.report import Report, command
from idemflow.commands import deploy, up
from idemflow.config import settings
from idemflow.config.settings import Settings

ROOT = Path(__file__).parents[1]
NAME = "benchmark-generate"
SEED = 42
RECORDS_A_FLOW_FILE = 1_000

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
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    with project(ROOT / "flows" / "people.yaml", NAME) as (folder, pipeline):
        pipeline["collect"]["arguments"] = {"records": records, "seed": SEED}
        pipeline["load"]["queue"] = 1_000_000
        save(folder, pipeline)
        with _deployed(settings.resolve({"project": str(folder)})) as group:
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
def _deployed(chosen: Settings) -> Iterator[str]:
    """The pipeline on the canvas, all of it stopped; the id of its group."""
    nifi = up.up(settings.resolve({})).target.nifi
    canvas.connect(nifi.url, nifi.username, nifi.password, str(nifi.ca_file))
    deploy.deploy(
        chosen.model_copy(update={"home": settings.resolve({}).home}), NAME, lambda _: None
    )
    try:
        group = canvas.group_id(NAME)
        assert group is not None
        canvas.stop_group(group)
        yield group
    finally:
        canvas.delete_group(NAME)


def _plain(records: int) -> float:
    """Seconds that plain Python takes, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _PLAIN, str(records), str(SEED)],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return float(done.stdout)


def _step(group: str, records: int) -> float:
    """Seconds that the Collect step takes, by NiFi's own clock of its tasks."""
    collect = canvas.processor(group, "Collect records")
    before = _task_nanoseconds(collect.id)
    canvas.schedule(canvas.processor(group, "Start a run"), "RUN_ONCE")
    canvas.schedule(collect, "RUN_ONCE")
    flow_files = -(-records // RECORDS_A_FLOW_FILE) + 1  # and the run's summary
    canvas.wait(
        lambda: canvas.queued(group) >= flow_files, f"Collect did not make {records} records"
    )
    seconds = (_task_nanoseconds(collect.id) - before) / 1e9
    nipyapi.canvas.purge_process_group(nipyapi.canvas.get_process_group(group, "id"))
    return seconds


def _task_nanoseconds(processor: str) -> int:
    status = nipyapi.nifi.FlowApi().get_processor_status(processor).processor_status
    return int(status.aggregate_snapshot.tasks_duration_nanos)


main = command(
    "generate",
    lambda quick, console: measure(5_000 if quick else 40_000, 12 if quick else 5, console),
    "How fast Faker is in ExecuteScript, beside the same function in plain Python.",
)

if __name__ == "__main__":
    main()

"""How fast Faker is in ExecuteScript, beside the same function in plain Python.

``python -m benchmarks.generate [--quick] [--json] [--plot PATH]``

Both make the people of ``scripts/people.py`` as JSON lines: plain Python into a file, the Collect
step on the canvas into FlowFiles.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import nipyapi
from rich.console import Console
from rich.table import Table

from idemflow import runtime, settings
from idemflow.canvas import client, control, deploy
from idemflow.canvas.flow import COLLECT
from idemflow.pipeline import spec
from idemflow.runtime import Runtime
from idemflow.steps.chunks import RECORDS_A_FLOW_FILE

ROOT = Path(__file__).parents[1]
PLOT = Path(__file__).parent / "plots" / "generate.png"
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


@dataclass(frozen=True)
class Result:
    """Records a second, one figure a round."""

    records: int
    plain: list[float]
    step: list[float]

    def ratio(self) -> float:
        """The step beside plain Python: the median of the rounds' ratios."""
        return statistics.median(
            step / plain for step, plain in zip(self.step, self.plain, strict=True)
        )


def measure(records: int, rounds: int, console: Console) -> Result:
    """Make the same people both ways in turns.

    Args:
        records: how many people.
        rounds: how many turns, after one that warms up and does not count.
        console: told how far it is.
    """
    chosen = settings.resolve({"project": str(ROOT)})
    runtime.up(chosen, runtime.Silent())
    target = runtime.connect(chosen)
    client.connect(target.nifi)
    result = Result(records, [], [])
    with _deployed(target, records) as group:
        for turn in range(rounds + 1):
            plain, step = _plain(records), _step(group, records)
            console.log(
                f"plain {records / plain:,.0f}/s, step {records / step:,.0f}/s"
                f"{'' if turn else ' (warm-up)'}"
            )
            if turn:
                result.plain.append(records / plain)
                result.step.append(records / step)
    return result


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
    planned = deploy.plan(pipeline, spec.source(ROOT, pipeline), target)
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


def plot(result: Result, path: Path) -> None:
    """Draw the medians, with each round as a dot."""
    from matplotlib.figure import Figure  # noqa: PLC0415 -- slow to import, needed only here

    figure = Figure(figsize=(8, 2.4), layout="constrained")
    axes = figure.subplots()
    for row, rates in enumerate((result.plain, result.step)):
        axes.barh(row, statistics.median(rates), color="#7a9cc6")
        axes.plot(rates, [row] * len(rates), "k.", markersize=5)
    axes.set_yticks([0, 1], ["plain Python", "ExecuteScript"])
    axes.invert_yaxis()
    axes.set_xlabel(f"records a second ({result.records:,} people by Faker)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


@click.command()
@click.option("--quick", is_flag=True, help="10,000 people, three rounds.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--plot", "plot_path", type=click.Path(path_type=Path), default=PLOT)
def main(quick: bool, as_json: bool, plot_path: Path) -> None:
    """Measure, print, draw."""
    result = measure(10_000 if quick else 40_000, 3 if quick else 5, Console(stderr=True))
    plot(result, plot_path)
    medians = {
        "plain_python": statistics.median(result.plain),
        "execute_script": statistics.median(result.step),
    }
    if as_json:
        figures = {
            "records": result.records,
            "records_per_second": {way: round(rate) for way, rate in medians.items()},
            "ratios": {"faker_step": round(result.ratio(), 3)},
        }
        click.echo(json.dumps(figures))
        return
    table = Table(title=f"Making {result.records:,} people with Faker")
    table.add_column("way")
    table.add_column("records/s", justify="right")
    table.add_row("plain Python", f"{medians['plain_python']:,.0f}")
    table.add_row("ExecuteScript, as the Collect step", f"{medians['execute_script']:,.0f}")
    Console().print(table)
    click.echo(f"faker_step: {result.ratio():.2f}")


if __name__ == "__main__":
    main()

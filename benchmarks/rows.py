"""How fast rows of PostgreSQL get into Elasticsearch, beside a hand-written loader.

``python -m benchmarks.rows [--quick] [--json] [--plot PATH]``

Both load the same orders of twelve fields twice: into an empty index, and again over themselves.
idemflow runs the shipped pipeline ``orders``, with versions and deletes; the loader, psycopg's
server-side cursor into elasticsearch-py's ``parallel_bulk``, gives the ids and no more.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import click
from elasticsearch import Elasticsearch
from rich.console import Console
from rich.table import Table

from benchmarks import canvas, rows_loader
from benchmarks.load_clients import connect, written
from benchmarks.project import ROOT, project, save
from benchmarks.report import explained
from benchmarks.rows_source import INDEX, PEER_INDEX, PIPELINE, checksum, table
from idemflow.commands import deploy, run, up
from idemflow.config import settings
from idemflow.config.settings import Settings
from idemflow.demo.server import Login
from idemflow.errors import IdemflowError

PLOT = Path(__file__).parent / "plots" / "rows.png"
# Each answer costs Elasticsearch some milliseconds.
POLL = 0.2
Load = Literal["first", "again"]
LOADS: tuple[Load, ...] = ("first", "again")
WAYS = {
    "idemflow": "idemflow, pipeline orders, 5,000 rows a FlowFile",
    "loader": f"psycopg + parallel_bulk, {rows_loader.THREADS} threads, "
    f"chunks of {rows_loader.CHUNK:,}",
}


@dataclass(frozen=True)
class Result:
    """Rows a second by way and load, one figure a round."""

    rows: int
    rates: dict[str, dict[Load, list[float]]]
    whole_runs: dict[Load, list[float]]
    """idemflow's rates up to the end of ``idemflow run``, which checks each document."""

    def median(self, way: str, load: Load) -> float:
        return statistics.median(self.rates[way][load])

    def ratio(self, load: Load) -> float:
        """idemflow beside the loader: the median of the rounds' ratios."""
        pairs = zip(self.rates["idemflow"][load], self.rates["loader"][load], strict=True)
        return statistics.median(own / peer for own, peer in pairs)


@dataclass
class _Start:
    """A run's progress that only notes when it was about to be triggered."""

    at: float = field(default_factory=time.perf_counter)
    triggered: bool = False

    def step(self, text: str) -> None:  # noqa: ARG002
        if not self.triggered:
            self.at = time.perf_counter()

    def records(self, number: int, done: int, total: int | None, note: str) -> None:  # noqa: ARG002
        self.triggered = True


class _Arrival(threading.Thread):
    """Notes when so many documents have been written to an index.

    Elasticsearch is asked in place of NiFi, whose answers cost it several milliseconds each.
    """

    def __init__(self, client: Elasticsearch, index: str, documents: int) -> None:
        super().__init__(daemon=True)
        self._client, self._index = client, index
        self._expected = written(client, index) + documents
        self._ended = threading.Event()
        self.at: float | None = None

    def run(self) -> None:
        while not self._ended.wait(POLL):
            if written(self._client, self._index) >= self._expected:
                self.at = time.perf_counter()
                return

    def end(self) -> float:
        """The moment.

        Raises:
            IdemflowError: it did not come.
        """
        self._ended.set()
        self.join()
        if self.at is None:
            raise IdemflowError(f"less than {self._expected} documents were written to {INDEX}")
        return self.at


def measure(rows: int, rounds: int, console: Console) -> Result:
    """Load the same rows each way in turns.

    Args:
        rows: how many.
        rounds: how many turns, after one that warms the servers up and does not count.
        console: told how far it is.
    """
    chosen = settings.resolve({})
    target = up.up(chosen).target
    nifi = target.nifi
    canvas.connect(nifi.url, nifi.username, nifi.password, str(nifi.ca_file))
    console.log(f"making {rows:,} rows")
    rates: dict[str, dict[Load, list[float]]] = {way: {"first": [], "again": []} for way in WAYS}
    result = Result(rows, rates, {"first": [], "again": []})
    with (
        project(ROOT / "flows" / "orders.yaml", PIPELINE) as (folder, pipeline),
        table(chosen, rows) as login,
        connect(target.elasticsearch) as client,
    ):
        pipeline["collect"]["sql"]["table"] = "benchmark_rows"
        del pipeline["collect"]["sql"]["incremental"]
        save(folder, pipeline)
        inside = chosen.model_copy(update={"project": folder})
        try:
            for turn in range(rounds + 1):
                _turn(inside, login, client, result, console, counts=turn > 0)
        finally:
            client.indices.delete(index=PEER_INDEX, ignore_unavailable=True)
            _clear(client)
            canvas.delete_group(PIPELINE)
    return result


def _turn(
    chosen: Settings,
    login: Login,
    client: Elasticsearch,
    result: Result,
    console: Console,
    *,
    counts: bool,
) -> None:
    _clear(client)
    deploy.deploy(chosen, PIPELINE, lambda _: None)
    # The documents are in an index beside INDEX, which is an alias: deletes leave tombstones.
    made = client.indices.simulate_index_template(name=f"{INDEX}-rows")["template"]
    rows_loader.create_index(client, PEER_INDEX, made["settings"], made["mappings"])
    for load in LOADS:
        own, whole = _run(chosen, client, result.rows)
        peer = rows_loader.load(login, client, PEER_INDEX)
        console.log(
            f"{load}: idemflow {result.rows / own:,.0f}/s ({result.rows / whole:,.0f}/s with its "
            f"checks), loader {result.rows / peer:,.0f}/s{'' if counts else ' (warm-up)'}"
        )
        if counts:
            result.rates["idemflow"][load].append(result.rows / own)
            result.rates["loader"][load].append(result.rows / peer)
            result.whole_runs[load].append(result.rows / whole)
    sums = {index: checksum(client, index) for index in (INDEX, PEER_INDEX)}
    if sums[INDEX] != sums[PEER_INDEX] or sums[INDEX][0] != result.rows:
        raise IdemflowError(f"the indices differ (documents, checksum): {sums}")
    console.log(f"both indices hold the same {result.rows:,} documents")


def _run(chosen: Settings, client: Elasticsearch, rows: int) -> tuple[float, float]:
    """One run; seconds until the last document was written, and until all was checked."""
    start = _Start()
    arrival = _Arrival(client, INDEX, rows)
    arrival.start()
    report = run.run(chosen, PIPELINE, start)
    whole = time.perf_counter() - start.at
    (only,) = report.runs
    if only.lost or only.duplicates or report.documents != rows:
        raise IdemflowError(f"the run is not whole: {report}")
    return arrival.end() - start.at, whole


def _clear(client: Elasticsearch) -> None:
    """Takes the pipeline's index away, which its deployment makes anew."""
    for name in client.indices.get(index=INDEX, ignore_unavailable=True):
        client.indices.delete(index=name)


def plot(result: Result, path: Path) -> None:
    """Draw the medians, with each round as a dot."""
    from matplotlib.figure import Figure  # noqa: PLC0415 -- slow to import, needed only here

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    bars = [(way, load) for load in LOADS for way in WAYS]
    names = [f"{way}, {load}" for way, load in bars]
    axes.barh(names, [result.median(*bar) for bar in bars], color=["#7a9cc6", "#c6b27a"] * 2)
    for row, (way, load) in enumerate(bars):
        found = result.rates[way][load]
        axes.plot(found, [row] * len(found), "k.", markersize=5)
    axes.invert_yaxis()
    axes.set_xlabel(f"rows a second ({result.rows:,} orders of twelve fields)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


@click.command()
@click.option("--quick", is_flag=True, help="50,000 rows instead of 1,000,000.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--plot", "plot_path", type=click.Path(path_type=Path), default=PLOT)
def main(quick: bool, as_json: bool, plot_path: Path) -> None:
    """Measure, print, draw."""
    console = Console(stderr=True)
    with explained():
        result = measure(50_000 if quick else 1_000_000, 2, console)
    plot(result, plot_path)
    ratios = {f"rows_{load}": round(result.ratio(load), 3) for load in LOADS}
    if as_json:
        figures = {
            "rows": result.rows,
            "rows_per_second": {
                way: {load: round(result.median(way, load)) for load in LOADS} for way in WAYS
            },
            "rounds": result.rates,
            "with_checks": result.whole_runs,
            "ratios": ratios,
        }
        click.echo(json.dumps(figures))
        return
    shown = Table(title=f"Loading {result.rows:,} orders of twelve fields")
    shown.add_column("way")
    for load in LOADS:
        shown.add_column(f"rows/s, {load}", justify="right")
    for way, description in WAYS.items():
        shown.add_row(description, *(f"{result.median(way, load):,.0f}" for load in LOADS))
    checked = (f"{statistics.median(result.whole_runs[load]):,.0f}" for load in LOADS)
    shown.add_row("idemflow, until `idemflow run` has checked every document", *checked)
    Console().print(shown)
    for name, ratio in ratios.items():
        click.echo(f"{name}: {ratio:.2f}")


if __name__ == "__main__":
    main()

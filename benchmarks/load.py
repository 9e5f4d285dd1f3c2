"""How fast PutElasticsearchJson loads, one document a FlowFile, beside other clients.

``python -m benchmarks.load [--quick] [--json] [--plot PATH]``
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.load_canvas import LoadCanvas
from benchmarks.load_clients import (
    CHUNK,
    THREADS,
    check_and_delete,
    connect,
    create_index,
    indexed,
    load_parallel_bulk,
    load_raw,
)
from benchmarks.people import people
from idemflow import runtime, settings
from idemflow.canvas import client as canvas
from idemflow.errors import IdemflowError

INDEX = "idemflow-benchmark-load"
PLOT = Path(__file__).parent / "plots" / "load.png"
WAYS = {
    "raw": f"raw _bulk, prepared bodies, {THREADS} connections",
    "parallel_bulk": f"elasticsearch-py parallel_bulk, {THREADS} threads, chunks of {CHUNK:,}",
    "nifi": f"NiFi PutElasticsearchJson, one document a FlowFile, {THREADS} tasks of {CHUNK:,}",
}


@dataclass(frozen=True)
class Result:
    """Documents a second by way of loading, one figure a round."""

    documents: int
    rates: dict[str, list[float]]

    def median(self, way: str) -> float:
        return statistics.median(self.rates[way])

    def ratio(self) -> float:
        """NiFi beside ``parallel_bulk``: the median of the rounds' ratios."""
        pairs = zip(self.rates["nifi"], self.rates["parallel_bulk"], strict=True)
        return statistics.median(nifi / peer for nifi, peer in pairs)


def measure(documents: int, rounds: int, console: Console) -> Result:
    """Load the same people each way in turns, into an empty index each time.

    Args:
        documents: how many people.
        rounds: how many turns, after one that warms the servers up and does not count.
        console: told how far it is.
    """
    chosen = settings.resolve({})
    runtime.up(chosen, runtime.Silent())
    target = runtime.connect(chosen)
    runtime.grant_indices(target, chosen, [f"{INDEX}*"])
    canvas.connect(target.nifi)
    prepared = list(people(0, documents))
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    client = connect(target.elasticsearch)
    group = LoadCanvas(target, CHUNK, THREADS)
    try:
        for turn in range(rounds + 1):
            for way in WAYS:
                if way == "nifi":
                    group.fill(documents)
                create_index(client, INDEX)
                if way == "raw":
                    seconds = load_raw(target.elasticsearch, INDEX, prepared)
                elif way == "parallel_bulk":
                    seconds = load_parallel_bulk(client, INDEX, prepared)
                else:
                    seconds = group.empty(INDEX, lambda: indexed(client, INDEX) >= documents)
                check_and_delete(client, INDEX, documents)
                counts = turn > 0
                console.log(f"{way}: {documents / seconds:,.0f}/s{'' if counts else ' (warm-up)'}")
                if counts:
                    rates[way].append(documents / seconds)
    finally:
        group.close()
        client.close()
    return Result(documents, rates)


def plot(result: Result, path: Path) -> None:
    """Draw the medians, with each round as a dot."""
    from matplotlib.figure import Figure  # noqa: PLC0415 -- slow to import, needed only here

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    names = list(WAYS)
    axes.barh(names, [result.median(way) for way in names], color="#7a9cc6")
    for row, way in enumerate(names):
        axes.plot(result.rates[way], [row] * len(result.rates[way]), "k.", markersize=5)
    axes.invert_yaxis()
    axes.set_xlabel(f"documents a second ({result.documents:,} six-field people, one index)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


@click.command()
@click.option("--quick", is_flag=True, help="50,000 people, two rounds.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--plot", "plot_path", type=click.Path(path_type=Path), default=PLOT)
def main(quick: bool, as_json: bool, plot_path: Path) -> None:
    """Measure, print, draw."""
    console = Console(stderr=True)
    try:
        result = measure(50_000 if quick else 200_000, 2 if quick else 4, console)
    except IdemflowError as error:
        hint = f"\nNext: {error.next_command}" if error.next_command else ""
        raise click.ClickException(f"{error.message}{hint}") from error
    plot(result, plot_path)
    if as_json:
        figures = {
            "documents": result.documents,
            "documents_per_second": {way: round(result.median(way)) for way in WAYS},
            "rounds": {way: [round(rate) for rate in result.rates[way]] for way in WAYS},
            "ratios": {"one_document": round(result.ratio(), 3)},
        }
        click.echo(json.dumps(figures))
        return
    table = Table(title=f"Loading {result.documents:,} people")
    table.add_column("way")
    table.add_column("documents/s", justify="right")
    table.add_column("of parallel_bulk", justify="right")
    for way, description in WAYS.items():
        share = result.median(way) / result.median("parallel_bulk")
        table.add_row(description, f"{result.median(way):,.0f}", f"{share:.2f}")
    Console().print(table)
    click.echo(f"one_document: {result.ratio():.2f}")


if __name__ == "__main__":
    main()

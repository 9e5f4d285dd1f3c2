"""What the benchmarks share: the command line; the table, JSON and plot of what they found."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from idemflow.errors import IdemflowError

PLOTS = Path(__file__).parent / "plots"


@dataclass(frozen=True)
class Report:
    """What a benchmark found.

    Attributes:
        title: what was done, with ``{amount}`` for how many things it was done to.
        amount: how many.
        unit: what they are, in the plural.
        ways: each way of doing it, by name: its description.
        rates: by way: things a second, one figure a round.
        ratios: by name of the ratio: the way that is judged, and the way it is compared with.
    """

    title: str
    amount: int
    unit: str
    ways: Mapping[str, str]
    rates: Mapping[str, list[float]]
    ratios: Mapping[str, tuple[str, str]]

    def median(self, way: str) -> float:
        """The usual rate of a way."""
        return statistics.median(self.rates[way])

    def ratio(self, name: str) -> float:
        """The median of the rounds' ratios, since the machine may change between rounds."""
        way, peer = self.ratios[name]
        pairs = zip(self.rates[way], self.rates[peer], strict=True)
        return statistics.median(mine / other for mine, other in pairs)


def command(name: str, measure: Callable[[bool, Console], Report], help_text: str) -> click.Command:
    """The command line of a benchmark.

    Args:
        name: of the benchmark, and of its plot.
        measure: does it; is given whether to be quick, and where to tell how far it is.
        help_text: what ``--help`` says.
    """

    @click.command(help=help_text)
    @click.option("--quick", is_flag=True, help="Fewer things, fewer rounds.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    @click.option(
        "--plot", "plot_path", type=click.Path(path_type=Path), default=PLOTS / f"{name}.png"
    )
    def main(quick: bool, as_json: bool, plot_path: Path) -> None:
        with explained():
            found = measure(quick, Console(stderr=True))
        _plot(found, plot_path)
        if as_json:
            click.echo(json.dumps(_figures(found)))
        else:
            _print(found)

    return main


@contextmanager
def explained() -> Iterator[None]:
    """Show an error of idemflow as a command line does."""
    try:
        yield
    except IdemflowError as error:
        hint = f"\nNext: {error.next_command}" if error.next_command else ""
        raise click.ClickException(f"{error.message}{hint}") from error


def _figures(found: Report) -> dict[str, object]:
    return {
        found.unit: found.amount,
        f"{found.unit}_per_second": {way: round(found.median(way)) for way in found.ways},
        "rounds": {way: [round(rate) for rate in found.rates[way]] for way in found.ways},
        "ratios": {name: round(found.ratio(name), 3) for name in found.ratios},
    }


def _print(found: Report) -> None:
    table = Table(title=found.title.format(amount=f"{found.amount:,}"))
    table.add_column("way")
    table.add_column(f"{found.unit}/s", justify="right")
    for way, description in found.ways.items():
        table.add_row(description, f"{found.median(way):,.0f}")
    Console().print(table)
    for name, (_, peer) in found.ratios.items():
        click.echo(f"{name}: {found.ratio(name):.2f} of {peer}")


def _plot(found: Report, path: Path) -> None:
    """Draw the medians, with each round as a dot."""
    from matplotlib.figure import Figure  # noqa: PLC0415 -- slow to import, needed only here

    figure = Figure(figsize=(8, 1 + 0.6 * len(found.ways)), layout="constrained")
    axes = figure.subplots()
    for row, way in enumerate(found.ways):
        rates = found.rates[way]
        axes.barh(row, found.median(way), color="#7a9cc6")
        axes.plot(rates, [row] * len(rates), "k.", markersize=5)
    axes.set_yticks(range(len(found.ways)), list(found.ways))
    axes.invert_yaxis()
    axes.set_xlabel(f"{found.unit} a second: {found.title.format(amount=f'{found.amount:,}')}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)

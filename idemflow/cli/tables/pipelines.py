"""Tables of pipelines."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from idemflow.canvas.component_state import State
from idemflow.canvas.difference import Change
from idemflow.cli.tables import table
from idemflow.cli.tables.differences import changes_table
from idemflow.cli.tables.examples import examples
from idemflow.cli.tables.sparkline import sparkline
from idemflow.commands.remove import Removal
from idemflow.commands.run import RunsReport
from idemflow.commands.status import PipelineStatus
from idemflow.elasticsearch.examples import in_words
from idemflow.elasticsearch.verify import Verification
from idemflow.steps.rules.words import counted


def runs_table(report: RunsReport) -> RenderableType:
    """The table of ``idemflow run``: a line a run, and what the index holds afterwards."""
    # What not every pipeline can have is shown where it is there.
    optional = [
        name
        for name in ("repeated", "deleted", "dropped")
        if any(getattr(run, name) for run in report.runs)
    ]
    counts = ["sent", "created", "overwritten", *optional, "stale"]
    bad = {"dead letters": "yellow", "duplicates": "red", "lost": "red"}
    rows = table(right=("run", *counts, *bad, "seconds"))
    for number, run in enumerate(report.runs, start=1):
        rows.add_row(
            str(number),
            *(f"{getattr(run, name):,}" for name in counts),
            *(_bad(getattr(run, name.replace(" ", "_")), color) for name, color in bad.items()),
            f"{run.seconds:.1f}",
        )
    parts: list[RenderableType] = [rows]
    if told := next((run for run in reversed(report.runs) if run.repeated), None):
        parts.append(f"[yellow]{in_words(told.repeated, told.collisions)}[/]:")
        parts += examples(told.examples)
    parts += [
        f"Run {number}: [yellow]{counted(count, 'document')} taken over from {escape(sender)}[/]"
        for number, run in enumerate(report.runs, start=1)
        for sender, count in sorted(run.taken_over.items())
    ]
    verdict = "[green]nothing twice, nothing lost[/]"
    if told and report.unique != "allow":
        verdict = "[yellow]of records with one id, one counts[/]"
    if not report.idempotent:
        verdict = "[red]not idempotent[/]"
    if letters := sum(run.dead_letters for run in report.runs):
        verdict += f"; [yellow]{counted(letters, 'dead letter')}[/]"
    return Group(*parts, f"{counted(report.documents, 'document')} in {report.index}: {verdict}.")


def deployed(pipeline: str, changes: list[Change]) -> list[RenderableType]:
    """What was deployed before a run; nothing where nothing was."""
    if not changes:
        return []
    return [f"{pipeline} was deployed first, since its files had changed:", changes_table(changes)]


def drift(pipeline: str, places: int) -> list[str]:
    """What to say where the canvas differs from the files; nothing where it does not."""
    return [
        f"The canvas differs from the files in {counted(places, 'place')}; "
        f"see: idemflow deploy {pipeline} --dry-run"
    ] * bool(places)


def verification_table(result: Verification) -> RenderableType:
    """The table of ``idemflow verify``."""
    rows = table("", "documents", "checksum")
    color = "green" if result.equal else "red"
    rows.add_row(
        f"sent by {counted(result.runs, 'run')}", f"{result.expected:,}", result.expected_checksum
    )
    rows.add_row(f"in {result.index}", f"{result.documents:,}", f"[{color}]{result.checksum}[/]")
    parts: list[RenderableType] = [rows]
    for name, ids, count in (
        ("missing", result.missing, result.missing_count),
        ("extra", result.extra, result.extra_count),
        ("different", result.different, result.different_count),
    ):
        if ids:
            more = f" and {count - len(ids):,} more" if count > len(ids) else ""
            shown = ", ".join(escape(identifier) for identifier in ids)
            parts.append(f"[red]{name}[/]: {shown}{more}")
    if result.behind:
        parts.append(_behind(result))
    if result.running:
        parts.append(
            f"[yellow]{result.pipeline} is running[/]: {result.unsettled:,} ids are on their way "
            "and not judged yet."
        )
    if result.repeated:
        words = in_words(result.repeated, result.collisions)
        parts += [f"[yellow]Of the last run, {words}[/]:", *examples(result.examples)]
    if result.other_identity:
        parts.append(
            f"[yellow]{result.other_identity:,} documents have another id than the pipeline's "
            "identity makes of them[/]: they were sent before it changed."
        )
    if not result.ran:
        parts.append(
            f"[yellow]{escape(result.pipeline)} never ran[/]: there is nothing to compare yet."
        )
    elif result.equal:
        settled = "What is settled" if result.running else "The index"
        if result.collisions or result.other_identity:
            parts.append(f"{settled} is what counts of what was sent.")
        else:
            but = " and not refused" if result.behind else ""
            parts.append(f"[green]{settled} is exactly what was sent{but}.[/]")
    return Group(*parts)


def _behind(result: Verification) -> str:
    count, ids = result.behind_count, ", ".join(map(escape, result.behind))
    more = f" and {count - len(result.behind):,} more" if count > len(result.behind) else ""
    see = f"see: idemflow dead-letters list {result.pipeline}"
    of = counted(count, "document")
    return f"[yellow]Of {of} a newer state is a dead letter[/]: {ids}{more}; {see}"


def states_table(states: Iterable[State]) -> Table:
    """The table of ``idemflow source show``."""
    rows = Table("step", "key", "value", box=None, padding=(0, 1, 0, 0))
    for state in states:
        for key, value in sorted(state.entries.items()):
            rows.add_row(escape(state.step), escape(key), escape(value))
    return rows


def pipelines_table(pipelines: Iterable[PipelineStatus]) -> RenderableType:
    """The pipelines of ``idemflow status``, and why something waits."""
    pipelines = list(pipelines)
    rows = Table("pipeline", "steps", "runs", box=None, padding=(0, 1, 0, 0))
    known = any(pipeline.records for pipeline in pipelines)
    if known:
        rows.add_column("records", no_wrap=True)
    rows.add_column("queued", justify="right")
    rows.add_column("where")
    colors = {"running": "green", "not deployed": "dim", "stopped": "dim", "orphan": "yellow"}
    parts: list[RenderableType] = [rows]
    for pipeline in pipelines:
        where = ", ".join(f"{count:,} in {queue}" for queue, count in pipeline.queues.items())
        rows.add_row(
            pipeline.name,
            f"[{colors.get(pipeline.state, 'red')}]{pipeline.state}[/]",
            runs(pipeline),
            *[_recent(pipeline)] * known,
            f"{pipeline.queued:,}",
            escape(where),
        )
        parts += [f"[yellow]{pipeline.name}[/]: {escape(reason)}" for reason in pipeline.reasons]
        if pipeline.problem:
            parts.append(f"[yellow]{pipeline.name}[/]: {escape(pipeline.problem)}")
        if pipeline.next_command:
            parts.append(f"next: {escape(pipeline.next_command)}")
    return Group(*parts)


def _recent(pipeline: PipelineStatus) -> str:
    """The records of the last runs, as a picture, and of the last one in digits."""
    last = pipeline.records[-1:]
    return f"{sparkline(pipeline.records)} {last[0]:,}" if last else ""


def runs(pipeline: PipelineStatus) -> str:
    """When a pipeline runs, in markup."""
    words = escape(pipeline.runs)
    if pipeline.schedule is None:
        return f"[dim]{words}[/]"
    return f"{words} [dim]({pipeline.schedule})[/]"


def removal_table(removal: Removal) -> RenderableType:
    """What ``idemflow remove`` takes away, and what stays."""
    rows = table("", show_header=False)
    rows.add_column(overflow="fold")
    if removal.group is not None:
        queued = f", with {removal.queued:,} FlowFiles" if removal.queued else ""
        rows.add_row("process group", escape(removal.group) + queued)
    if removal.context is not None:
        rows.add_row("parameter context", escape(removal.context))
    if removal.deployed_from is not None:
        rows.add_row("deployed from", escape(removal.deployed_from))
    for name, count in removal.indices.items():
        documents = "which cannot be read" if count is None else _documents(count)
        rows.add_row("index", f"{escape(name)}, {documents}")
    for kind, names in (("alias", removal.aliases), ("index template", removal.templates)):
        for name in names:
            rows.add_row(kind, escape(name))
    for kind, number in (("runs", removal.runs), ("dead letters", removal.dead_letters)):
        if number:
            rows.add_row(kind, f"{number:,}")
    for stays in removal.stays:
        rows.add_row("stays", escape(stays))
    return rows


def _documents(count: int) -> str:
    return f"{count:,} document" + ("" if count == 1 else "s")


def _bad(count: int, color: str) -> str:
    return f"[{color}]{count:,}[/]" if count else "0"

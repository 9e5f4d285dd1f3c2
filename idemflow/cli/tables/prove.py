"""What ``idemflow prove`` found, for a person."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markup import escape

from idemflow.cli.tables import table
from idemflow.prove.journal import Journal, MethodResult
from idemflow.prove.methods import Method
from idemflow.prove.plan import Plan

_COLORS = {"passed": "green", "failed": "red", "inconclusive": "yellow"}


def proof(journal: Journal) -> RenderableType:
    """A row a method: what became of the records, and how long it took until all was well."""
    rows = table("method", "")
    # Short words: all of it fits 80 columns.
    for name in ("tries", "void", "lost", "doubled", "stale", "dead", "back in"):
        rows.add_column(name, justify="right", no_wrap=True)
    for one in journal.methods:
        rows.add_row(
            one.name,
            _colored(one.verdict),
            f"{len(one.tries)}",
            _bad(one.inconclusive, "yellow"),
            _bad(one.total("lost") + one.total("never_read"), "red"),
            _bad(one.total("doubled"), "red"),
            _bad(one.total("stale"), "red"),
            f"{one.total('dead_letters'):,}",
            "" if one.recovery is None else f"{one.recovery:.1f} s",
        )
    parts: list[RenderableType] = [_source(journal)]
    if journal.methods:
        parts.append(rows)
    parts += [f"not tried: {escape(f'{name}: {why}')}" for name, why in journal.not_tried.items()]
    states = [state for state in (journal.before, journal.after) if state]
    parts += [f"[red]{escape(text)}[/]" for state in states for text in state.problems]
    parts += [
        f"[{_COLORS[one.verdict]}]{result.name}, try {one.number}[/]: {escape(one.why)}"
        for result in journal.methods
        for one in result.tries
        if one.verdict != "passed"
    ]
    parts.append(f"{escape(journal.pipeline)}: {_colored(journal.verdict)}, {escape(journal.why)}.")
    parts.append(f"[dim]seed {journal.seed}, {journal.seconds:.0f} s[/]")
    return Group(*parts)


def proofs(journals: Sequence[Journal]) -> RenderableType:
    """A row a proof."""
    rows = table("pipeline", "", "seed")
    for name in ("methods", "tries", "seconds"):
        rows.add_column(name, justify="right", no_wrap=True)
    rows.add_column("why")
    for one in journals:
        rows.add_row(
            escape(one.pipeline),
            _colored(one.verdict),
            f"{one.seed}",
            f"{len(one.methods)}",
            f"{sum(len(method.tries) for method in one.methods)}",
            f"{one.seconds:,.0f}",
            escape(one.why),
        )
    return rows


def line(result: MethodResult) -> str:
    """One method that has come to its end."""
    took = sum(one.seconds for one in result.tries)
    return f"{_colored(result.verdict)} {result.name}: {escape(result.what)} [dim]{took:.0f} s[/]"


def announced(plan: Plan, home: str) -> list[str]:
    """What a proof will do, before it is asked for."""
    name = plan.pipeline
    lines = [
        f"A copy of {name}, proof-{name}, is put on the canvas with an index of its own, run "
        f"{len(plan.methods) + 2} times and more, and taken away. {name} itself and its index are "
        "not touched."
    ]
    if plan.kills:
        count = sum(one.kills for one in plan.methods)
        lines.append(
            f"NiFi and Elasticsearch of {escape(home)} are killed or stopped {count} times and "
            "started again: whatever else runs on them waits meanwhile."
        )
    return lines


def methods_table(methods: tuple[Method, ...]) -> RenderableType:
    """The methods, and what each needs."""
    rows = table("method", "quick", "kills")
    rows.add_column("what is done")
    for one in methods:
        rows.add_row(one.name, "yes" * one.quick, "yes" * one.kills, escape(one.what))
    return rows


def _source(journal: Journal) -> str:
    known = journal.source
    if not known:
        return "[yellow]The source was not read.[/]"
    contents = "" if known.get("contents", True) else "; its contents differ each time, ids count"
    return escape(
        f"The source gives {known['given']:,} records, known from {known['known_from']}{contents}."
    )


def _colored(verdict: str) -> str:
    return f"[{_COLORS[verdict]}]{verdict}[/]"


def _bad(count: int, color: str) -> str:
    return f"[{color}]{count:,}[/]" if count else "0"

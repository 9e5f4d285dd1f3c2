"""Tables of dead letters."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from idemflow.cli.tables import harmless, on_one_line, table
from idemflow.cli.tables.pipelines import deployed, drift
from idemflow.commands.dead_letters import Dropped, Listing, ReplayReport
from idemflow.dead_letters.store import Letter
from idemflow.steps.rules.words import counted

_ID = 12
_RUN = 15
# How many reasons a table names, and how much of a content is shown.
_REASONS = 10
_CONTENT = 20_000
_FACTS = (
    "id", "time", "step", "reason", "record_id", "version", "delete", "source", "position", "run",
    "stage", "attempts", "replay",
)  # fmt: skip


def count(number: int) -> str:
    """A number of dead letters in words."""
    return counted(number, "dead letter")


def listing(result: Listing) -> RenderableType:
    """The table of ``idemflow dead-letters list``."""
    if not result.letters:
        return f"{result.pipeline} has no such dead letters."
    rows = table("letter")
    rows.add_column("what and why", overflow="fold")
    for one in result.letters:
        rows.add_row(one.id[:_ID], Text("\n").join([_facts(one), on_one_line(one.reason)]))
    more = result.total - len(result.letters)
    are = counted(more, "more of them is", "more of them are")
    shown = f", {are} not shown (--limit)" if more else ""
    return Group(rows, f"{count(result.total)}{shown}:", _reasons(result.reasons))


def letter(found: Letter, content: str) -> RenderableType:
    """Everything of one letter."""
    rows = table(show_header=False)
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    for name in _FACTS:
        value = getattr(found, name)
        if value is not None and value is not False:
            title = {"id": "letter", "record_id": "record"}.get(name, name)
            rows.add_row(title, harmless("yes" if value is True else str(value)))
    pretty = _pretty(content)
    parts: list[RenderableType] = [rows, harmless(pretty[:_CONTENT])]
    if len(pretty) > _CONTENT:
        parts.append(
            f"… and {len(pretty) - _CONTENT:,} characters more; all of it: "
            f"idemflow dead-letters export {found.pipeline} --letter {found.id[:_ID]}"
        )
    return Group(*parts)


def replayed(result: ReplayReport) -> RenderableType:
    """What ``idemflow dead-letters replay`` did."""
    if not result.chosen:
        return f"{result.pipeline} has no such dead letters: nothing to do."
    words = [f"{count(result.sent)} sent again in {result.seconds:.1f} s"]
    words.append(f"[green]{result.went_in:,} went in[/]")
    if result.stale:
        were = counted(result.stale, "was", "were")
        words.append(f"{were} older than what the index has")
    if result.dead_letters:
        words.append(f"[yellow]{count(result.dead_letters)} again[/]")
    if result.lost:
        words.append(f"[red]{result.lost:,} lost[/]")
    parts: list[RenderableType] = ["; ".join(words) + "."]
    if result.chosen > result.sent:
        gone = result.chosen - result.sent
        parts.append(
            counted(gone, "was gone by then, or is damaged.", "were gone by then, or are damaged.")
        )
    if result.reasons:
        parts.append(_reasons(result.reasons))
    if result.left:
        parts.append(
            f"{count(result.left)} left; see: idemflow dead-letters list {result.pipeline}"
        )
    else:
        parts.append("No dead letters are left.")
    before = deployed(result.pipeline, result.deployed)
    return Group(*before, *parts, *drift(result.pipeline, result.drift))


def dropped(result: Dropped) -> str:
    """What ``idemflow dead-letters drop`` did."""
    if not result.found:
        return f"{result.pipeline} has no such dead letters: nothing to do."
    left = result.found - result.dropped
    rest = f" {counted(left, 'stays', 'stay')}." if left else ""
    return f"Deleted {count(result.dropped)}.{rest}"


def _reasons(reasons: Sequence[tuple[str, int]]) -> RenderableType:
    rows = table(right=("",), show_header=False)
    rows.add_column(overflow="fold")
    for reason, number in reasons[:_REASONS]:
        rows.add_row(f"{number:,}", harmless(reason))
    if len(reasons) > _REASONS:
        rest = sum(number for _, number in reasons[_REASONS:])
        rows.add_row(f"{rest:,}", f"for {counted(len(reasons) - _REASONS, 'other reason')}")
    return rows


def _facts(one: Letter) -> Text:
    """What a letter is of, on a line of its own before the reason."""
    facts = [one.time[:19].replace("T", " "), one.step]
    if one.record_id is not None:
        facts.append(f"record {one.record_id}")
        if one.version is not None:
            facts[-1] += f" version {one.version}"
        if one.delete:
            facts[-1] += " (delete)"
    if place := ":".join(part for part in (one.source, one.position) if part):
        facts.append(f"at {place}")
    facts.append(f"run {one.run[:_RUN]}")
    if one.attempts > 1:
        facts.append(f"{one.attempts} tries")
    line = on_one_line(" · ".join(facts))
    line.stylize("dim")
    return line


def _pretty(content: str) -> str:
    """A JSON object indented; anything else as it is."""
    try:
        return json.dumps(json.loads(content), indent=2, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return content

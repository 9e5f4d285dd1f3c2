"""What ``idemflow trace`` shows."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from idemflow.cli.tables import harmless, on_one_line, table
from idemflow.commands._life import Now, Outcome, State, Step
from idemflow.commands.trace import Trace
from idemflow.steps.rules.words import counted

# Of a content hash, of a letter's id and of a document so much is shown.
_HASH = 12
_DOCUMENT = 300
# Rows that are shown of the indices and of the runs; `--json` has all.
_INDICES = 10
_STEPS = 20

# Why NiFi may have nothing of a document that was sent.
_NONE = (
    "With load.batch above 1 a FlowFile is many documents and cannot be told by the id of one of "
    "them; and NiFi keeps its provenance for a time alone."
)

_STATES: dict[State, tuple[str, str]] = {
    "as_sent": ("as it was sent last, by run {run}", "green"),
    "deleted": ("deleted, as run {run} said", "green"),
    "different": ("NOT what was sent last, by run {run}", "red"),
    "missing": ("NOT there, although run {run} sent it", "red"),
    "on_its_way": ("not what was sent last, by run {run}; records are on their way", "yellow"),
    "unknown_sender": ("there, and no known run sent it", "yellow"),
    "absent": ("not there: nothing that was sent went in", "yellow"),
    "gone": ("there is no such index any more", "dim"),
}
_OUTCOMES: dict[Outcome, tuple[str, str]] = {
    "in_index": ("in the index, as sent", "green"),
    "deleted": ("deleted the document", "green"),
    "sent_again": ("sent again by a later run, the same", ""),
    "overwritten": ("overwritten by a newer one", ""),
    "stale": ("stale: the index had a newer one", ""),
    "dead_letter": ("dead letter", "yellow"),
    "on_its_way": ("on its way", "yellow"),
    "missing": ("sent, and not in the index", "red"),
    "different": ("sent last, and the index has something else", "red"),
    "index_gone": ("its index is gone", "dim"),
}


def trace(found: Trace) -> RenderableType:
    """The life of a document."""
    head = Text.assemble(("document ", "bold"), identifier(found.id))
    if found.asked is not None:
        size = counted(len(found.asked.encode()), "byte")
        head.append(f"   (the hash of what was given, which has {size})")
    return Group(head, *_indices(found), *_runs(found), *_flow_files(found), *_notes(found))


def identifier(text: str) -> Text:
    """An id, which may hold anything, so that its ends are seen."""
    shown = harmless(text.replace("\n", "\\n"))
    return shown if text == text.strip() else Text.assemble("'", shown, "'")


def _indices(found: Trace) -> Iterator[RenderableType]:
    shown = [one for one in found.now if one.current or one.state != "gone"][:_INDICES]
    for one in shown:
        words, style = _STATES[one.state]
        earlier = not one.current and any(other.current for other in found.now)
        whose = " (which readers do not see)" if earlier else ""
        line = Text.assemble("in ", (one.index, "bold"), f"{whose}: ")
        line.append(words.format(run=one.sent_by), style=style)
        facts = _facts_of(one)
        yield Text.assemble(line, f" · {facts}") if facts else line
        if one.document is not None:
            yield Text.assemble("  ", on_one_line(_document(one)))
    if len(found.now) > len(shown):
        more = counted(len(found.now) - len(shown), "more index", "more indices")
        yield Text(f"and {more} that it was sent to (--json has all)", style="dim")


def _facts_of(one: Now) -> str:
    facts = [f"version {one.version}"] if one.version is not None else []
    if one.content:
        facts.append(f"content {one.content[:_HASH]}")
    if one.state == "different" and one.sent_content:
        facts.append(f"sent was {one.sent_content[:_HASH]}")
    return ", ".join(facts)


def _document(one: Now) -> str:
    return _cut(json.dumps(one.document, ensure_ascii=False))


def _runs(found: Trace) -> Iterator[RenderableType]:
    if not found.steps:
        return
    several = len({one.index for one in found.steps}) > 1 or len(found.pipelines) > 1
    rows = table("run")
    rows.add_column("what became of it", overflow="fold")
    for one in found.steps[:_STEPS]:
        words, style = _OUTCOMES[one.outcome]
        lines = [Text(words, style=style), _facts(one, several=several), *_further(one)]
        rows.add_row(harmless(one.run), Text("\n").join(lines))
    yield rows
    if len(found.steps) > _STEPS:
        more = counted(len(found.steps) - _STEPS, "earlier run", "earlier runs")
        yield Text(f"and {more} that sent it (--json has all)", style="dim")


def _facts(one: Step, *, several: bool) -> Text:
    facts = [(one.started or "")[:19].replace("T", " "), one.trigger or ""]
    if several:
        facts += [one.pipeline, f"to {one.index}" if one.index else ""]
    if one.position:
        facts.append(f"at {one.source}:{one.position}" if one.source else f"at {one.position}")
    elif one.source:
        facts.append(f"from {one.source}")
    operation = one.operation or ""
    facts.append(operation if one.version is None else f"{operation} version {one.version}".strip())
    if one.content:
        facts.append(f"content {one.content[:_HASH]}")
    line = on_one_line(" · ".join(fact for fact in facts if fact))
    line.stylize("dim")
    return line


def _further(one: Step) -> Iterator[Text]:
    if one.folded:
        last = f"; run {one.last} sent the id last" if one.last > one.run else ""
        yield Text(f"folded: where it was in its source is not known any more{last}", style="dim")
    if one.records is not None and one.records > 1:
        other = f"{one.collisions:,} with another content" if one.collisions else "all the same"
        yield Text(f"{one.records:,} records of the run have the id, {other}", style="yellow")
    if one.fate is not None:
        yield _letter(one)
    if one.reason:
        yield on_one_line(f"{one.refused_by}: {one.reason}")


def _letter(one: Step) -> Text:
    what = "it" if one.outcome == "dead_letter" else "another record of the run"
    name = f"the dead letter {one.letter[:_HASH]}" if one.letter else "a dead letter"
    words = {
        "waits": f"{what} is {name}, which waits",
        "went_in": f"{what} was {name}; its record went in with run {one.fate_run}",
        "stale": f"{what} was {name}; run {one.fate_run} found a newer one in the index",
        "dropped": f"{what} was {name}; nothing has sent it since, and it is gone: dropped",
    }[one.fate or "waits"]
    if one.fate == "waits" and one.fate_run:
        words += f"; run {one.fate_run} was refused it again"
    return Text(words, style="yellow" if one.fate == "waits" else "")


def _flow_files(found: Trace) -> Iterator[RenderableType]:
    """What NiFi's provenance has."""
    if found.provenance is None:
        return
    rows = table("FlowFile")
    rows.add_column("what NiFi has of it", overflow="fold")
    canvas = next(iter(found.canvas.values()), "").partition("#")[0]
    for one in found.provenance.flow_files:
        lines = [
            on_one_line(f"{one.started} · run {one.run} · to {one.index}"),
            on_one_line(" · ".join(one.events)),
            on_one_line(_cut(one.content) if one.content is not None else f"({one.why})"),
            Text(f"{canvas}#/provenance?flowFileUuid={one.uuid}", style="dim"),
        ]
        rows.add_row(harmless(one.uuid), Text("\n").join(lines))
    if found.provenance.flow_files:
        yield rows
    elif not found.provenance.why:
        yield on_one_line(f"NiFi's provenance has no FlowFile of this document alone. {_NONE}")
    if found.provenance.why:
        yield on_one_line(f"NiFi's provenance: {found.provenance.why}")


def _cut(text: str) -> str:
    return text if len(text) <= _DOCUMENT else f"{text[:_DOCUMENT]}…"


def _notes(found: Trace) -> Iterator[RenderableType]:
    runs = counted(found.runs_read, "run was looked at", "runs were looked at")
    if found.more_runs:
        runs += f", back to {found.oldest_run}; --runs shows more"
    if found.folded_runs:
        folded = counted(found.folded_runs, "earlier one is folded", "earlier ones are folded")
        runs += f"; {folded}: of these, what counts is known, and no more"
    yield Text(f"{runs}.", style="dim")
    for letter in found.letters[:1]:
        yield escape(f"See: idemflow dead-letters show {letter.pipeline} {letter.id[:_HASH]}")
    for name, url in found.canvas.items():
        yield Text(f"{name} on the canvas: {url}")
    if found.unseen is not None:
        yield Text.assemble("NiFi could not be asked: ", on_one_line(found.unseen))

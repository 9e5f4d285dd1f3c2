"""``idemflow trace``: the life of one document, from the ledger, the index and the dead letters."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from elasticsearch import NotFoundError

from idemflow import servers
from idemflow.canvas import client, monitoring, ownership
from idemflow.canvas.components import names_of_components
from idemflow.canvas.provenance import Provenance, of_document
from idemflow.commands import _life
from idemflow.commands._life import Now, Step
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.dead_letters import store
from idemflow.dead_letters.store import Filters, Letter
from idemflow.elasticsearch.held import Held, held
from idemflow.elasticsearch.history import PastRun, past_runs
from idemflow.elasticsearch.indices import Indices
from idemflow.elasticsearch.ledger import DEAD_LETTERS, Ledger, opened
from idemflow.elasticsearch.ownership import Mark, Owner, check_name, names_of
from idemflow.elasticsearch.search import batches
from idemflow.elasticsearch.trace import Scope, Sending, Sendings, sendings
from idemflow.errors import IdemflowError, UsageError
from idemflow.pipeline import spec
from idemflow.pipeline.spec import Pipeline
from idemflow.servers import Target
from idemflow.steps.rules.identity import MAX_ID_BYTES, fitted

# What may be the name of one index.
_INDEX = re.compile(r"[^_+.\-][^\s\\/*?\"<>|,#:A-Z]*")
_RUNS_AT_ONCE = 1000
# Dead letters of one id that are looked at: of files, there may be one a file.
_LETTERS = 100


@dataclass(frozen=True)
class Trace:
    """The life of a document.

    Attributes:
        id: its id.
        asked: what was asked for, which is longer than an id can be; ``None`` where it is the id.
        pipelines: the pipelines that were looked at.
        now: what the indices have.
        steps: the runs that sent it, newest first.
        letters: its dead letters that wait.
        runs_read: how many runs were looked at, one by one.
        oldest_run: the oldest of them; empty where there is none.
        more_runs: whether there are older ones.
        folded_runs: how many runs are folded: of these the states that count alone are known.
        canvas: the address of each pipeline's process group, where it has one.
        unseen: why NiFi could not be asked; ``None`` where it was.
        provenance: the FlowFiles that NiFi's provenance still has of it; ``None`` where that was
            not asked for.
    """

    id: str
    asked: str | None
    pipelines: tuple[str, ...]
    now: list[Now]
    steps: list[Step]
    letters: list[Letter]
    runs_read: int
    oldest_run: str
    more_runs: bool
    folded_runs: int
    canvas: dict[str, str] = field(default_factory=dict)
    unseen: str | None = None
    provenance: Provenance | None = None


@dataclass(frozen=True)
class _Place:
    """What was asked for.

    Attributes:
        pipelines: whose dead letters and process groups belong to it.
        scope: whose runs do.
        current: the indices that readers look at.
        pipeline: the pipeline, where there is one and its files are sound.
    """

    pipelines: tuple[str, ...]
    scope: Scope
    current: tuple[str, ...]
    pipeline: Pipeline | None = None


@dataclass(frozen=True)
class _Canvas:
    groups: dict[str, str]
    urls: dict[str, str]
    busy: bool
    unseen: str | None = None


def trace(
    settings: Settings,
    where: str,
    identifier: str,
    *,
    runs: int | None = None,
    provenance: bool = False,
) -> Trace:
    """Tell what became of everything that was sent under an id.

    Args:
        settings: the resolved settings.
        where: a pipeline of the project, or an index of one.
        identifier: the document's id.
        runs: at most so many of the newest runs are looked at; ``None`` for all that the ledger
            has.
        provenance: whether NiFi's provenance is asked for its FlowFiles, too.

    Raises:
        UsageError: there is no such pipeline or index, or nobody knows the id.
        RuntimeNotUp: the servers do not run.
    """
    key = _key(identifier)
    target = servers.connect(settings)
    with opened(target.elasticsearch) as ledger:
        place = _place(ledger, settings, where)
        # Asked first: of what is idle now, all has arrived when the index is read.
        canvas = _canvas(target, project_id(settings), place.pipelines)
        sent = sendings(ledger, place.scope, key, runs=runs)
        names = sorted({*place.pipelines, *(one.pipeline for one in sent.found)})
        letters = list(_letters(ledger, names, key))
        now = _now(ledger, place, sent.found, key, busy=canvas.busy)
        if not (sent.found or letters or any(one.document is not None for one in now)):
            raise _unknown(ledger, where, key, place, sent)
        known = {one.run for one in sent.found} | {one.run for one in letters}
        summaries = {one.run: one for one in _summaries(ledger, known)}
    return Trace(
        id=key,
        asked=None if key == identifier else identifier,
        pipelines=tuple(names),
        now=now,
        steps=_life.steps(sent.found, summaries, letters, {one.index: one for one in now}),
        letters=letters,
        runs_read=sent.runs,
        oldest_run=sent.oldest,
        more_runs=sent.more,
        folded_runs=sent.folded,
        canvas=canvas.urls,
        unseen=canvas.unseen,
        provenance=_provenance(canvas, key) if provenance else None,
    )


def _key(identifier: str) -> str:
    """The id that a document has whose record says this.

    Raises:
        UsageError: no document can have it.
    """
    try:
        key = fitted(identifier)
    except ValueError:
        raise UsageError("the id is not valid UTF-8: no document has such a one") from None
    if not key.strip():
        raise UsageError("the id is blank: no document of a pipeline has such a one")
    return key


def _place(ledger: Ledger, settings: Settings, where: str) -> _Place:
    """Find what is meant: the name of a pipeline comes before that of an index.

    Raises:
        UsageError: this project has neither; or another project has the pipeline.
    """
    project = project_id(settings)
    deployed, files = names_of(ledger, project), spec.names(settings.project)
    if where in (*deployed, *files):
        check_name(ledger, Owner(project, where))
        return _of_pipeline(ledger, project, where, _load(settings, where))
    loaded = (_load(settings, name) for name in files)
    pipelines = [one for one in loaded if one is not None]
    for one in pipelines:
        if one.index.name == where and not one.index.shared:
            return _of_pipeline(ledger, project, one.name, one)
    owners = _owners_of_index(ledger, project, where)
    names = tuple(sorted(owners))
    if not owners:
        # An index that is gone: that of an earlier snapshot, or of a day.
        owners = {where: {one.name for one in pipelines if one.is_target(where)}}
        names = (where,)
    found = set().union(*owners.values())
    if not found:
        example = next(iter((*deployed, *files)), None)
        raise UsageError(
            f"this project has neither a pipeline nor an index {where!r}",
            next_command=f"idemflow trace {example} ID" if example else "idemflow status",
        )
    return _Place(tuple(sorted(found)), Scope((), names), names)


def _owners_of_index(ledger: Ledger, project: str, where: str) -> dict[str, set[str]]:
    """The pipelines that write to each index behind a name, if one of them is the project's."""
    if not _INDEX.fullmatch(where):
        return {}
    with ledger.errors():
        try:
            found = ledger.client.indices.get(
                index=where,
                expand_wildcards="none",
                filter_path=["*.settings.index.uuid", "*.mappings._meta"],
            )
        except NotFoundError:
            return {}
    marks = {
        name: Mark.read(one.get("mappings", {}).get("_meta", {})) for name, one in found.items()
    }
    return {
        name: {owner.pipeline for owner in mark.owners}
        for name, mark in marks.items()
        if mark and any(owner.project == project for owner in mark.owners)
    }


def _load(settings: Settings, name: str) -> Pipeline | None:
    """A pipeline, where its files are there and sound."""
    try:
        return spec.load(settings.project, name)
    except UsageError:
        return None


def _of_pipeline(ledger: Ledger, project: str, name: str, pipeline: Pipeline | None) -> _Place:
    current: tuple[str, ...] = ()
    if pipeline is not None:
        try:
            current = tuple(Indices(ledger, pipeline, Owner(project, name)).targets())
        except UsageError:  # its alias is not its own: a deployment says so
            current = ()
    # Others may have sent something to an index that all runs write to.
    fixed = pipeline is not None and pipeline.target == pipeline.target_pattern
    return _Place((name,), Scope((name,), current if fixed else ()), current, pipeline)


def _canvas(target: Target, project: str, pipelines: Iterable[str]) -> _Canvas:
    """Where the pipelines are, and whether records are on their way; NiFi may be away."""
    groups: dict[str, str] = {}
    urls: dict[str, str] = {}
    busy = False
    try:
        client.connect(target.nifi, project)
        for name in pipelines:
            group = ownership.find(name).group
            if group is not None:
                groups[name] = group
                urls[name] = f"{target.nifi.url}/nifi/#/process-groups/{group}"
                busy = busy or not monitoring.activity(group).idle
    except IdemflowError as error:
        return _Canvas(groups, urls, busy=True, unseen=error.message)
    return _Canvas(groups, urls, busy)


def _provenance(canvas: _Canvas, key: str) -> Provenance:
    """What NiFi's provenance has; a NiFi that cannot tell is no reason to tell nothing."""
    try:
        components = [one for group in canvas.groups.values() for one in names_of_components(group)]
        return of_document(key, components)
    except IdemflowError as error:
        return Provenance(why=error.message)


def _letters(ledger: Ledger, pipelines: Iterable[str], key: str) -> Iterator[Letter]:
    for name in pipelines:
        yield from islice(store.find(ledger, name, Filters(record=key)), _LETTERS)


def _summaries(ledger: Ledger, runs: Iterable[str]) -> Iterator[PastRun]:
    for some in batches(sorted(runs), _RUNS_AT_ONCE):
        yield from past_runs(ledger, {"ids": {"values": some}}, len(some))


def _now(
    ledger: Ledger, place: _Place, sent: Sequence[Sending], key: str, *, busy: bool
) -> list[Now]:
    """What each index has: those that readers look at come first, then the newest."""
    newest = dict.fromkeys(one.index for one in sent if one.index != DEAD_LETTERS)
    indices = [*place.current, *(name for name in newest if name not in place.current)]
    counts = _life.counting(sent)
    return [
        _life.compared(one, counts.get(one.index), current=one.index in place.current, busy=busy)
        for one in held(ledger, indices, key)
    ]


def _unknown(ledger: Ledger, where: str, key: str, place: _Place, sent: Sendings) -> UsageError:
    """What is said of an id that nobody knows, and what to try."""
    looked = f"none of the {sent.runs:,} runs that were looked at" if sent.more else "no known run"
    message = (
        f"nobody knows the id {_shortened(key)!r}: {looked} has sent it, and neither the index nor "
        f"the dead letters of {where} have it."
    )
    if place.pipeline is not None:
        message += _how_ids_are_made(place.pipeline)
    found = _like(ledger, place, key) or sent.sample
    if found is not None:
        return UsageError(
            f"{message} An id there is {_shortened(found)!r}",
            next_command=f"idemflow trace {where} {shlex.quote(found)}",
        )
    what = place.pipelines[0] if place.pipelines else where
    return UsageError(message, next_command=f"idemflow runs list {what}")


def _how_ids_are_made(pipeline: Pipeline) -> str:
    rule = pipeline.identity.rule()
    if rule.get("content"):
        return " Ids of this pipeline are hashes of the content."
    fields = rule["fields"]
    if len(fields) > 1:
        names = ", ".join(fields)
        return f" Ids of this pipeline are JSON arrays of {names}, without blanks."
    return f" Ids of this pipeline are the field {fields[0]}."


def _like(ledger: Ledger, place: _Place, key: str) -> str | None:
    """An id that an index has, and that may be meant."""
    forms = dict.fromkeys([key.strip(), key.lower(), key.upper(), key.strip("\"'"), key.title()])
    for form in forms:
        if form and form != key and len(form.encode()) <= MAX_ID_BYTES:
            found: Iterator[Held] = held(ledger, place.current, form)
            if any(one.document is not None for one in found):
                return form
    return None


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}…"

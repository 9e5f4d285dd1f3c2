"""Dead letters: the records that could not go in, found, read, marked for a replay, deleted.

They are documents of ``idemflow-dead-letters``, written by the flow. What a replay sends is marked
here and asked for by the flow; :mod:`idemflow.dead_letters.reconcile` deletes what went in.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from idemflow.dead_letters.kinds import says
from idemflow.elasticsearch.documents import at
from idemflow.elasticsearch.ledger import DEAD_LETTERS, Ledger
from idemflow.elasticsearch.search import batches, every
from idemflow.elasticsearch.spill import Row
from idemflow.errors import UsageError
from idemflow.steps.replay import COMPRESSED, PAGE_BYTES, PAGE_LETTERS, content_of
from idemflow.steps.rules.positions import whole_number

# Letters that are changed in one request.
_BULK = 1000
# Ids that a message names.
_NAMED = 5
# A letter without its content, and what says how far it is.
_HEAD = {"excludes": ["content"]}
_STATE = ["run", "record_id", "version", "modified", "replay", "checked"]
# Above this size a content is kept compressed.
_PLAIN_BYTES = 1024 * 1024
_AGE = re.compile(r"^(\d{1,6}) ?(s|sec|m|min|h|hours?|d|days?|w|weeks?)$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Letter:
    """A dead letter without its content.

    Attributes:
        id: the letter's own id.
        pipeline: the pipeline's name.
        run: the run that it was last sent in.
        time: when it became a dead letter, ISO 8601.
        step: the step that refused it.
        reason: why.
        source: the file that it comes from, if it does.
        position: its position in its source, or in its run.
        record_id: the id of its document, if it got as far.
        version: the version of its document, if it has one.
        modified: when its file was changed, in milliseconds since 1970, if the newer file wins.
        delete: whether it deletes the document.
        stage: ``collected`` (before the transform) or ``document`` (after it).
        attempts: how often it was refused.
        replay: the replay that has sent it and is not finished yet.
        checked: the run up to which it is known that its record did not go in.
        state: sequence number and primary term of the letter, to change just this state.
    """

    id: str
    pipeline: str
    run: str
    time: str
    step: str
    reason: str
    source: str | None = None
    position: str | None = None
    record_id: str | None = None
    version: int | None = None
    modified: int | None = None
    delete: bool = False
    stage: str = "collected"
    attempts: int = 1
    replay: str | None = None
    checked: str | None = None
    state: tuple[int, int] = field(default=(0, 0), repr=False, compare=False)


@dataclass(frozen=True)
class Filters:
    """Which letters of a pipeline are meant; each is optional, and all given ones must hold.

    Attributes:
        step: the step that refused them, in upper or lower case.
        reason: a text that the reason contains: see :func:`idemflow.dead_letters.kinds.says`.
        run: the run id, or its beginning.
        record: the id of the document.
        since: not before this time.
        letters: the letters' ids, or unique beginnings of them.
    """

    step: str | None = None
    reason: str | None = None
    run: str | None = None
    record: str | None = None
    since: datetime | None = None
    letters: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Whether all letters are meant."""
        return self == Filters()

    def query(self, pipeline: str) -> dict[str, Any]:
        """What of it Elasticsearch can tell, in its query language."""
        terms: list[dict[str, Any]] = []
        if self.step is not None:
            terms.append({"term": {"step": {"value": self.step, "case_insensitive": True}}})
        if self.run is not None:
            terms.append({"prefix": {"run": self.run}})
        if self.record is not None:
            terms.append({"term": {"record_id": self.record}})
        if self.since is not None:
            terms.append({"range": {"time": {"gte": self.since.isoformat()}}})
        return every(*terms, pipeline=pipeline)

    def matches(self, letter: Letter) -> bool:
        """The rest of it."""
        if self.letters and not letter.id.startswith(self.letters):
            return False
        return self.reason is None or says(letter.reason, self.reason)


def parse_since(text: str, now: datetime) -> datetime:
    """A point in time: an age (``30m``, ``1h``, ``2 days``), or a date and perhaps a time (UTC).

    Raises:
        UsageError: it is neither.
    """
    try:
        if age := _AGE.match(text.strip()):
            return now - timedelta(**{_UNITS[age[2][0]]: int(age[1])})
        found = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise UsageError(
            f"--since: {text!r} is neither an age (30m, 1h, 2d, 1w) nor a date "
            "(2026-01-31, 2026-01-31T08:00)"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def find(
    ledger: Ledger, pipeline: str, filters: Filters, *, oldest_first: bool = False
) -> Iterator[Letter]:
    """The letters of a pipeline that are meant, without their contents.

    Args:
        ledger: the ledger.
        pipeline: the pipeline's name.
        filters: which.
        oldest_first: by time; else in no order.

    Raises:
        UsageError: an id of ``filters.letters`` belongs to no letter, or to several.
    """
    found: dict[str, list[str]] = {prefix: [] for prefix in filters.letters}
    numbers = dict.fromkeys(filters.letters, 0)
    sort = ({"time": "asc"},) if oldest_first else None
    for hit in ledger.hits(DEAD_LETTERS, filters.query(pipeline), source=_HEAD, sort=sort):
        letter = letter_of(hit)
        if not filters.matches(letter):
            continue
        for prefix, ids in found.items():
            if letter.id.startswith(prefix):
                numbers[prefix] += 1
                if len(ids) < _NAMED or letter.id == prefix:
                    ids.append(letter.id)
        yield letter
    for prefix, ids in found.items():
        _check_unique(pipeline, prefix, ids, numbers[prefix])


class Letters:
    """The dead letters of a pipeline, as :mod:`idemflow.dead_letters.reconcile` sees them.

    Args:
        ledger: the ledger.
        pipeline: the pipeline's name.
    """

    def __init__(self, ledger: Ledger, pipeline: str) -> None:
        self.pipeline = pipeline
        self._ledger = ledger

    def count(self) -> int:
        """How many there are."""
        self._ledger.refresh(DEAD_LETTERS)
        return self._ledger.count(DEAD_LETTERS, Filters().query(self.pipeline))

    def marked(self) -> Iterator[Letter]:
        """Those that a replay has sent, replay by replay."""
        return self._having("replay", "replay")

    def with_id(self) -> Iterator[Letter]:
        """Those whose record has an id, by run."""
        return self._having("record_id", "run")

    def of_dated_files(self) -> Iterator[Letter]:
        """Those of files of which the newer wins."""
        return self._having("modified", "run")

    def versions(self, index: str) -> Iterator[tuple[str, int | None]]:
        """Ids and versions of the documents of an index that some of them were to become."""
        for letter in self._having("record_id", "run", index=index):
            yield str(letter.record_id), letter.version

    def _having(self, field: str, order: str, **terms: str) -> Iterator[Letter]:
        query = every({"exists": {"field": field}}, pipeline=self.pipeline, **terms)
        for hit in self._ledger.hits(DEAD_LETTERS, query, source=_STATE, sort=({order: "asc"},)):
            yield letter_of(hit)

    def delete(self, letters: Iterable[Letter]) -> int:
        """See :func:`delete`."""
        return delete(self._ledger, letters)

    def note_checked(self, letters: Iterable[Letter], run: str) -> None:
        """Note that the records of these letters did not go in up to a run."""
        for some in batches(letters, _BULK):
            operations: list[dict[str, Any]] = []
            for one in some:
                action = {"_index": DEAD_LETTERS, "_id": one.id, **at(*one.state)}
                operations += [{"update": action}, {"doc": {"checked": run}}]
            self._ledger.bulk(operations)


def get(ledger: Ledger, pipeline: str, prefix: str) -> tuple[Letter, str]:
    """One letter and its content.

    Args:
        ledger: the ledger.
        pipeline: the pipeline's name.
        prefix: the letter's id, or a beginning of it that no other letter has.

    Raises:
        UsageError: there is no such letter, or there are several.
        ValueError: its content cannot be unpacked.
    """
    first, *_ = find(ledger, pipeline, Filters(letters=(prefix,)))
    for letter, document in contents(ledger, [first.id]):
        return letter, content_of(document)
    raise UsageError(_gone(pipeline, prefix), next_command=f"idemflow dead-letters list {pipeline}")


def contents(ledger: Ledger, ids: Iterable[str]) -> Iterator[tuple[Letter, Mapping[str, Any]]]:
    """Letters with their documents, in the order of the ids, a few megabytes at a time; those that
    are gone are left out."""
    number, source = 10, iter(ids)
    while wanted := list(islice(source, number)):
        hits = {hit["_id"]: hit for hit in ledger.hits(DEAD_LETTERS, {"ids": {"values": wanted}})}
        size = sum(len(hit["_source"].get("content") or "") for hit in hits.values())
        for hit in (hits[identifier] for identifier in wanted if identifier in hits):
            yield letter_of(hit), hit["_source"]
        # The contents' sizes are not known before: ask for as many as gave about a page.
        number = max(1, min(PAGE_LETTERS, number * 2, number * PAGE_BYTES // max(1, size)))


def mark(ledger: Ledger, letters: Iterable[tuple[str, str | None]], replay: str) -> None:
    """Mark letters so that the flow's next replay sends them; those that are gone are left out.

    Args:
        ledger: the ledger.
        letters: their ids, each with the fixed content or ``None`` where it stays.
        replay: the replay's run id.
    """
    for number, page in enumerate(_pages(ledger, letters), start=1):
        operations: list[dict[str, Any]] = []
        for identifier, changes in page:
            operations.append({"update": {"_index": DEAD_LETTERS, "_id": identifier}})
            operations.append({"doc": {"replay": replay, "page": number, **changes}})
        ledger.bulk(operations)


def indices(ledger: Ledger, replay: str) -> set[str]:
    """The indices that the letters of a replay were meant for."""
    query = every({"exists": {"field": "index"}}, replay=replay)
    hits = ledger.hits(DEAD_LETTERS, query, source=["index"])
    return {hit["_source"]["index"] for hit in hits if hit["_source"]["index"]}


def delete(ledger: Ledger, letters: Iterable[Letter]) -> int:
    """Delete letters, each only if it is still as it was read.

    Returns:
        How many were deleted.
    """
    return ledger.delete(DEAD_LETTERS, ((one.id, at(*one.state)) for one in letters))


def letter_of(hit: Mapping[str, Any]) -> Letter:
    """A letter from a hit of :meth:`idemflow.elasticsearch.ledger.Ledger.hits`."""
    source = hit["_source"]

    def text(name: str) -> str | None:
        value = source.get(name)
        return None if value is None else str(value)

    return Letter(
        id=hit["_id"],
        pipeline=text("pipeline") or "",
        run=text("run") or "",
        time=text("time") or "",
        step=text("step") or "",
        reason=text("reason") or "",
        source=text("source"),
        position=text("position"),
        record_id=text("record_id"),
        version=source.get("version"),
        modified=whole_number(source.get("modified")),
        delete=bool(source.get("delete")),
        stage=text("stage") or "collected",
        attempts=int(source.get("attempts") or 1),
        replay=text("replay"),
        checked=text("checked"),
        state=(hit["_seq_no"], hit["_primary_term"]),
    )


def as_row(letter: Letter) -> Row:
    """What of a letter is needed to delete it."""
    return letter.id, letter.pipeline, letter.run, *letter.state


def from_row(row: Row) -> Letter:
    """The letter of :func:`as_row`."""
    identifier, pipeline, run, *state = row
    return Letter(identifier, pipeline, run, "", "", "", state=(state[0], state[1]))


def _check_unique(pipeline: str, prefix: str, ids: Sequence[str], number: int) -> None:
    if number == 1 or prefix in ids:
        return
    problem = _gone(pipeline, prefix)
    if ids:
        shown = ", ".join(sorted(ids)[:_NAMED]) + (", …" if number > _NAMED else "")
        problem = f"{number} dead letters begin with {prefix!r}: {shown}"
    raise UsageError(problem, next_command=f"idemflow dead-letters list {pipeline}")


def _gone(pipeline: str, prefix: str) -> str:
    return (
        f"the pipeline {pipeline!r} has no dead letter {prefix!r}: "
        "its record went in meanwhile, or there never was one"
    )


def _pages(
    ledger: Ledger, letters: Iterable[tuple[str, str | None]]
) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The letters in pages that the flow can hold in memory, with what changes in each."""
    page: list[tuple[str, dict[str, Any]]] = []
    page_size = 0
    for some in batches(letters, _BULK):
        stay = [identifier for identifier, fixed in some if fixed is None]
        sizes = {
            letter.id: len(document.get("content") or "")
            for letter, document in contents(ledger, stay)
        }
        for identifier, fixed in some:
            changes = {} if fixed is None else _packed(fixed)
            size = len(changes["content"]) if changes else sizes.get(identifier, 0)
            if page and (len(page) == PAGE_LETTERS or page_size + size > PAGE_BYTES):
                yield page
                page, page_size = [], 0
            page.append((identifier, changes))
            page_size += size
    if page:
        yield page


def _packed(content: str) -> dict[str, Any]:
    """A fixed content as the letter's document holds it."""
    data = content.encode("utf-8", "backslashreplace")
    if len(data) <= _PLAIN_BYTES:
        return {"content": data.decode(), "content_encoding": None, "replaced": None}
    packed = base64.b64encode(zlib.compress(data, 6)).decode("ascii")
    return {"content": packed, "content_encoding": COMPRESSED, "replaced": None}

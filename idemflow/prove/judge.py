"""Follows each id from the source to the index, as Jepsen's set-full checker does.

Each ends as one of these, and the equation adds up to what the source gave::

    given = stable + stale + lost + never read + dead letters + deleted + left out + repeated

What is there and was never given is *doubled*: a second document for a record, under another id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import nsmallest

from idemflow.elasticsearch.spill import Row, Scratch

# Ids of a kind that a journal names.
NAMED = 5
# What a row says of its key: the source gives it as a document, or as a record that is no document;
# the index has it; it is a dead letter; a run has sent it.
GIVEN, REFUSED, FOUND, LETTER, SENT = range(5)
# In place of a digest: the content is not known, or differs each time it is read.
ANY = "*"


def given(entries: Iterable[tuple[str, str, int | None]]) -> Iterator[Row]:
    """Rows of what the source gives: id, digest (blank for a delete) and version."""
    return ((key, GIVEN, digest, version) for key, digest, version in entries)


def refused(places: Iterable[str]) -> Iterator[Row]:
    """Rows of records that make no document, by their places: see :func:`place`."""
    return ((key, REFUSED, "", None) for key in places)


def found(documents: Iterable[tuple[str, str]]) -> Iterator[Row]:
    """Rows of what is in the index: id and digest."""
    return ((key, FOUND, digest, None) for key, digest in documents)


def letters(keys: Iterable[str]) -> Iterator[Row]:
    """Rows of dead letters: the id of the document, or the place of the record."""
    return ((key, LETTER, "", None) for key in keys)


def sent(ids: Iterable[str]) -> Iterator[Row]:
    """Rows of what runs have sent."""
    return ((key, SENT, "", None) for key in ids)


def place(position: str | None, source: str | None = None) -> str:
    """The key of a record that has no id; no id of a document is such a text."""
    return f"\0{source or ''}:{position}"


@dataclass
class Outcome:
    """What became of each record that the source gave.

    Attributes:
        given: what the source gave.
        stable: in the index, as it was given.
        stale: in the index with another content, or although it was to be deleted.
        lost: sent by a run, and not there.
        never_read: neither sent by a run nor there.
        dead_letters: kept as dead letters.
        deleted: to be deleted, and not there.
        left_out: the transform made nothing of them.
        repeated: further records under an id that is counted already.
        doubled: documents that the source never gave.
        strange_letters: dead letters of what is no record that has to be one.
        named: the first ids of each kind that is bad, sorted.
    """

    given: int = 0
    stable: int = 0
    stale: int = 0
    lost: int = 0
    never_read: int = 0
    dead_letters: int = 0
    deleted: int = 0
    left_out: int = 0
    repeated: int = 0
    doubled: int = 0
    strange_letters: int = 0
    named: dict[str, list[str]] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        """Whether each record that was given has come to one end."""
        ends = (
            self.stable, self.stale, self.lost, self.never_read, self.dead_letters, self.deleted,
            self.left_out, self.repeated,
        )  # fmt: skip
        return self.given == sum(ends)

    def faults(self, dead_letters: int) -> list[str]:
        """What is wrong with it, in words; nothing where it is as it should be.

        Args:
            dead_letters: how many dead letters there are when nothing is done to a run.
        """
        words = [
            f"{count:,} {name.replace('_', ' ')}"
            for name in ("lost", "never_read", "doubled", "stale")
            if (count := getattr(self, name))
        ]
        if self.strange_letters:
            words.append(f"{self.strange_letters:,} dead letters of records that are none")
        if self.dead_letters != dead_letters:
            words.append(f"{self.dead_letters:,} dead letters, and {dead_letters:,} in a quiet run")
        if not self.adds_up:
            words.append("the equation does not add up")
        return words

    def _name(self, kind: str, key: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        self.named[kind] = nsmallest(
            NAMED, [*self.named.get(kind, ()), key.replace("\0", "record ")]
        )


@dataclass
class _Element:
    """What is known of one key."""

    digests: set[str] = field(default_factory=set)
    version: int | None = None
    given: int = 0
    refused: int = 0
    found: str | None = None
    letter: bool = False
    sent: bool = False

    def add(self, kind: int, digest: str, version: int | None) -> None:
        if kind == GIVEN:
            self.given += 1
            newer = version is not None and (self.version is None or version > self.version)
            if newer or version == self.version:
                # Of several newest states, which one stays is not for the source to say.
                self.digests = {digest} if newer else self.digests | {digest}
                self.version = version
        elif kind == REFUSED:
            self.refused += 1
        elif kind == FOUND:
            self.found = digest
        elif kind == LETTER:
            self.letter = True
        else:
            self.sent = True


def judge(
    reference: Iterable[Row],
    observed: Iterable[Row],
    scratch: Scratch,
    *,
    left_out: int = 0,
    contents: bool = True,
) -> Outcome:
    """Compare what the source gives with what is there.

    Args:
        reference: rows of what the source gives.
        observed: rows of what the index, the dead letters and the manifests have.
        scratch: room for the ids.
        left_out: records that the transform makes nothing of.
        contents: whether contents are compared: not where the source gives others each time.

    Raises:
        IdemflowError: the disk is full.
    """
    outcome = Outcome(given=left_out, left_out=left_out)
    with scratch.apart() as room:
        spill = room.spill()
        spill.add(reference)
        spill.add(observed)
        for part in spill.parts():
            elements: dict[str, _Element] = {}
            for key, kind, digest, version in part:
                elements.setdefault(key, _Element()).add(kind, digest, version)
            for key, element in elements.items():
                _count(outcome, key, element, contents)
    return outcome


def _count(outcome: Outcome, key: str, one: _Element, contents: bool) -> None:
    outcome.given += one.given + one.refused
    if one.refused:
        outcome.repeated += one.refused - 1
        _end(outcome, key, one, "dead_letters" if one.letter else "lost")
    elif one.given:
        outcome.repeated += one.given - 1
        _end(outcome, key, one, _end_of(one, contents))
    elif one.found is not None:
        outcome._name("doubled", key)
    elif one.letter:
        outcome._name("strange_letters", key)


def _end(outcome: Outcome, key: str, one: _Element, end: str) -> None:
    if end == "lost" and not one.sent and not one.refused:
        end = "never_read"
    if end in ("stale", "lost", "never_read"):
        outcome._name(end, key)
    else:
        setattr(outcome, end, getattr(outcome, end) + 1)


def _end_of(one: _Element, contents: bool) -> str:
    """How a document that the source gives has ended."""
    if one.found is None:
        if one.letter:
            return "dead_letters"
        return "deleted" if "" in one.digests else "lost"
    if one.digests == {""}:
        return "stale"
    same = not contents or ANY in one.digests or bool(one.digests & set(one.found.split()))
    return "stable" if same else "stale"

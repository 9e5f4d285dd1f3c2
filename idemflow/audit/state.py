"""What is known of a FlowFile at one place of the flow: where its attributes come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from fnmatch import fnmatchcase

from idemflow.audit.expressions import CHANCE, parse
from idemflow.audit.findings import Sure

# What stands for the content as a whole, and for the values of the records in it.
CONTENT = "\0content"
RECORDS = "\0records"


class From(IntEnum):
    """What a value comes from."""

    RECORD = 0
    NOTHING = 1
    UNKNOWN = 2
    CHANCE = 3


@dataclass(frozen=True)
class Origin:
    """One way in which a value comes to be.

    Attributes:
        kind: what it comes from.
        sure: how sure that is.
        why: in a few words.
        by: id of the component that made it so.
        shared: whether it was copied to all pieces of a split, and so is one for all of them.
        constant: whether it is one for all FlowFiles.
        blank: whether it may be blank for some records.
        value: the value of a constant.
    """

    kind: From
    sure: Sure
    why: str
    by: str
    shared: bool = False
    constant: bool = False
    blank: bool = False
    value: str = ""


Origins = frozenset[Origin]


def one(
    kind: From, sure: Sure, why: str, by: str, *, constant: bool = False, value: str = ""
) -> Origins:
    """A value with one origin."""
    return frozenset({Origin(kind, sure, why, by, constant=constant, value=value)})


@dataclass(frozen=True)
class State:
    """What is known of the FlowFiles at one place.

    Attributes:
        known: origins by attribute, or by a pattern with ``*``; :data:`CONTENT` and
            :data:`RECORDS` among them.
        others: origins of any other attribute.
    """

    known: Mapping[str, Origins] = field(default_factory=dict)
    others: Origins = frozenset()

    def get(self, name: str) -> Origins:
        """Where an attribute comes from."""
        if name == "fileSize":
            name = CONTENT
        if name in self.known:
            return self.known[name]
        for pattern, origins in self.known.items():
            if "*" in pattern and fnmatchcase(name, pattern):
                return origins
        return self.others

    def field(self, path: str) -> Origins:
        """Where a field of the records comes from; a record path."""
        return self.known.get(RECORDS + path.strip(), self.get(RECORDS))

    def fields(self) -> dict[str, Origins]:
        """Fields of the records that were set on the way."""
        return {
            name.removeprefix(RECORDS): origins
            for name, origins in self.known.items()
            if name.startswith(RECORDS) and name != RECORDS
        }

    def put(self, values: Mapping[str, Origins]) -> State:
        """The same, with other attributes."""
        return replace(self, known={**self.known, **values})

    def joined(self, other: State) -> State:
        """What is known where two ways meet."""
        names = self.known.keys() | other.known.keys()
        known = {name: self.known.get(name, self._missing(name))
                 | other.known.get(name, other._missing(name)) for name in names}  # fmt: skip
        return State(known, self.others | other.others)

    def _missing(self, name: str) -> Origins:
        return self.get(RECORDS) if name.startswith(RECORDS) else self.get(name)

    def mapped(self, change: Mapping[str, Origins], *, shared: bool) -> State:
        """The same for the pieces of a split: what was there is copied to each of them."""
        copied = {
            name: frozenset(replace(item, shared=item.shared or shared) for item in origins)
            for name, origins in self.known.items()
            if not name.startswith("\0")
        }
        kept = {name: value for name, value in self.known.items() if name.startswith("\0")}
        others = frozenset(replace(item, shared=item.shared or shared) for item in self.others)
        return State({**kept, **copied, **change}, others)


def evaluate(text: str, state: State, by: str) -> Origins:
    """Where a value comes from that a property makes.

    Args:
        text: the property, with Expression Language.
        state: what the FlowFile is.
        by: id of the component.
    """
    made = parse(text)
    if made.chance:
        name = made.chance[0]
        weak = name in {"hostname", "ip", "thread"} or (
            name == "now" and made.functions & {"format", "formatInstant"}
        )
        sure = Sure.LIKELY if weak else Sure.CERTAIN
        return one(From.CHANCE, sure, f"{text} has {CHANCE[name]}", by)
    if made.opaque:
        return one(From.UNKNOWN, Sure.DEPENDS, f"{text} does not name its attributes", by)
    if not made.attributes:
        return one(
            From.RECORD, Sure.CERTAIN, f"it is always {text!r}", by, constant=True, value=text
        )
    parts = [state.get(name) for name in sorted(made.attributes)]
    if len(parts) == 1 and not made.functions and re.fullmatch(r"\$\{[^{}]*\}", text):
        return parts[0]
    bad = {item for part in parts for item in part if item.kind in {From.CHANCE, From.UNKNOWN}}
    good = [{item for item in part if item not in bad} for part in parts]
    if all(good):
        bad.add(_combined(text, by, [item for part in good for item in part], len(parts)))
    return frozenset(bad)


def _combined(text: str, by: str, items: list[Origin], parts: int) -> Origin:
    from_record = [item for item in items if item.kind is From.RECORD]
    plain = text.startswith("${") and text.endswith("}") and "}${" not in text
    if not from_record and plain:
        return items[0]
    varying = [item for item in from_record if not item.constant]
    return Origin(
        From.RECORD,
        max((item.sure for item in from_record), key=list(Sure).index, default=Sure.CERTAIN),
        # One of the reasons, not all: in a loop they would grow for ever.
        min((item.why for item in varying or items), default=text),
        by if parts > 1 or not items else items[0].by,
        shared=bool(varying) and all(item.shared for item in varying),
        constant=not varying,
        blank=plain and any(item.blank or item.kind is From.NOTHING for item in items),
    )


def joined(states: Iterable[State]) -> State | None:
    """What is known where several ways meet; ``None`` for no way."""
    found: State | None = None
    for state in states:
        found = state if found is None else found.joined(state)
    return found

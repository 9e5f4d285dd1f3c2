"""Ids and indices of PutElasticsearchJson and PutElasticsearchRecord."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Flow, Path
from idemflow.audit.graph import Node
from idemflow.audit.rules import shaping
from idemflow.audit.rules.rule import Rule
from idemflow.audit.state import From, Origins, evaluate

TYPES = ("PutElasticsearchJson", "PutElasticsearchRecord")

NO_ID = Rule(
    "elasticsearch-no-id", Effect.DUPLICATES, Sure.CERTAIN,
    "Elasticsearch makes up an id for each document: a second run adds all of them again.",
    "set Identifier Attribute (PutElasticsearchRecord: ID Record Path) to an id that comes from "
    "the record",
)  # fmt: skip
ID_CHANGES = Rule(
    "elasticsearch-id-changes", Effect.DUPLICATES, Sure.CERTAIN,
    "A second run gives the same record another id, and so adds it again.",
    "make the id of a key in the record (EvaluateJsonPath) or of a hash of its content "
    "(CryptographicHashContent)",
)  # fmt: skip
ID_ABSENT = Rule(
    "elasticsearch-id-absent", Effect.DUPLICATES, Sure.CERTAIN,
    "The id is blank, so Elasticsearch makes one up: a second run adds all documents again.",
    "set the attribute before this processor, or name the one that has the id",
)  # fmt: skip
ID_MAY_BE_MISSING = Rule(
    "elasticsearch-id-may-be-missing", Effect.CONDITION, Sure.DEPENDS,
    "A record without that field is written under a made-up id, and again by each run.",
    "send records with a blank id elsewhere: RouteOnAttribute with ${id:isEmpty()} before this "
    "processor, ValidateRecord before a record path",
)  # fmt: skip
ID_UNKNOWN = Rule(
    "elasticsearch-id-unknown", Effect.UNKNOWN, Sure.CERTAIN,
    "Where the id comes from cannot be told.",
    "make the id where it can be seen: of a key in the record, just before this processor",
)  # fmt: skip
INDEX_CHANGES = Rule(
    "elasticsearch-index-changes", Effect.DUPLICATES, Sure.CERTAIN,
    "A later run writes the same documents into another index.",
    "make the name of the index of a date in the record, not of the time of the run",
)  # fmt: skip
INDEX_UNKNOWN = Rule(
    "elasticsearch-index-unknown", Effect.UNKNOWN, Sure.CERTAIN,
    "Which index is written to cannot be told.",
    "name the index, or make its name of the record",
)  # fmt: skip
RULES = (
    NO_ID, ID_CHANGES, ID_ABSENT, ID_MAY_BE_MISSING, ID_UNKNOWN, INDEX_CHANGES, INDEX_UNKNOWN,
)  # fmt: skip


def check(flow: Flow) -> Iterator[Finding]:
    """The findings of this family."""
    for path in flow.paths:
        if path.sink.type in TYPES:
            yield from _identity(flow, path)
            yield from _index(path)


def operation(node: Node) -> str:
    """The operation in lower case; Expression Language where it is one."""
    return node.get("Index Operation", "index").strip().lower()


def _id(path: Path) -> tuple[str, Origins | None]:
    """What has the id, and where that comes from; ``None`` where nothing has it."""
    node, state = path.sink, path.state
    if node.type == "PutElasticsearchRecord":
        record_path = node.get("ID Record Path")
        if not record_path:
            return "ID Record Path is not set", None
        return f"{record_path} of the record", _may_be_missing(state.field(record_path))
    single = node.get("Input Content Format", "Single JSON").lower().replace("_", " ")
    if "single" in single:
        name = node.get("Identifier Attribute")
        if not name:
            return "Identifier Attribute is not set", None
        return f"the attribute {name}", evaluate("${" + f"'{name}'" + "}", state, node.id)
    field = node.get("Identifier Field")
    if not field:
        return "Identifier Field is not set", None
    return f"the field {field}", _may_be_missing(state.field(f"/{field}"))


def _may_be_missing(origins: Origins) -> Origins:
    return frozenset(
        replace(item, blank=not item.why.startswith("idemflow's"), shared=False)
        for item in origins
    )  # fmt: skip


def _identity(flow: Flow, path: Path) -> Iterator[Finding]:
    node = path.sink
    name, origins = _id(path)
    if origins is None:
        if operation(node) not in {"update", "upsert", "delete"}:
            sure = shaping.sure_of(path, Sure.CERTAIN, frozenset())
            yield NO_ID.found(node, name, path, sure=sure)
        else:
            why = f"{name}, and {operation(node)} without an id is refused"
            yield ID_UNKNOWN.found(node, why, path)
        return
    yield from shaping.check_id(flow, path, origins, name)
    for item in sorted(origins, key=lambda item: (item.kind, item.why)):
        why = f"{name}: {item.why}"
        sure = shaping.sure_of(path, item.sure, origins)
        if item.kind is From.CHANCE:
            yield ID_CHANGES.found(node, why, path, sure=sure)
        elif item.kind is From.UNKNOWN:
            yield ID_UNKNOWN.found(node, why, path)
        elif item.kind is From.NOTHING and shaping.by_merge(flow, item) is None:
            yield ID_ABSENT.found(node, why, path, sure=sure)
        elif item.kind is From.RECORD and item.blank:
            yield ID_MAY_BE_MISSING.found(node, why, path)


def _index(path: Path) -> Iterator[Finding]:
    text = path.sink.get("Index")
    for item in sorted(evaluate(text, path.state, path.sink.id), key=lambda item: item.why):
        if item.kind is From.CHANCE:
            yield INDEX_CHANGES.found(path.sink, f"Index: {item.why}", path, sure=item.sure)
        elif item.kind in {From.UNKNOWN, From.NOTHING}:
            yield INDEX_UNKNOWN.found(path.sink, f"Index {text}: {item.why}", path)

"""Rows that a second run inserts again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Flow, Path
from idemflow.audit.rules import shaping
from idemflow.audit.rules.rule import Rule
from idemflow.audit.state import From, evaluate

INSERT = Rule(
    "database-insert", Effect.DUPLICATES, Sure.LIKELY,
    "Each run inserts all rows again; where a unique key refuses them, the whole batch fails.",
    "use UPSERT with the keys of the table (PutSQL: ON CONFLICT, MERGE)",
)  # fmt: skip
ADDS = Rule(
    "database-adds", Effect.DUPLICATES, Sure.LIKELY,
    "The statement adds to what is there: each run adds again.",
    "set values that come from the record, and add them up where they are read",
)  # fmt: skip
KEYS = Rule(
    "database-keys", Effect.CONDITION, Sure.DEPENDS,
    "A row is found again by its keys: it holds where they are unique and a record keeps them.",
    "name the keys in Update Keys, and give the table a unique constraint on them",
)  # fmt: skip
KEY_CHANGES = Rule(
    "database-key-changes", Effect.DUPLICATES, Sure.CERTAIN,
    "A second run gives the same record another key, and so adds it again.",
    "take the key from the record",
)  # fmt: skip
STATEMENT_UNKNOWN = Rule(
    "database-statement-unknown", Effect.UNKNOWN, Sure.CERTAIN,
    "What is done with a row that is there already cannot be told.",
    "set Statement Type (PutSQL: SQL Statement) where it can be seen",
)  # fmt: skip
DOCUMENT_INSERT = Rule(
    "mongo-insert", Effect.DUPLICATES, Sure.LIKELY,
    "Each run inserts all documents again, unless each brings its own _id.",
    "use Mode update with Upsert and Update Query Key (PutMongoRecord: Update Key Fields)",
)  # fmt: skip
GENERATED_KEY = Rule(
    "key-generated", Effect.DUPLICATES, Sure.CERTAIN,
    "The sink makes up a new key for each record: a second run adds all of them again.",
    "take the key from a field of the record",
)  # fmt: skip
RULES = (INSERT, ADDS, KEYS, KEY_CHANGES, STATEMENT_UNKNOWN, DOCUMENT_INSERT, GENERATED_KEY)
TYPES = ("PutDatabaseRecord", "PutSQL", "PutMongo", "PutMongoRecord", "PutDynamoDBRecord")

_UPSERT = re.compile(
    r"\bon\s+conflict\b|\bon\s+duplicate\s+key\b|\bmerge\s+into\b|\bnot\s+exists\b"
    r"|\binsert\s+(or\s+)?ignore\b|\binsert\s+or\s+replace\b|^\s*replace\s+into\b|^\s*upsert\b",
    re.IGNORECASE,
)
_ADDS = re.compile(r"\bset\b.*?(\w+)\s*=\s*(?:coalesce\s*\(\s*)?\1\b[^=]*[+\-*|]",
                   re.IGNORECASE | re.DOTALL)  # fmt: skip
_KEYED = {"UPSERT", "INSERT_IGNORE", "UPDATE", "DELETE"}


def check(flow: Flow) -> Iterator[Finding]:
    """The findings of this family."""
    for path in flow.paths:
        kind = path.sink.type
        if kind == "PutDatabaseRecord":
            yield from _record(path)
        elif kind == "PutSQL":
            yield from _sql(path)
        elif kind in {"PutMongo", "PutMongoRecord"}:
            yield from _mongo(path)
        elif kind == "PutDynamoDBRecord":
            yield from _dynamo(path)


def _record(path: Path) -> Iterator[Finding]:
    node = path.sink
    given = node.get("Statement Type")
    asked = "${statement.type}" if given == "Use statement.type Attribute" else given
    for item in evaluate(asked, path.state, node.id):
        statement = item.value.upper() if item.kind is From.RECORD else ""
        why = f"Statement Type is {given}"
        if asked != given:
            why += f", and {item.why}"
        if statement == "INSERT":
            yield INSERT.found(node, why, path)
        elif statement in _KEYED:
            yield from _keyed(path, "Update Keys", f"{why}; ")
        else:
            yield STATEMENT_UNKNOWN.found(node, why, path)


def _sql(path: Path) -> Iterator[Finding]:
    node = path.sink
    text, by = node.get("SQL Statement"), "SQL Statement"
    if not text:
        # The statement is the content: the last processor on the way that writes one has it.
        for before in reversed(path.way[:-1]):
            found = before.get("Replacement Value") or before.get("Custom Text")
            if re.match(r"\s*(insert|update|delete|merge|replace|upsert)\b", found, re.IGNORECASE):
                text, by = found, before.name
                break
    verb = (re.match(r"\s*(\w+)", text) or [""])[0].strip().lower()
    why = f"{by}: {' '.join(text.split())[:120]}"
    if not text:
        yield STATEMENT_UNKNOWN.found(node, "the statement is the content of the FlowFile", path)
    elif _ADDS.search(text):
        yield ADDS.found(node, why, path)
    elif _UPSERT.search(text) or verb in {"update", "delete"}:
        yield KEYS.found(node, why, path)
    elif verb == "insert":
        yield INSERT.found(node, why, path)
    else:
        yield STATEMENT_UNKNOWN.found(node, why, path)


def _mongo(path: Path) -> Iterator[Finding]:
    node = path.sink
    if node.type == "PutMongoRecord":
        if node.get("Update Key Fields"):
            yield from _keyed(path, "Update Key Fields")
        else:
            yield DOCUMENT_INSERT.found(node, "Update Key Fields is not set", path)
        return
    if node.get("Mode", "insert").lower() == "insert":
        yield DOCUMENT_INSERT.found(node, "Mode is insert", path)
    elif "operator" in node.get("Update Mode", node.get("put-mongo-update-mode", "doc")).lower():
        yield ADDS.found(
            node, "Update Mode is with operators: $inc and $push add", path, sure=Sure.DEPENDS
        )
    else:
        yield from _keyed(path, "Update Query Key")


def _keyed(path: Path, name: str, before: str = "") -> Iterator[Finding]:
    """What is said of a sink that finds a row again by keys."""
    keys = path.sink.get(name)
    yield KEYS.found(path.sink, f"{before}{name}: {keys or 'those of the table'}", path)
    for key in re.split(r"[\s,]+", keys):
        for item in path.state.field(f"/{key}") if key else ():
            if item.kind is From.CHANCE:
                sure = shaping.sure_of(path, item.sure, frozenset({item}))
                yield KEY_CHANGES.found(path.sink, f"{key}: {item.why}", path, sure=sure)


def _dynamo(path: Path) -> Iterator[Finding]:
    strategy = path.sink.get("Partition Key Strategy", "ByField")
    why = f"Partition Key Strategy is {strategy}"
    if "generated" in strategy.lower():
        yield GENERATED_KEY.found(path.sink, why, path)
    else:
        yield KEYS.found(path.sink, why, path)

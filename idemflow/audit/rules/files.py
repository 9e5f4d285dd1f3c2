"""Files and objects: a second run writes under the same name, or under another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Flow, Path
from idemflow.audit.rules import shaping
from idemflow.audit.rules.rule import Rule
from idemflow.audit.state import From, evaluate

NAME_CHANGES = Rule(
    "file-name-changes", Effect.DUPLICATES, Sure.CERTAIN,
    "A second run writes the same content under another name.",
    "set the name (UpdateAttribute filename) to a key of the record or to the source's own name",
)  # fmt: skip
NAME_UNKNOWN = Rule(
    "file-name-unknown", Effect.UNKNOWN, Sure.CERTAIN,
    "Under which name it is written cannot be told.",
    "set the name where it can be seen, just before this processor",
)  # fmt: skip
APPENDS = Rule(
    "file-appends", Effect.DUPLICATES, Sure.CERTAIN,
    "Each run appends to what is there, or writes beside it under a new name.",
    "replace what is there",
)  # fmt: skip
REFUSES = Rule(
    "file-refuses", Effect.CONDITION, Sure.CERTAIN,
    "A second run is refused where the file is there: nothing doubles, and nothing that has "
    "changed arrives.",
    "replace what is there, where a rerun should bring what has changed",
)  # fmt: skip
RULES = (NAME_CHANGES, NAME_UNKNOWN, APPENDS, REFUSES)


@dataclass(frozen=True)
class Named:
    """A sink that writes under a name.

    Attributes:
        name: Expression Language of the name where no property has it.
        properties: properties that have the name, its parts first.
        conflict: the property that says what becomes of what is there.
        default: its default.
    """

    name: str
    properties: tuple[str, ...]
    conflict: str = ""
    default: str = "replace"


_FILENAME = "${filename}"
SINKS = {
    "PutFile": Named(_FILENAME, ("Directory",), "Conflict Resolution Strategy", "fail"),
    "PutHDFS": Named(_FILENAME, ("Directory",), "Conflict Resolution Strategy", "fail"),
    "PutSFTP": Named(_FILENAME, ("Remote Path",), "Conflict Resolution", "none"),
    "PutFTP": Named(_FILENAME, ("Remote Path",), "Conflict Resolution", "none"),
    "PutSmbFile": Named(_FILENAME, ("Directory",), "Conflict Resolution Strategy", "replace"),
    "PutS3Object": Named(_FILENAME, ("Bucket", "Object Key")),
    "PutGCSObject": Named(_FILENAME, ("Bucket", "Object Key"), "Overwrite Object", "true"),
    "PutAzureBlobStorage_v12": Named(
        _FILENAME, ("Blob Name",), "Conflict Resolution Strategy", "fail"
    ),
    "PutAzureDataLakeStorage": Named(
        _FILENAME, ("Directory Name", "File Name"), "Conflict Resolution Strategy", "fail"
    ),
    "PutDistributedMapCache": Named("", ("Cache Entry Identifier",)),
    "PutRedisHashRecord": Named("", ("Hash Value Record Path",)),
}
# Those whose property with the name has a default of its own.
_WITH_NAME = {"Object Key", "Blob Name", "File Name"}


def check(flow: Flow) -> Iterator[Finding]:
    """The findings of this family."""
    for path in flow.paths:
        named = SINKS.get(path.sink.type)
        if named is not None:
            yield from _name(flow, path, named)
            yield from _conflict(path, named)


def _name(flow: Flow, path: Path, named: Named) -> Iterator[Finding]:
    node = path.sink
    parts = [node.get(one, named.name if one in _WITH_NAME else "") for one in named.properties]
    if not _WITH_NAME & {*named.properties}:
        parts.append(named.name)
    text = "/".join(part for part in parts if part)
    if path.sink.type == "PutRedisHashRecord":
        origins = path.state.field(text)
    else:
        origins = evaluate(text, path.state, node.id)
    yield from shaping.check_id(flow, path, origins, f"the name {text}")
    for item in sorted(origins, key=lambda item: (item.kind, item.why)):
        why = f"the name {text}: {item.why}"
        if item.kind is From.CHANCE:
            sure = shaping.sure_of(path, item.sure, origins)
            yield NAME_CHANGES.found(node, why, path, sure=sure)
        elif item.kind in {From.UNKNOWN, From.NOTHING} and shaping.by_merge(flow, item) is None:
            yield NAME_UNKNOWN.found(node, why, path)


def _conflict(path: Path, named: Named) -> Iterator[Finding]:
    if not named.conflict:
        return
    given = path.sink.get(named.conflict, named.default)
    why = f"{named.conflict} is {given}"
    if given.lower() in {"append", "rename"}:
        yield APPENDS.found(path.sink, why, path)
    elif given.lower() in {"fail", "reject", "ignore", "false"}:
        yield REFUSES.found(path.sink, why, path)

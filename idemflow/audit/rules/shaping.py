"""Ids that a merge loses, that a split copies, and that are one for all."""

from __future__ import annotations

from collections.abc import Iterator

from idemflow.audit import catalog
from idemflow.audit.catalog import Again, Role
from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Flow, Path
from idemflow.audit.graph import Node
from idemflow.audit.rules.rule import Rule
from idemflow.audit.state import From, Origin, Origins

SPLIT_COPIES_ID = Rule(
    "split-copies-id", Effect.LOSES, Sure.CERTAIN,
    "All pieces of a split have one id: each overwrites the one before, and the last remains.",
    "make the id after the split, of each piece's own content",
)  # fmt: skip
MERGE_LOSES_ID = Rule(
    "merge-loses-id", Effect.DUPLICATES, Sure.CERTAIN,
    "The attribute with the id is gone after the merge, and what is written gets an id of chance.",
    "make the id after the merge, or write records with an id of their own in the content",
)  # fmt: skip
ID_CONSTANT = Rule(
    "id-constant", Effect.CONDITION, Sure.DEPENDS,
    "The id is one for all FlowFiles: right for a single document, the loss of all others.",
    "make the id of what tells one record from another",
)  # fmt: skip
ID_BY_PLACE = Rule(
    "id-by-place", Effect.CONDITION, Sure.DEPENDS,
    "The id comes from a place in a file or a result: a source that gives its records in another "
    "order gives them other ids.",
    "make the id of a key in the record",
)  # fmt: skip
RULES = (SPLIT_COPIES_ID, MERGE_LOSES_ID, ID_CONSTANT, ID_BY_PLACE)


def sure_of(path: Path, sure: Sure, origins: Origins) -> Sure:
    """How sure it is that a second run doubles what is written under such an id.

    A source that reads on from where it was gives the same again only where its state is lost, or a
    batch is tried twice; and of several ways one may be right. What a cache remembers is dropped.
    """
    if any(remembers(node) for node in path.way):
        return Sure.DEPENDS
    kinds = {item.kind for item in origins}
    if sure is Sure.CERTAIN and (path.again is not Again.ALL or len(kinds) > 1):
        return Sure.LIKELY
    return sure


def remembers(node: Node) -> bool:
    """Whether a processor drops what has passed it in an earlier run."""
    if node.type == "DeduplicateRecord":
        return "multiple" in node.get("Deduplication Strategy", "single").lower()
    return node.type == "DetectDuplicate"


def by_merge(flow: Flow, item: Origin) -> Node | None:
    """The merge that lost an attribute, if it was one."""
    node = flow.graph.nodes.get(item.by)
    known = catalog.kind(node) if node else None
    return node if item.kind is From.NOTHING and known and known.role is Role.MERGE else None


def check_id(flow: Flow, path: Path, origins: Origins, name: str) -> Iterator[Finding]:
    """What a split, a merge or a constant makes of an id.

    Args:
        flow: the flow.
        path: the path that it is written on.
        origins: where the id comes from.
        name: what to call the id.
    """
    nodes = flow.graph.nodes
    for item in sorted(origins, key=lambda item: (item.kind, item.why)):
        merge = by_merge(flow, item)
        splits = [
            node for node in path.way
            if (known := catalog.kind(node)) and known.role is Role.SPLIT
        ]  # fmt: skip
        if merge is not None:
            sure = sure_of(path, Sure.CERTAIN, origins)
            yield MERGE_LOSES_ID.found(merge, f"{name}: {item.why}", path, sure=sure)
        elif item.kind is not From.RECORD:
            continue
        elif item.shared or (item.constant and splits):
            where = splits[-1] if splits else nodes.get(item.by, path.sink)
            why = f"{name} is set before the split ({item.why}) and copied to each piece"
            several = len({one.shared for one in origins}) > 1
            yield SPLIT_COPIES_ID.found(where, why, path, sure=Sure.LIKELY if several else None)
        elif item.constant:
            yield ID_CONSTANT.found(path.sink, f"{name}: {item.why}", path)
        elif item.sure is Sure.DEPENDS:
            yield ID_BY_PLACE.found(path.sink, f"{name}: {item.why}", path)


def check(_flow: Flow) -> Iterator[Finding]:
    """Nothing by itself: the sinks' rules ask for each id that they write under."""
    return iter(())

"""What Identify makes of records: the documents and refusals of a part of a chunk, and what of
them becomes FlowFiles.

Runs inside NiFi: standard library only.
"""

import copy

from idemflow.steps.ledger_entry import TOMBSTONE, prefix
from idemflow.steps.records import fitted
from idemflow.steps.rules.positions import encode


class ChunkResult:
    """What became of records of a chunk.

    Attributes:
        taken: how many records of the chunk they are.
        documents: id, version, operation (``index``, ``delete`` or ``tombstone``), the record's
            text and its position.
        entries: their part of the manifest.
        refused: text and attributes of each record that cannot go in.
        dropped: how many records the transform made nothing of.
        size: length of the documents' texts, in bytes.
        goes_on: whether the same record, or another of the chunk, has more documents.
    """

    goes_on = False

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.taken = self.dropped = self.size = 0
        self.documents: list[tuple[str, int | None, str, str, int | None]] = []
        self.entries: list[tuple[str, str, int | None]] = []
        self.refused: list[tuple[bytes, dict[str, str]]] = []

    def split(self) -> "ChunkResult":
        """What there is so far; this begins anew."""
        so_far = copy.copy(self)
        so_far.goes_on = True
        self._clear()
        return so_far

    def refuse(
        self,
        text: str,
        reason: str,
        *,
        step: str,
        stage: str,
        position: int | None,
        identifier: str | None = None,
        digest: str | None = None,
    ) -> None:
        """Note that a record cannot go in, and which step says why.

        Args:
            digest: of a record whose beginning is kept alone, the SHA-256 of all of it.
        """
        attributes = {
            "idemflow.reason": fitted(reason),
            "idemflow.step": step,
            "idemflow.stage": stage,
            "idemflow.position": None if position is None else str(position),
            "idemflow.id": identifier,
            "idemflow.digest": digest,
        }
        known = {name: value for name, value in attributes.items() if value is not None}
        self.refused.append((text.encode("utf-8", "surrogateescape"), known))


def batched(found: ChunkResult) -> list[tuple[bytes, dict[str, str]]]:
    """The documents as one FlowFile: a line each, which starts with its id and version."""
    if not found.documents:
        return []
    lines = [
        f"{prefix(identifier, version, operation)},"
        f"{TOMBSTONE[1:] if operation == 'tombstone' else text[1:]}"
        for identifier, version, operation, text, _ in found.documents
    ]
    positions = positions_of(found)
    attributes = {"idemflow.positions": positions} if positions else {}
    return [("\n".join(lines).encode(), attributes)]


def positions_of(found: ChunkResult) -> str | None:
    """Where the records of the documents are in the source, if that is known."""
    positions = [position for *_, position in found.documents if position is not None]
    return encode(positions) if positions else None


def single(found: ChunkResult) -> list[tuple[bytes, dict[str, str]]]:
    """The documents as a FlowFile each, with id and version as attributes."""
    made = []
    for identifier, version, operation, text, position in found.documents:
        attributes = {
            "idemflow.id": identifier,
            "idemflow.operation": "delete" if operation == "delete" else "index",
        }
        if version is not None:
            attributes["idemflow.version"] = str(version)
        if position is not None:
            attributes["idemflow.position"] = str(position)
        made.append(((TOMBSTONE if operation == "tombstone" else text).encode(), attributes))
    return made

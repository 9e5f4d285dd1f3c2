"""What indices have under one id, as of now: no refresh is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from idemflow.elasticsearch.connect import Connection
from idemflow.elasticsearch.search import batches
from idemflow.errors import IdemflowError
from idemflow.pipeline.model import TOMBSTONE
from idemflow.steps.rules.identity import canonical, content_digest, content_hash

_INDICES = 500
_NO_INDEX = "index_not_found_exception"


@dataclass(frozen=True)
class Held:
    """What an index has.

    Attributes:
        index: its name.
        there: whether there is such an index.
        document: the document; ``None`` where there is none, or where what is there stands for a
            deleted one.
        version: its version, or that of the delete.
        deleted: whether it stands for a deleted one.
    """

    index: str
    there: bool = False
    document: Mapping[str, Any] | None = None
    version: int | None = None
    deleted: bool = False

    @property
    def contents(self) -> tuple[str, ...]:
        """The hashes that a run may have noted of it, the present kind first; none where there is
        no document, or one that no run can have sent."""
        if self.document is None:
            return ()
        try:
            return content_digest(self.document), content_hash(canonical(self.document))
        except (ValueError, RecursionError):
            return ()


def held(connection: Connection, indices: Iterable[str], identifier: str) -> Iterator[Held]:
    """Ask each of some indices for a document.

    Args:
        connection: Elasticsearch.
        indices: names of indices, no aliases.
        identifier: the document's id.

    Raises:
        IdemflowError: one of the indices is closed, or cannot be read.
    """
    for some in batches(indices, _INDICES):
        # The ids stand in the body: in an address some characters mean something.
        docs = [{"_index": index, "_id": identifier} for index in some]
        with connection.errors():
            answer = connection.client.mget(docs=docs)
        for index, found in zip(some, answer["docs"], strict=True):
            error = found.get("error", {"type": _NO_INDEX})
            if error["type"] != _NO_INDEX:
                raise IdemflowError(
                    f"Elasticsearch cannot read {index}: {error.get('reason', error['type'])}",
                    next_command="idemflow doctor",
                )
            source = found.get("_source")
            deleted = source is not None and TOMBSTONE in source
            yield Held(
                index,
                there="error" not in found,
                document=None if deleted else source,
                version=found.get("_version"),
                deleted=deleted,
            )

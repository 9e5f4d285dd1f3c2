"""Manifests: the ids, content hashes and versions of what a run sent, in chunks.

Like :mod:`idemflow.pipeline.identity`, this module is part of the script of a step inside NiFi:
standard library only.
"""

import base64
import json
import zlib
from collections.abc import Iterable

# A chunk comes from Elasticsearch: it is not trusted to be small.
_MAX_CHUNK_BYTES = 64 * 1024 * 1024


def pack(entries: Iterable[tuple[str, str, int | None]]) -> str:
    """Pack entries into the text that a manifest chunk holds.

    Args:
        entries: document id, content hash (empty for a deleted document) and version (``None``
            without a version field), in any order.

    Returns:
        Base64 of deflated JSON: the array of the ids, that of the hashes and that of the versions.
    """
    columns = list(zip(*entries, strict=True)) or [(), (), ()]
    # Hashes hardly repeat: this strategy does not spend its time on looking for where they do.
    deflater = zlib.compressobj(1, strategy=zlib.Z_FILTERED)
    data = json.dumps(columns, separators=(",", ":")).encode("ascii")
    return base64.b64encode(deflater.compress(data) + deflater.flush()).decode("ascii")


def unpack(text: str) -> list[tuple[str, str, int | None]]:
    """The entries of a chunk that :func:`pack` made.

    Raises:
        ValueError: the text is not such a chunk.
    """
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(base64.b64decode(text, validate=True), _MAX_CHUNK_BYTES)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"not a manifest chunk: {error}") from error
    if not inflater.eof:
        raise ValueError("not a manifest chunk: it is cut off or too large")
    try:
        ids, hashes, versions = json.loads(data)
        entries = list(zip(ids, hashes, versions, strict=True))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not a manifest chunk: {error}") from error
    for identifier, digest, version in entries:
        if not (isinstance(identifier, str) and isinstance(digest, str)):
            raise ValueError("not a manifest chunk: an id or a hash is not text")
        if version is not None and type(version) is not int:
            raise ValueError("not a manifest chunk: a version is not a whole number")
    return entries

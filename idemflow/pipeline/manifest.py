"""Manifests: the ids and content hashes of what a run sent, in chunks.

Like :mod:`idemflow.pipeline.identity`, this module is part of the script of a step inside NiFi:
standard library only.
"""

import base64
import json
import zlib
from collections.abc import Iterable

# A chunk comes from Elasticsearch: it is not trusted to be small.
_MAX_CHUNK_BYTES = 64 * 1024 * 1024


def pack(entries: Iterable[tuple[str, str]]) -> str:
    """Pack (id, content hash) pairs into the text that a manifest chunk holds.

    Args:
        entries: pairs of document id and content hash, in any order.

    Returns:
        Base64 of deflated JSON lines, one ``["id","hash"]`` a line.
    """
    lines = "\n".join(json.dumps(list(entry), separators=(",", ":")) for entry in entries)
    return base64.b64encode(zlib.compress(lines.encode("ascii"), 6)).decode("ascii")


def unpack(text: str) -> list[tuple[str, str]]:
    """The pairs of a chunk that :func:`pack` made.

    Raises:
        ValueError: the text is not such a chunk.
    """
    inflater = zlib.decompressobj()
    try:
        lines = inflater.decompress(base64.b64decode(text, validate=True), _MAX_CHUNK_BYTES)
    except zlib.error as error:
        raise ValueError(f"not a manifest chunk: {error}") from error
    if not inflater.eof:
        raise ValueError("not a manifest chunk: it is cut off or too large")
    entries = []
    for line in lines.decode("ascii").splitlines():
        identifier, digest = json.loads(line)
        entries.append((str(identifier), str(digest)))
    return entries

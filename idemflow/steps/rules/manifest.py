"""Manifests: the ids, content hashes and versions of what a run sent, in chunks.

Runs inside NiFi too: standard library only.
"""

import base64
import json
import zlib
from collections.abc import Sequence

# A chunk comes from Elasticsearch: it is not trusted to be small.
_MAX_CHUNK_BYTES = 64 * 1024 * 1024

_HASH_BYTES = 16
_NO_HASH = "00" * _HASH_BYTES


def pack(entries: Sequence[tuple[str, str, int | None]]) -> str:
    """Pack entries into the text that a manifest chunk holds.

    Args:
        entries: document id, content hash (empty for a deleted document) and version (``None``
            without a version field), in any order.

    Returns:
        Base64 of deflated JSON, the array of the ids and that of the versions, and of the hashes'
        bytes behind it: they cannot be deflated. Zeros are no hash.

    Raises:
        ValueError: a hash does not have 32 hexadecimal digits.
    """
    ids, hashes, versions = zip(*entries, strict=True) if entries else ((), (), ())
    data = json.dumps([ids, versions], separators=(",", ":")).encode("ascii")
    behind = bytes.fromhex("".join([digest or _NO_HASH for digest in hashes]))
    if len(behind) != len(hashes) * _HASH_BYTES:
        raise ValueError("a content hash has 32 hexadecimal digits")
    return base64.b64encode(zlib.compress(data, 3) + behind).decode("ascii")


def unpack(text: str) -> list[tuple[str, str, int | None]]:
    """The entries of a chunk that :func:`pack` made.

    Raises:
        ValueError: the text is not such a chunk.
    """
    try:
        data, rest = _inflated(text)
        ids, versions = json.loads(data)
        behind = rest.hex()
        size = len(_NO_HASH)
        hashes = [behind[start : start + size] for start in range(0, len(behind), size)]
        entries = list(zip(ids, hashes, versions, strict=True))
    except (TypeError, ValueError, RecursionError, zlib.error) as error:
        raise ValueError(f"not a manifest chunk: {error}") from error
    if len(behind) != size * len(entries):
        raise ValueError("not a manifest chunk: a hash is cut off")
    for identifier, _, version in entries:
        if not isinstance(identifier, str):
            raise ValueError("not a manifest chunk: an id is not text")
        if version is not None and type(version) is not int:
            raise ValueError("not a manifest chunk: a version is not a whole number")
    return [(i, "" if digest == _NO_HASH else digest, version) for i, digest, version in entries]


def find(text: str, identifier: str) -> list[tuple[int, str, int | None]]:
    """The entries of one id in a chunk that :func:`pack` made: a fraction of the work of
    :func:`unpack` where there are none.

    Args:
        text: the chunk.
        identifier: the document id.

    Returns:
        Of each its number in the chunk, from 0, its content hash and its version.

    Raises:
        ValueError: the text is not such a chunk.
    """
    try:
        data, _ = _inflated(text)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"not a manifest chunk: {error}") from error
    # An id has one form in what `pack` writes.
    if json.dumps(identifier).encode("ascii") not in data:
        return []
    return [
        (number, digest, version)
        for number, (found, digest, version) in enumerate(unpack(text))
        if found == identifier
    ]


def _inflated(text: str) -> tuple[bytes, bytes]:
    """The deflated part of a chunk, and what is behind it."""
    inflater = zlib.decompressobj()
    data = inflater.decompress(base64.b64decode(text, validate=True), _MAX_CHUNK_BYTES)
    if not inflater.eof:
        raise ValueError("it is cut off or too large")
    return data, inflater.unused_data

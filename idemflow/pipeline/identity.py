"""Identity: the rule that makes a document's id, and the hash of its contents.

Only the standard library is used and nothing of idemflow is imported: the source of this module
is part of the script of the Identify step, which runs inside NiFi, on machines that do not have
idemflow. What NiFi computes and what ``idemflow verify`` computes is thus the same code.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

# Elasticsearch refuses a longer _id (in bytes of UTF-8).
MAX_ID_BYTES = 512

# Order-independent checksums are sums modulo this.
_CHECKSUM_MODULUS = 1 << 128


class NoIdentity(ValueError):
    """A record has no value where the identity rule looks for one."""


def canonical(record: object) -> str:
    """The canonical JSON of a value: sorted keys, no white space, UTF-8 text unescaped.

    Args:
        record: anything that ``json`` can write; keys must be strings.

    Returns:
        One line of JSON.

    Raises:
        TypeError: a value that JSON has no form for (a set, a date, bytes, ...).
        ValueError: NaN or an infinity, for which JSON has no form either.
    """
    return json.dumps(
        record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def content_hash(text: str) -> str:
    """The hash of a document's canonical JSON: 32 hexadecimal digits (128 bits of SHA-256)."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def document_id(record: Mapping[str, object], fields: Iterable[str]) -> str:
    """The id of a record's document.

    One field gives its value as text. Several give the JSON array of their values, so that
    ``("a", "bc")`` and ``("ab", "c")`` differ.

    Args:
        record: the record.
        fields: names of the fields that identify it, at least one.

    Returns:
        The id, at most 512 bytes of UTF-8.

    Raises:
        NoIdentity: a field is missing, null, blank, not a scalar, or the id is too long.
    """
    parts: list[str | int | float] = []
    for field in fields:
        value = record.get(field)
        if value is None:
            raise NoIdentity(f"the identity field {field!r} is missing or null")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise NoIdentity(
                f"the identity field {field!r} is a {type(value).__name__}, not text or a number"
            )
        if isinstance(value, str) and not value.strip():
            raise NoIdentity(f"the identity field {field!r} is blank")
        parts.append(value)
    text = str(parts[0]) if len(parts) == 1 else canonical(parts)
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise NoIdentity(f"the id {text!r} is not valid Unicode") from error
    if size > MAX_ID_BYTES:
        raise NoIdentity(f"the id has {size} bytes; Elasticsearch takes {MAX_ID_BYTES}")
    return text


def checksum(entries: Iterable[tuple[str, str]]) -> str:
    """An order-independent checksum over documents.

    The sum, modulo 2**128, of a hash of each (id, content hash): adding, dropping, repeating or
    changing a document changes it, their order does not.

    Args:
        entries: pairs of document id and content hash.

    Returns:
        32 hexadecimal digits.
    """
    total = 0
    for identifier, digest in entries:
        line = json.dumps([identifier, digest]).encode()
        total += int.from_bytes(hashlib.sha256(line).digest()[:16], "big")
    return f"{total % _CHECKSUM_MODULUS:032x}"

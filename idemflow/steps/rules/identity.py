"""Identity: the rule that makes a document's id, and the hash of its contents.

Standard library only: it runs inside NiFi too. What NiFi computes and what ``idemflow verify``
computes is thus the same code.

A rule is plain JSON, so that it can be a property on the canvas::

    {"fields": ["id"]}                            one field: its value as text
    {"fields": ["shop", "customer.id"]}           several: the JSON array of the values
    {"content": true, "except": ["loaded_at"]}    the hash of the record without some fields

``docs/identity.md`` describes ids and canonical JSON exactly, with test vectors.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from idemflow.steps.rules.digits import lost_digits

# Elasticsearch refuses a longer _id (in bytes of UTF-8).
MAX_ID_BYTES = 512

# From here on a float cannot tell neighbouring integers apart.
_FLOAT_LIMIT = 1 << 53

# Order-independent checksums are sums modulo this.
_CHECKSUM_MODULUS = 1 << 128

_canonical = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def _chunks_of_json() -> Callable[[object, int], Iterable[str]] | None:
    """The writer in C that JSONEncoder makes anew for each value, once for all.

    That is a fifth of the time of a small record; without it JSONEncoder itself does the same.
    """
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return None
    text = json.encoder.encode_basestring
    made: Callable[[object, int], Iterable[str]]
    made = make(None, _canonical.default, text, None, ":", ",", True, False, False)
    return made


_fast = _chunks_of_json()


class NoIdentity(ValueError):
    """A record has no value where the identity rule looks for one."""


def canonical(record: object) -> str:
    """The canonical JSON of a value: sorted keys, no white space, text unescaped.

    Args:
        record: anything that ``json`` can write; keys must be strings.

    Returns:
        One line of JSON.

    Raises:
        TypeError: a value that JSON has no form for (a set, a date, bytes, ...).
        ValueError: NaN or an infinity, for which JSON has no form either.
        RecursionError: the value is nested too deeply, or contains itself.
    """
    return _canonical.encode(record) if _fast is None else "".join(_fast(record, 0))


def content_hash(text: str) -> str:
    """The hash of a document's canonical JSON: 32 hexadecimal digits (128 bits of SHA-256).

    Raises:
        UnicodeEncodeError: the text has a lone surrogate, so it has no form in UTF-8.
    """
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def content_digest(record: object) -> str:
    """What says whether two documents have the same content: their content hash, and of numbers
    that no double holds all digits.

    Raises:
        ValueError: the record has no canonical JSON, or none in UTF-8.
        RecursionError: it is nested too deeply.
    """
    text = canonical(record)
    lost = "\n".join(lost_digits(record))
    return content_hash(f"{text}\n{lost}" if lost else text)


def lookup(record: Mapping[str, Any], field: str) -> Any:
    """The value of a field, ``None`` where there is none.

    Args:
        field: a name, or names of nested objects joined by dots. A field of the record that has
            the dots in its own name comes first.
    """
    if field in record or "." not in field:
        return record.get(field)
    value: Any = record
    for name in field.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def id_maker(rule: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], str]:
    """What makes the id of a record's document by an identity rule.

    Returns:
        A function of a record, as ``json`` reads it. Its id has at most 512 bytes of UTF-8: of a
        longer one it is the hash. It raises ``NoIdentity`` where a part is missing, null, blank or
        not a scalar, or where there is no content.

    Raises:
        ValueError: it is no identity rule.
    """
    fields = rule.get("fields")
    if rule.get("content") is True and not fields:
        return _content_maker(rule.get("except") or [])
    if not fields or not isinstance(fields, list):
        raise ValueError(f"an identity rule names fields or the content, unlike {rule!r}")
    if len(fields) > 1:
        return lambda record: fitted(canonical([_part(record, field) for field in fields]))
    (field,) = fields

    def of_one_field(record: Mapping[str, Any]) -> str:
        value = record.get(field)
        if type(value) is int:
            value = str(value)
        # The common case: short ASCII text needs no further look.
        if type(value) is str and value.isascii() and len(value) <= MAX_ID_BYTES and value.strip():
            return value
        return fitted(str(_part(record, field)))

    return of_one_field


def _content_maker(excepted: list[str]) -> Callable[[Mapping[str, Any]], str]:
    def of_content(record: Mapping[str, Any]) -> str:
        for field in excepted:
            record = _without(record, field)
        if not record:
            raise NoIdentity("the record has no content to make an id from")
        try:
            return content_hash(canonical(record))
        except ValueError as error:
            raise NoIdentity(f"the content makes no id: {error}") from error

    return of_content


def _without(record: Mapping[str, Any], field: str) -> dict[str, Any]:
    """A copy of a record without a field, which :func:`lookup` would find."""
    if field in record or "." not in field:
        return {name: value for name, value in record.items() if name != field}
    name, _, rest = field.partition(".")
    inner = record.get(name)
    return dict(record) | ({name: _inner(inner, rest)} if isinstance(inner, dict) else {})


def _inner(record: dict[str, Any], path: str) -> dict[str, Any]:
    name, dot, rest = path.partition(".")
    if not dot:
        return {key: value for key, value in record.items() if key != name}
    inner = record.get(name)
    return record | ({name: _inner(inner, rest)} if isinstance(inner, dict) else {})


def _part(record: Mapping[str, Any], field: str) -> str | int | float:
    """A value that is fit to be an id or a part of it.

    Raises:
        NoIdentity: it is not.
    """
    value = lookup(record, field)
    if value is None:
        raise NoIdentity(f"the identity field {field!r} is missing or null")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NoIdentity(
            f"the identity field {field!r} is a {type(value).__name__}, not text or a number"
        )
    if isinstance(value, str) and not value.strip():
        raise NoIdentity(f"the identity field {field!r} is blank")
    if isinstance(value, float):
        if not abs(value) < _FLOAT_LIMIT:
            raise NoIdentity(
                f"the identity field {field!r} is {value!r}: so large a number with a point or an "
                "exponent may have lost digits; make it an integer or text"
            )
        if value.is_integer():
            return int(value)
    return value


def fitted(text: str) -> str:
    """An id as Elasticsearch takes it: of a longer one its hash.

    Raises:
        NoIdentity: it is not valid Unicode.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise NoIdentity(f"the id {text[:200]!r} is not valid Unicode") from error
    return text if len(data) <= MAX_ID_BYTES else f"sha256:{hashlib.sha256(data).hexdigest()}"


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

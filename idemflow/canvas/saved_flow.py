"""NiFi's flow as it keeps it on disk, taken to another runtime: ``flow.json.gz``.

Its sensitive values are encrypted with a key of that runtime. Those that only refer to a parameter
(``#{elasticsearch.password}``) are no secrets; the others are taken out, and put in again.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from idemflow.drawing.parameters import with_print, without_print
from idemflow.errors import IdemflowError
from idemflow.security.nifi_values import NifiValues, is_encrypted

# Where a value stands: keys of objects and numbers of lists, as one text of JSON.
Values = dict[str, str]
_REFERENCE = ("#{", "}")
_LARGEST = 256 << 20  # bytes of JSON


@dataclass(frozen=True)
class Open:
    """A flow without secrets.

    Attributes:
        flow: the flow, as JSON, compressed.
        references: sensitive values that only name a parameter.
        secrets: the others.
        names: what the others are called: the context or the components, and their own name.
    """

    flow: bytes
    references: Values
    secrets: Values
    names: tuple[str, ...]


def taken_out(packed: bytes, values: NifiValues) -> Open:
    """A flow without its sensitive values, and these.

    Args:
        packed: the file's contents.
        values: reads them.

    Raises:
        IdemflowError: it is no flow, or has a value that was encrypted with another key.
    """
    flow = _read(packed)
    references, secrets, names = Values(), Values(), list[str]()
    for place in list(_places(flow)):
        if not is_encrypted(place.value):
            continue
        text = values.decrypt(place.value)
        if text is None:
            raise IdemflowError(
                f"NiFi's flow has a value that its key does not open: {place.name}",
                next_command="set it anew on the canvas",
            )
        kept = references if _is_reference(text) else secrets
        kept[json.dumps(place.keys)] = text
        if kept is secrets:
            names.append(place.name)
            # What tells idemflow that a parameter is set already: it is not, from now on.
            place.describe(without_print)
        place.put(None)
    return Open(_packed(flow), references, secrets, tuple(names))


def put_in(packed: bytes, given: Mapping[str, str], values: NifiValues) -> bytes:
    """A flow with the sensitive values that were taken out of it.

    Args:
        packed: the flow.
        given: the values by their places; what the flow has no such place for is left out.
        values: encrypts them.

    Raises:
        IdemflowError: it is no flow.
    """
    flow = _read(packed)
    for keys, text in given.items():
        place = _place(flow, keys)
        if place is not None:
            place.put(values.encrypt(text))
            place.describe(partial(with_print, name=place.parameter, value=text))
    return _packed(flow)


def moved(packed: bytes, change: Callable[[str], str]) -> bytes:
    """A flow whose texts are changed, e.g. from the folders of one runtime to those of another.

    Raises:
        IdemflowError: it is no flow.
    """
    flow = _read(packed)
    for place in list(_places(flow)):
        if isinstance(place.value, str):
            place.put(change(place.value))
    return _packed(flow)


@dataclass(frozen=True)
class _Place:
    """Where a value stands.

    Attributes:
        holder: the object or list that it stands in.
        keys: the way there from the flow.
        name: what a person calls it.
    """

    holder: Any
    keys: tuple[str | int, ...]
    name: str

    @property
    def value(self) -> Any:
        return self.holder[self.keys[-1]]

    @property
    def parameter(self) -> str:
        """The name of a parameter whose value stands here."""
        return str(self.holder.get("name")) if isinstance(self.holder, dict) else ""

    def put(self, value: Any) -> None:
        self.holder[self.keys[-1]] = value

    def describe(self, change: Callable[[str], str]) -> None:
        """Change what a parameter whose value stands here is described as."""
        if isinstance(self.holder, dict) and isinstance(self.holder.get("description"), str):
            self.holder["description"] = change(self.holder["description"])


def _places(value: Any, keys: tuple[str | int, ...] = (), names: str = "") -> Iterator[_Place]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    # Of a parameter, `value` is no name; of all else a property's name is.
    own = value.get("name") if isinstance(value, dict) else None
    named = f"{names}: {own}" if names and own else str(own or names)
    for key, item in list(items):
        if isinstance(item, dict | list):
            yield from _places(item, (*keys, key), named)
        else:
            name = named if key == "value" or isinstance(key, int) else f"{named}: {key}"
            yield _Place(value, (*keys, key), name)


def _place(flow: Any, keys: str) -> _Place | None:
    holder = flow
    try:
        *above, last = json.loads(keys)
        for key in above:
            holder = holder[key]
        if isinstance(holder, dict | list) and not isinstance(holder[last], dict | list):
            return _Place(holder, (last,), "")
    except (LookupError, TypeError, ValueError):
        pass
    return None


def _is_reference(text: str) -> bool:
    start, end = _REFERENCE
    return text.startswith(start) and text.endswith(end)


def _read(packed: bytes) -> Any:
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        text = unpacker.decompress(packed, _LARGEST)
        if not unpacker.eof:
            raise ValueError("it is cut, or larger than any flow")
        found = json.loads(text)
    except (zlib.error, ValueError, RecursionError) as error:
        raise IdemflowError(
            f"NiFi's flow cannot be read: {error}", next_command="idemflow up"
        ) from error
    if not isinstance(found, dict):
        raise IdemflowError("NiFi's flow cannot be read: it is no object")
    return found


def _packed(flow: Any) -> bytes:
    return gzip.compress(json.dumps(flow, ensure_ascii=False, separators=(",", ":")).encode())

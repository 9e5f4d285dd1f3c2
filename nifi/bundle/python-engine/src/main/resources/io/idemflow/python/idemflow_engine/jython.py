"""What scripts written for Jython import of it: `jarray`, and `org.python.core.util.StringUtil`.

Jython's arrays of bytes are bytearrays here, which Java methods can write to. Its other Java
classes, all below `org.python`, are Jython's own inside, and are not there.
"""

from collections.abc import Iterable
from types import ModuleType
from typing import Any

import jpy

from idemflow_engine.conversion import to_object

# Jython's letters for the primitive types; a Java class is given as such.
_PRIMITIVES = {
    "z": "boolean",
    "c": "char",
    "b": "byte",
    "h": "short",
    "i": "int",
    "l": "long",
    "f": "float",
    "d": "double",
}


def array(items: Iterable[Any], kind: Any) -> Any:
    """A Java array of these items; `kind` is a letter such as "b" or a Java class."""
    name = _type_name(kind)
    if name == "byte":
        return bytearray(item & 0xFF for item in items)
    if isinstance(kind, str):
        return jpy.array(name, [ord(i) if isinstance(i, str) else i for i in items])
    return jpy.array(name, [to_object(item) for item in items])


def zeros(length: int, kind: Any) -> Any:
    """A Java array of this length, of zeros or of null."""
    name = _type_name(kind)
    return bytearray(length) if name == "byte" else jpy.array(name, length)


def _type_name(kind: Any) -> Any:
    if isinstance(kind, str):
        if kind not in _PRIMITIVES:
            letters = ", ".join(_PRIMITIVES)
            raise ValueError(f"jarray knows no type {kind!r}: there are {letters} and Java classes")
        return _PRIMITIVES[kind]
    java_type = getattr(kind, "_type", None)
    if java_type is None:
        raise TypeError(f"jarray takes a letter or a Java class, not {kind!r}")
    return java_type


class StringUtil:
    """Jython's conversion of text that stands for bytes, a character for each."""

    @staticmethod
    def fromBytes(  # noqa: N802
        content: Any, offset: int = 0, length: int | None = None
    ) -> bytes:
        """The bytes: what a `str` of Jython is."""
        end = len(content) if length is None else offset + length
        return bytes(content)[offset:end]

    @staticmethod
    def toBytes(text: Any) -> bytes:  # noqa: N802
        """The bytes of a text; UnicodeEncodeError for one with characters beyond U+00FF."""
        return text.encode("latin-1") if isinstance(text, str) else bytes(text)


def stand_ins() -> dict[str, ModuleType]:
    """The modules, by the names under which scripts import them."""
    return {
        "jarray": _module("jarray", array=array, zeros=zeros),
        "org.python.core.util": _module("org.python.core.util", StringUtil=StringUtil),
    }


def _module(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name, f"Stands in for Jython's {name}.")
    vars(module).update(members)
    return module

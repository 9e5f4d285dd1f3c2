"""Values on their way between Java and Python.

jpy alone leaves traps for scripts: characters beyond U+FFFF are cut in half, a dict or a list is
no Map or Collection. So every value that a script gets from Java or gives to it comes through here.
How a Java class looks to scripts is for `classes` and `strings` to say, which fill in the tables.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import jpy

from idemflow_engine import text

jpy.VerboseExceptions.enabled = True  # the whole chain of causes, for the log

_java = jpy.get_type("io.idemflow.python.JavaBridge")
_array_list = jpy.get_type("java.util.ArrayList")
_hash_map = jpy.get_type("java.util.LinkedHashMap")
_integer = jpy.get_type("java.lang.Integer")
_long = jpy.get_type("java.lang.Long")
_big_integer = jpy.get_type("java.math.BigInteger")
_runtime_exception = jpy.get_type("java.lang.RuntimeException")
_new = object.__new__

# By jpy's type: the classes whose objects become plain instances (no exceptions, no proxies).
CLASSES: dict[type, type] = {}
# The same classes.
INSTANTIATED: set[type] = set()
# By type: how a value becomes what scripts see, where no class does it.
CONVERTERS: dict[type, Callable[[Any], Any]] = {}


class SeenClasses(dict[type, Any]):
    """By jpy's type: the class that scripts see, made by `make` when it is first asked for."""

    make: Callable[[Any], Any]

    def __missing__(self, java_type: type) -> Any:
        return self.make(java_type)


SEEN = SeenClasses()


def find_class(name: str) -> Any:
    """The Java class of this full name as scripts see it; None where there is none."""
    return None if _java.emptyArray(name) is None else SEEN[jpy.types[name]]


def java_name(java_type: type) -> str:
    """The full name of a Java class."""
    module = java_type.__module__
    return java_type.__name__ if module == "builtins" else f"{module}.{java_type.__name__}"


def from_java(value: Any) -> Any:
    """What a script sees of a value that jpy gave."""
    kind = type(value)
    made = CLASSES.get(kind)
    if made is None:
        if kind is str:
            return value if value.isascii() else text.from_java(value)
        converter = CONVERTERS.get(kind)
        if converter is not None:
            return converter(value)
        made = _meet(kind)
        if made is None:
            return CONVERTERS[kind](value)
    wrapped = _new(made)
    wrapped._java = value
    return wrapped


def to_java(value: Any) -> Any:
    """What to give jpy for a value of a script."""
    kind = type(value)
    if kind in INSTANTIATED:
        return value._java
    if kind in _PLAIN:
        return value
    if isinstance(value, str):
        return text.to_java(value)
    for types, convert in TO_JAVA:
        if isinstance(value, types):
            return convert(value)
    return value


def to_object(value: Any) -> Any:
    """What to give jpy where Java takes any object.

    jpy would make a Byte of a small integer, and only a parameter tells it that bytes are a byte[].
    """
    kind = type(value)
    if kind is int:
        if -0x8000_0000 <= value < 0x8000_0000:
            return _integer(value)
        return _long(value) if value.bit_length() < 64 else _big_integer(str(value))
    if kind is bytes or kind is bytearray:
        return _java.bytes(value)
    return to_java(value)


def shared_bytes(value: Any) -> Any:
    """A byte[] for a buffer of Python that Java may write to; None for any other value.

    jpy would copy it too, but in one direction only: what Java reads into it would be lost.
    """
    kind = type(value)
    if kind is bytearray:
        return _java.bytes(value)
    if (kind is memoryview or kind is array) and value.itemsize == 1:
        view = memoryview(value)
        if not view.readonly and view.contiguous:
            return _java.bytes(bytearray(view.cast("B")))
    return None


def take_back(value: Any, shared: Any) -> None:
    """Bring what Java wrote into an array of `shared_bytes` into the buffer of Python."""
    memoryview(value).cast("B")[:] = memoryview(shared).cast("B")


def _meet(kind: type) -> type | None:
    """The class for a type that is met for the first time; None where a converter does instead."""
    if not issubclass(kind, jpy.JType):
        CONVERTERS[kind] = _as_it_is  # a Python object that Java gives back
        return None
    name = java_name(kind)
    if name == "[B":
        CONVERTERS[kind] = bytearray  # jpy's own array goes on showing what it was at first
        return None
    if name.startswith("["):
        CONVERTERS[kind] = _as_it_is if len(name) == 2 else _from_array
        return None
    if "$Proxy" in name:
        CONVERTERS[kind] = _from_proxy
        return None
    made: type = SEEN[kind]
    if issubclass(made, BaseException):
        CONVERTERS[kind] = _from_throwable
        return None
    INSTANTIATED.add(made)
    CLASSES[kind] = made
    return made


def _as_it_is(value: Any) -> Any:
    return value


def _from_array(array: Any) -> list[Any]:
    return [from_java(item) for item in array]


def _from_proxy(value: Any) -> Any:
    # Any of Java's dynamic proxies may be a Python object in truth.
    target = _java.implementation(value)
    if target is not None:
        return target
    wrapped = _new(SEEN[type(value)])
    wrapped._java = value
    return wrapped


def _from_throwable(value: Any) -> Any:
    message = from_java(value.getMessage())
    error = SEEN[type(value)](*(() if message is None else (message,)))
    error._java = value
    return error


def _mapping_to_java(value: Mapping[Any, Any]) -> Any:
    keys, items = list(value), list(value.values())
    if keys and all(type(part) is str and part.isascii() for part in (*keys, *items)):
        return _java.textMap(keys, items)
    converted = _hash_map()
    for key, item in value.items():
        converted.put(to_object(key), to_object(item))
    return converted


def _items_to_java(value: Iterable[Any]) -> Any:
    converted = _array_list()
    for item in value:
        converted.add(to_object(item))
    return converted


def _class_to_java(value: type) -> Any:
    java_type = value.__dict__.get("_type")
    return value if java_type is None else _java.identity(java_type)


def _error_to_java(value: BaseException) -> Any:
    return _runtime_exception(text.to_java(text.summary(value)))


_PLAIN = frozenset({int, float, bool, type(None), bytes, bytearray, memoryview})
CONVERTERS.update(dict.fromkeys(_PLAIN, _as_it_is))
# What a value of these types becomes; the first that fits.
TO_JAVA: list[tuple[Any, Callable[[Any], Any]]] = [
    (jpy.JType, _as_it_is),
    (type, _class_to_java),
    (Mapping, _mapping_to_java),
    ((list, tuple, AbstractSet, Iterator, range), _items_to_java),
    (BaseException, _error_to_java),
]

"""Java objects as scripts see them.

jpy alone leaves traps for scripts: characters beyond U+FFFF are cut in half, a dict or a list is
no Map or Collection, a Python class cannot implement a Java interface (deriving from one crashes
the JVM), every Java exception is a RuntimeError. So scripts see Java classes and objects through
the classes that this module makes, one for each Java class, made when it is first met.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import jpy

from idemflow_engine import callbacks, containers, members, strings, text
from idemflow_engine.members import CLASSES, INSTANTIATED

jpy.VerboseExceptions.enabled = True  # the whole chain of causes, for the log

_java = jpy.get_type("io.idemflow.python.JavaBridge")
_array_list = jpy.get_type("java.util.ArrayList")
_hash_map = jpy.get_type("java.util.LinkedHashMap")
_integer = jpy.get_type("java.lang.Integer")
_long = jpy.get_type("java.lang.Long")
_big_integer = jpy.get_type("java.math.BigInteger")
_runtime_exception = jpy.get_type("java.lang.RuntimeException")
# By jpy's type: the class that scripts see.
_made: dict[type, "JavaClass"] = {}
# By type: how a value becomes what scripts see, where no class does it.
_converters: dict[type, Callable[[Any], Any]] = {}
_classes_lock = threading.RLock()


class JavaClass(type):
    """A Java class; classes that scripts derive from a Java interface are of this type as well."""

    _type: Any

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> "JavaClass":
        if "_type" not in namespace:
            for base in bases:
                if isinstance(base, JavaClass) and base is not JavaObject and not base._derivable():
                    raise TypeError(
                        f"class {name} cannot derive from the Java class {base.__name__}: "
                        "Python classes can implement Java interfaces only"
                    )
        return super().__new__(mcs, name, bases, namespace, **options)

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if "_type" not in cls.__dict__ or issubclass(cls, JavaThrowable):
            return super().__call__(*args, **options)
        if cls._interface:
            raise TypeError(f"{cls.__qualname__} is a Java interface: derive a class from it")
        return from_java(members.call(cls._type, args, cls.__name__))

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return members.of_class(cls, name)

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        java = getattr(instance, "_java", None)
        if java is None or "_type" not in cls.__dict__:
            return False
        return bool(_java.isInstance(cls._type, java))

    def __repr__(cls) -> str:
        return f"<Java class {cls.__module__}.{cls.__qualname__}>"

    def _derivable(cls) -> bool:
        return "_type" not in cls.__dict__ or bool(cls._interface) or issubclass(cls, JavaThrowable)


class Members:
    """What every Java object can do in Python."""

    __slots__ = ()
    _java: Any

    def __getattr__(self, name: str) -> Any:
        # Methods come here once for each class, then they are attributes of the class.
        if name.startswith("_"):
            raise AttributeError(name)
        return members.of_object(self, name)


class JavaObject(Members, metaclass=JavaClass):
    """A Java object."""

    __slots__ = ("_java",)

    def __str__(self) -> str:
        return text.from_java(str(self._java))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, JavaObject) and hasattr(self, "_java") and hasattr(other, "_java"):
            return bool(self._java == other._java)
        return self is other

    def __hash__(self) -> int:
        return int(_java.hash(self._java)) if hasattr(self, "_java") else object.__hash__(self)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} {self}>"


class JavaThrowable(Members, Exception, metaclass=JavaClass):
    """A Java exception, to raise and to catch."""

    _java_name = "java.lang.Throwable"

    def getMessage(self) -> str | None:  # noqa: N802
        """The message, as Java has it."""
        return str(self.args[0]) if self.args else None

    def toString(self) -> str:  # noqa: N802
        """Class and message, as Java has it."""
        message = self.getMessage()
        return self._java_name if message is None else f"{self._java_name}: {message}"


def is_java(cls: type) -> bool:
    """Whether a class is one of Java's, or one that this module gives them; not a script's own."""
    return "_type" in cls.__dict__ or cls.__module__.startswith(("builtins", "idemflow_engine"))


def find_class(name: str) -> Any:
    """The Java class of this full name as scripts see it; None where there is none."""
    if name == "java.lang.String":
        return strings.String
    if _java.emptyArray(name) is None:
        return None
    return _class_of(jpy.types[name])


def from_java(value: Any) -> Any:
    """What a script sees of a value that jpy gave."""
    kind = type(value)
    made = CLASSES.get(kind)
    if made is None:
        if kind is str:
            return value if value.isascii() else text.from_java(value)
        converter = _converters.get(kind)
        if converter is not None:
            return converter(value)
        made = _meet(kind)
        if made is None:
            return _converters[kind](value)
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
    for types, convert in _CONVERSIONS:
        if isinstance(value, types):
            return convert(value)
    return value


def _members_to_java(value: "Members") -> Any:
    try:
        return value._java
    except AttributeError:
        return callbacks.implement(value)


def _class_to_java(value: type) -> Any:
    java_type = value.__dict__.get("_type")
    return value if java_type is None else _java.identity(java_type)


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


def _error_to_java(value: BaseException) -> Any:
    return _runtime_exception(text.to_java(text.summary(value)))


def _as_it_is(value: Any) -> Any:
    return value


_CONVERSIONS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (jpy.JType, _as_it_is),
    (Members, _members_to_java),
    (type, _class_to_java),
    (Mapping, _mapping_to_java),
    ((list, tuple, AbstractSet, Iterator, range), _items_to_java),
    (BaseException, _error_to_java),
)
_PLAIN = frozenset({int, float, bool, type(None), bytes, bytearray, memoryview})
_converters.update(dict.fromkeys(_PLAIN, lambda value: value))


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
        return jpy.array("byte", list(memoryview(value).cast("b")))
    return to_java(value)


def _meet(kind: type) -> "JavaClass | None":
    """The class for a type that is met for the first time; None where a converter does instead."""
    if not issubclass(kind, jpy.JType):
        _converters[kind] = _as_it_is  # a Python object that Java gives back
        return None
    name = _java_name(kind)
    if name.startswith("["):
        _converters[kind] = _as_it_is if len(name) == 2 else _from_array
        return None
    if "$Proxy" in name:
        _converters[kind] = _from_proxy
        return None
    made = _class_of(kind)
    if issubclass(made, JavaThrowable):
        _converters[kind] = _from_throwable
        return None
    INSTANTIATED.add(made)
    CLASSES[kind] = made
    return made


def _from_array(array: Any) -> list[Any]:
    return [from_java(item) for item in array]


def _from_proxy(value: Any) -> Any:
    # Any of Java's dynamic proxies may be a Python object in truth.
    target = _java.implementation(value)
    if target is not None:
        return target
    wrapped = _new(_class_of(type(value)))
    wrapped._java = value
    return wrapped


def _from_throwable(value: Any) -> Any:
    message = from_java(value.getMessage())
    error = _class_of(type(value))(*(() if message is None else (message,)))
    error._java = value
    return error


def _class_of(java_type: Any) -> "JavaClass":
    made = _made.get(java_type)
    if made is None:
        with _classes_lock:
            made = _made.get(java_type)
            if made is None:
                made = _made[java_type] = _make_class(java_type)
    return made


def _make_class(java_type: Any) -> "JavaClass":
    # jpy fills in a type's methods when an attribute of an instance is asked for; this is an empty
    # one.
    getattr(java_type.__new__(java_type), "class_", None)
    traits = _java.traits(java_type).split()
    base = java_type.__base__
    bases: tuple[type, ...]
    if "Throwable" in traits:
        parent = _class_of(base) if issubclass(base, _throwable) else JavaThrowable
        bases = (parent,)
    else:
        bases = (*containers.mixins(traits), JavaObject)
    java_name = _java_name(java_type)
    package, _, name = java_name.rpartition(".")
    return JavaClass(
        name,
        bases,
        {
            "__slots__": (),
            "__module__": package,
            "__qualname__": name.replace("$", "."),
            "_type": java_type,
            "_interface": _java.isInterface(java_type),
            "_java_name": java_name,
        },
    )


def _java_name(java_type: type) -> str:
    module = java_type.__module__
    return java_type.__name__ if module == "builtins" else f"{module}.{java_type.__name__}"


_new = object.__new__
_throwable = jpy.get_type("java.lang.Throwable")

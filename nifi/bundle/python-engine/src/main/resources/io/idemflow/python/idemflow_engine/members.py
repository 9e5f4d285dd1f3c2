"""What scripts reach of a Java class or object: methods, fields, properties, nested classes."""

from array import array
from collections.abc import Callable
from typing import Any

import jpy

from idemflow_engine import errors
from idemflow_engine.conversion import (
    CLASSES,
    INSTANTIATED,
    find_class,
    from_java,
    shared_bytes,
    take_back,
    to_java,
    to_object,
)

_java = jpy.get_type("io.idemflow.python.JavaBridge")
_new = object.__new__
_BUFFERS = frozenset({bytearray, memoryview, array})


class Members:
    """What every Java object can do in Python."""

    __slots__ = ()
    _java: Any

    def __getattr__(self, name: str) -> Any:
        # Methods come here once for each class, then they are attributes of the class.
        if name.startswith("_"):
            raise AttributeError(name)
        return of_object(self, name)


def of_class(cls: Any, name: str) -> Any:
    """A static method, a constant, a nested class, or a method to call with the object first."""
    java_type = cls._type
    member = getattr(java_type, name, None)
    if callable(member) and not isinstance(member, type):
        _add_method(java_class(cls), name, member)
        return getattr(cls, name)
    if member is not None:
        return from_java(member)
    if name == "class_":
        return from_java(_java.identity(java_type))
    nested = find_class(f"{cls._java_name}${name}")
    if nested is None:
        raise AttributeError(f"Java class {cls._java_name} has no public member {name}")
    return nested


def java_class(cls: Any) -> Any:
    """The class among a class's bases that stands for the Java class itself."""
    return next(base for base in cls.__mro__ if "_type" in base.__dict__)


def of_object(instance: Any, name: str) -> Any:
    owner = java_class(type(instance))
    member = getattr(owner._type, name, None)
    if member is not None and callable(member):
        _add_method(owner, name, member)
        return getattr(instance, name)
    java = to_java(instance)
    try:
        return from_java(getattr(java, name))
    except AttributeError:
        pass
    # A type that Java declared; the object may be more than that.
    actual = _java.identity(java)
    if type(actual) is not owner._type and issubclass(type(actual), jpy.JType):
        wider = from_java(actual)
        if isinstance(wider, Members):
            return getattr(wider, name)
    return _property(instance, owner, name)


def _property(instance: Any, owner: Any, name: str) -> Any:
    """`flowFile.size` for `flowFile.getSize()`, as in Jython."""
    for prefix in ("get", "is"):
        getter = getattr(owner._type, f"{prefix}{name[:1].upper()}{name[1:]}", None)
        if getter is not None:
            return from_java(call(getter, (instance,), name))
    raise AttributeError(f"Java class {owner._java_name} has no public member {name}")


def _add_method(cls: Any, name: str, overloads: Any) -> None:
    method = _function(overloads, name)
    objects: dict[int, set[int]] = {}
    for pair in _java.objectParameters(cls._type, name).split():
        count, _, position = pair.partition(":")
        objects.setdefault(int(count), set()).add(int(position))
    setattr(cls, name, _boxing(method, objects) if objects else method)


def _boxing(method: Callable[..., Any], objects: dict[int, set[int]]) -> Callable[..., Any]:
    """The same method; arguments at these positions (by the count of arguments) are any objects."""

    def boxing(*args: Any) -> Any:
        positions = objects.get(len(args))
        if positions is None:
            return method(*args)
        return method(
            *[
                to_object(arg) if place in positions and type(arg) not in _BUFFERS else arg
                for place, arg in enumerate(args)
            ]
        )

    boxing.__name__ = boxing.__qualname__ = method.__name__
    return boxing


def _function(overloads: Any, name: str) -> Callable[..., Any]:
    """A Python function for the Java methods of one name; the object is the first argument."""

    def method(*args: Any) -> Any:
        # What to_java and from_java do, unrolled for the usual types: this runs for every FlowFile.
        converted = []
        buffers = None
        for arg in args:
            kind = type(arg)
            if kind in INSTANTIATED:
                converted.append(arg._java)
            elif kind is str and arg.isascii():
                converted.append(arg)
            elif kind in _BUFFERS and (shared := shared_bytes(arg)) is not None:
                converted.append(shared)
                buffers = [*(buffers or ()), (arg, shared)]
            else:
                converted.append(to_java(arg))
        try:
            value = overloads(*converted)
        except (RuntimeError, TypeError) as error:
            value = errors.other_way(overloads, args, name, error)
        if buffers is not None:
            for arg, shared in buffers:
                take_back(arg, shared)
        if value is None:
            return None
        made = CLASSES.get(type(value))
        if made is None:
            return from_java(value)
        wrapped = _new(made)
        wrapped._java = value
        return wrapped

    method.__name__ = method.__qualname__ = name
    return method


def call(overloads: Any, args: tuple[Any, ...], name: str) -> Any:
    """Call the Java method or constructor that fits values of a script; gives what jpy gives."""
    try:
        return overloads(*[to_java(arg) for arg in args])
    except (RuntimeError, TypeError) as error:
        return errors.other_way(overloads, args, name, error)

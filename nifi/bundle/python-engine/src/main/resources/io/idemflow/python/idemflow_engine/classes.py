"""Java classes as scripts see them.

With jpy alone a Python class cannot implement a Java interface (deriving from one crashes the JVM),
and every Java exception is a RuntimeError. So scripts see Java classes and objects through the
classes that this module makes, one for each Java class, made when it is first met.
"""

import threading
from typing import Any

import jpy

from idemflow_engine import containers, members, text
from idemflow_engine.conversion import SEEN, TO_JAVA, from_java, java_name
from idemflow_engine.members import Members

_java = jpy.get_type("io.idemflow.python.JavaBridge")
_throwable = jpy.get_type("java.lang.Throwable")
_lock = threading.RLock()


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


def install() -> None:
    """Show scripts Java's classes in this way; called once."""
    SEEN.make = _class_of
    TO_JAVA.insert(0, (Members, _to_java))  # first: a script's own class may be a list as well


def _to_java(value: Members) -> Any:
    try:
        return value._java
    except AttributeError:
        return _implement(value)


def _implement(instance: Any) -> Any:
    """A Java object for an instance of a script's class.

    The instance does not keep it: neither Java nor Python could ever collect such a ring.
    """
    cls = type(instance)
    if isinstance(instance, JavaThrowable):
        return members.call(members.java_class(cls)._type, instance.args, cls.__name__)
    interfaces = [base._type for base in cls.__mro__ if "_type" in base.__dict__]
    return _java.implement(instance, interfaces)


def _class_of(java_type: Any) -> JavaClass:
    with _lock:
        if java_type not in SEEN:
            SEEN[java_type] = _make_class(java_type)
        made: JavaClass = SEEN[java_type]
        return made


def _make_class(java_type: Any) -> JavaClass:
    # jpy fills in a type's methods when an attribute of an instance is asked for; this is an empty
    # one.
    getattr(java_type.__new__(java_type), "class_", None)
    traits = _java.traits(java_type).split()
    base = java_type.__base__
    bases: tuple[type, ...]
    if "Throwable" in traits:
        bases = (SEEN[base] if issubclass(base, _throwable) else JavaThrowable,)
    else:
        bases = (*containers.mixins(traits), JavaObject)
    full_name = java_name(java_type)
    package, _, name = full_name.rpartition(".")
    return JavaClass(
        name,
        bases,
        {
            "__slots__": (),
            "__module__": package,
            "__qualname__": name.replace("$", "."),
            "_type": java_type,
            "_interface": _java.isInterface(java_type),
            "_java_name": full_name,
        },
    )

"""java.lang.String for scripts: `String(...)` makes a str that has Java's methods as well."""

from typing import Any

import jpy

from idemflow_engine import members, text
from idemflow_engine.conversion import SEEN, from_java

_type = jpy.get_type("java.lang.String")


class JavaString(str):
    """A java.lang.String that a script made."""

    __slots__ = ()

    def charAt(self, index: int) -> str:  # noqa: N802
        """The character there; jpy would give its number."""
        return text.to_java(self)[index]

    def __getattr__(self, name: str) -> Any:
        method = getattr(_type(text.to_java(self)), name)
        return lambda *args: from_java(members.call(method, args, name))


class _StaticMethods(type):
    def __call__(cls, *args: Any) -> JavaString:
        return JavaString(text.from_java(str(members.call(_type, args, "String"))))

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, str)

    def __getattr__(cls, name: str) -> Any:
        member = getattr(_type, name)
        if not callable(member):
            return from_java(member)
        return lambda *args: from_java(members.call(member, args, name))


class String(metaclass=_StaticMethods):
    """What a script gets for `from java.lang import String`."""

    _type = _type


def install() -> None:
    """Give scripts `String` for java.lang.String; called once."""
    SEEN[_type] = String

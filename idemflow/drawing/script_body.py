"""The Script Body of a step: the user's script as it is, and a call of idemflow's step below it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from idemflow import __version__, steps

# NiFi reads #{name} as a reference to a parameter, and ##{name} as the text #{name}.
_PARAMETER = re.compile(r"#+(?=\{)")

_ESCAPED = re.compile(r"(?:##)+(?=\{)")

# The end of a body that compose made.
_CALL = re.compile(
    r"^idemflow_step_*\('([\w.:]+)',.*\n    (?:.*, )?drawn_by='([^']*)', interface=(\d+)\)\s*\Z",
    re.MULTILINE,
)

Literal = bool | int | float | str | None


class Name(str):
    """A name in the user's script, such as that of a function."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Call(NamedTuple):
    """What a Script Body calls.

    Attributes:
        step: ``module:function``.
        drawn_by: the version of the idemflow that drew it.
        interface: its ``steps.INTERFACE``.
    """

    step: str
    drawn_by: str
    interface: int


def compose(step: Callable[..., None], *bound: str, script: str = "", **values: Literal) -> str:
    """The Script Body of a step.

    Args:
        step: the function that runs in NiFi, importable there under the same name.
        bound: names that ExecuteScript binds and the function takes first: ``session``,
            ``context``, ``REL_SUCCESS``, ``REL_FAILURE``.
        script: the user's script. Its lines keep their numbers and their text, but for what NiFi
            would take for a parameter.
        values: the pipeline's values for the function: literals, or a :class:`Name` in the script.
    """
    called = ", ".join([repr(f"{step.__module__}:{step.__qualname__}"), *bound])
    known = values | {"drawn_by": __version__, "interface": steps.INTERFACE}
    given = ", ".join(f"{name}={value!r}" for name, value in known.items())
    name = _free_name("idemflow_step", script)
    body = f"from idemflow.steps import step as {name}\n{name}({called},\n    {given})\n"
    above = script.rstrip("\n") + "\n\n\n" if script else ""
    return _PARAMETER.sub(lambda match: match.group() * 2, above + body)


def plain(body: str) -> str:
    """A Script Body as NiFi runs it."""
    return _ESCAPED.sub(lambda match: match.group()[1::2], body)


def called(body: str) -> Call | None:
    """What a Script Body calls; ``None`` where :func:`compose` did not make it."""
    match = _CALL.search(body)
    return Call(match[1], match[2], int(match[3])) if match else None


def _free_name(name: str, script: str) -> str:
    """A name that is nowhere in the user's script."""
    while name in script:
        name += "_"
    return name

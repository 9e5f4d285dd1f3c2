"""The kinds of sources there are: the entry points of the group ``idemflow.sources``.

A package that is installed beside idemflow adds one with such an entry point. Its name is the
kind's, and the field under ``collect:`` that only this kind has; its value is a class that
inherits from ``idemflow.sources.source.Source``.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from idemflow.config.pip import pip
from idemflow.errors import IdemflowError, meant
from idemflow.sources.source import Source

GROUP = "idemflow.sources"


def kinds() -> list[str]:
    """The names of the kinds that are installed, sorted.

    Raises:
        IdemflowError: there is none, not even idemflow's own.
    """
    found = sorted({point.name for point in _points()})
    if not found:
        raise IdemflowError(
            "the installation of idemflow tells of no source",
            next_command=pip("install --force-reinstall --no-deps idemflow")
            + "; in a checkout: make .venv/installed",
        )
    return found


def kind_of(collect: object) -> str | None:
    """The kind of source that a ``collect:`` names, if it names one.

    Of several it is the last one: the fields of the others are unknown to it.
    """
    known = kinds()
    named = [name for name in collect if name in known] if isinstance(collect, Mapping) else []
    return named[-1] if named else None


def load(kind: str) -> type[Source]:
    """The class of a kind.

    Args:
        kind: one of :func:`kinds`.

    Raises:
        IdemflowError: two packages have it, or the one that does is broken; names them.
    """
    points = [point for point in _points() if point.name == kind]
    if len(points) > 1:
        packages = sorted(_package(point) for point in points)
        raise IdemflowError(
            f"two packages have a source {kind!r}: {' and '.join(packages)}",
            next_command="pip uninstall one of them",
        )
    (point,) = points
    try:
        found = point.load()
    except Exception as error:  # whatever the import of somebody else's package raises
        raise _broken(point, f"{type(error).__name__}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Source)):
        raise _broken(point, f"{point.value} is no subclass of idemflow.sources.source.Source")
    missing = sorted(found.__abstractmethods__) if inspect.isabstract(found) else []
    if not hasattr(found, "steps"):
        missing.append("steps")
    if kind not in found.model_fields:
        missing.append(f"the field {kind}")
    if missing:
        raise _broken(point, f"{point.value} lacks {', '.join(missing)}")
    return found


def parse(collect: object) -> Source:
    """A ``collect:`` as the source that it names.

    Raises:
        ValueError: it names none, or has a wrong value; pydantic tells where.
        IdemflowError: see :func:`load`.
    """
    if isinstance(collect, Source):
        return collect
    kind = kind_of(collect)
    if kind is not None:
        return load(kind).model_validate(collect)
    known = ", ".join(kinds())
    for name in collect if isinstance(collect, Mapping) else ():
        if hint := meant(name, kinds()):
            message = f"unknown source{hint} Known: {known}"
            unknown = PydanticCustomError("unknown_source", message)
            raise ValidationError.from_exception_data(
                "collect", [InitErrorDetails(type=unknown, loc=(name,), input=collect)]
            )
    raise ValueError(f"must name a source: {known}")


def _points() -> tuple[EntryPoint, ...]:
    return _points_on(GROUP, tuple(sys.path))


@functools.cache  # to look through all that is installed takes longer than to read a pipeline
def _points_on(group: str, _path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """The entry points of a group, where Python looks for modules in these folders."""
    return tuple(entry_points(group=group))


def _broken(point: EntryPoint, reason: str) -> IdemflowError:
    package = _package(point)
    return IdemflowError(
        f"the source {point.name!r} of the package {package} cannot be used: {reason}",
        next_command=pip(f"install --upgrade {package}") + ", or: " + pip(f"uninstall {package}"),
    )


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module

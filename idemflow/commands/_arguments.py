"""Other values for a pipeline's arguments, for a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import nipyapi

from idemflow.canvas import flow, parameters
from idemflow.errors import UsageError
from idemflow.pipeline.spec import Pipeline

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def given(pipeline: Pipeline, values: Iterable[str]) -> dict[str, str]:
    """The arguments that a command line names, as the parameters' values.

    Args:
        pipeline: the pipeline; its YAML has the arguments, and their types by their values.
        values: ``NAME=VALUE`` each.

    Raises:
        UsageError: one has no such form, no such name or no such value, or a name is there twice.
    """
    known = _arguments(pipeline)
    found: dict[str, str] = {}
    for item in values:
        name, equals, value = item.partition("=")
        problem = ""
        if not equals:
            problem = "is not NAME=VALUE"
        elif name not in known:
            there = f"; it has {', '.join(known)}" if known else ""
            problem = f"names no argument of the pipeline {pipeline.name!r}{there}"
        elif name in found:
            problem = f"gives {name!r} a second value"
        if problem:
            raise UsageError(f"--set {item!r} {problem}", next_command=_example(pipeline))
        found[name] = _text(pipeline, name, value)
    return found


def _text(pipeline: Pipeline, name: str, value: str) -> str:
    kind = type(_arguments(pipeline)[name])
    try:
        if kind is bool:
            return parameters.text({"true": True, "false": False}[value.lower()])
        made = kind(value)
        if isinstance(made, float) and not math.isfinite(made):
            raise ValueError  # JSON, which the trigger carries the arguments in, has no such number
        return parameters.text(made)
    except (KeyError, ValueError):
        raise UsageError(
            f"--set {name}={value!r} must be {_KINDS[kind]}, as in flows/{pipeline.name}.yaml",
            next_command=_example(pipeline),
        ) from None


def _example(pipeline: Pipeline) -> str:
    first = next(iter(_arguments(pipeline).items()), None)
    options = f" --set {first[0]}={parameters.text(first[1])}" if first else ""
    return f"idemflow run {pipeline.name}{options}"


def _arguments(pipeline: Pipeline) -> Mapping[str, bool | int | float | str]:
    return pipeline.collect.run_arguments


@contextmanager
def replaced(pipeline: Pipeline, arguments: Mapping[str, str]) -> Iterator[None]:
    """Give arguments other values while a run is triggered.

    The trigger carries the values with it, so the parameters can go back at once.

    Raises:
        UsageError: an argument of the YAML is not on the canvas yet.
    """
    if not arguments:
        yield
        return
    name = flow.context_name(pipeline)
    context = parameters.find(name)
    there = parameters.values(context)
    for key in arguments:
        if key not in there:
            raise UsageError(
                f"the pipeline {pipeline.name!r} on the canvas has no argument {key!r} yet",
                next_command=f"idemflow deploy {pipeline.name}",
            )
    before = {key: there[key] or "" for key in arguments}
    _put(pipeline, context, arguments)
    try:
        yield
    finally:
        _put(pipeline, parameters.find(name), before)


def _put(
    pipeline: Pipeline,
    context: nipyapi.nifi.ParameterContextEntity | None,
    values: Mapping[str, str],
) -> None:
    parameters.put(
        flow.context_name(pipeline),
        context,
        [parameters.argument(pipeline.collect, name, value) for name, value in values.items()],
    )

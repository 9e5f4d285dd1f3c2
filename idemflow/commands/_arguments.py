"""Other values for a pipeline's arguments, for a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from idemflow.canvas import flow, parameters
from idemflow.drawing.parameters import Parameter
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
    known = pipeline.collect.run_arguments
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
    kind = type(pipeline.collect.run_arguments[name])
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
    first = next(iter(pipeline.collect.run_arguments.items()), None)
    options = f" --set {first[0]}={parameters.text(first[1])}" if first else ""
    return f"idemflow run {pipeline.name}{options}"


def changed(pipeline: Pipeline, arguments: Mapping[str, str]) -> list[Parameter]:
    """The parameters of arguments that have other values for a run.

    Raises:
        UsageError: an argument of the YAML is not on the canvas yet.
    """
    there = parameters.values(flow.context_name(pipeline)) if arguments else {}
    for key in arguments:
        if key not in there:
            raise UsageError(
                f"the pipeline {pipeline.name!r} on the canvas has no argument {key!r} yet",
                next_command=f"idemflow deploy {pipeline.name}",
            )
    return [parameters.argument(pipeline.collect, *item) for item in arguments.items()]

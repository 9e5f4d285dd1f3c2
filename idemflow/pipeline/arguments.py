"""Other values for a pipeline's arguments, from a command line."""

from __future__ import annotations

import math
from collections.abc import Iterable

from idemflow.errors import UsageError
from idemflow.pipeline.model import Pipeline
from idemflow.sources.fields import Scalar, as_text

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def given(pipeline: Pipeline, items: Iterable[str], *, verb: str = "run") -> dict[str, Scalar]:
    """The arguments that a command line names.

    Args:
        pipeline: the pipeline; its YAML has the arguments, and their types by their values.
        items: ``NAME=VALUE`` each.
        verb: the command, for the error.

    Raises:
        UsageError: one has no such form, no such name or no such value, or a name is there twice.
    """
    known = pipeline.collect.run_arguments
    example = f"idemflow {verb} {pipeline.name}"
    for name, value in list(known.items())[:1]:
        example += f" --set {name}={as_text(value)}"
    found: dict[str, Scalar] = {}
    for item in items:
        name, equals, text = item.partition("=")
        problem = ""
        if not equals:
            problem = "is not NAME=VALUE"
        elif name not in known:
            there = f"; it has {', '.join(known)}" if known else ""
            problem = f"names no argument of the pipeline {pipeline.name!r}{there}"
        elif name in found:
            problem = f"gives {name!r} a second value"
        if problem:
            raise UsageError(f"--set {item!r} {problem}", next_command=example)
        kind = type(known[name])
        try:
            found[name] = _value(kind, text)
        except (KeyError, ValueError):
            raise UsageError(
                f"--set {name}={text!r} must be {_KINDS[kind]}, as in flows/{pipeline.name}.yaml",
                next_command=example,
            ) from None
    return found


def _value(kind: type[Scalar], text: str) -> Scalar:
    if kind is bool:
        return {"true": True, "false": False}[text.lower()]
    made = kind(text)
    if isinstance(made, float) and not math.isfinite(made):
        raise ValueError  # JSON, which the trigger carries the arguments in, has no such number
    return made

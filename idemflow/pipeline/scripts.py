"""The scripts that a pipeline names: read, and checked without running them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

from idemflow.errors import PipelineError
from idemflow.pipeline.model import Pipeline
from idemflow.sources.source import Call


def read(project: Path, script: str, *, label: str, field: str) -> str:
    """The text of a script.

    Args:
        script: its path in there.
        label: the pipeline's file, for the error.
        field: the field of it that names the script.

    Raises:
        PipelineError: it cannot be read.
    """
    try:
        return (project / script).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PipelineError(label, f"there is no file {script}", field=field) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(script, f"cannot be read: {error}") from error


def check(project: Path, pipeline: Pipeline, label: str, line: Callable[[str], int | None]) -> None:
    """Check that the scripts of a pipeline are Python and have the functions.

    Args:
        label: its file, for the error.
        line: the line of a field in it.

    Raises:
        PipelineError: they are not, or a function does not take the arguments of the YAML.
    """
    call = pipeline.collect.call
    if call is not None:
        at = line(f"{call.place}.function")
        function = _function(project, call.script, call.function, label, call.place, at)
        if function is not None:
            _check_arguments(function, call, label, at)
    if pipeline.transform is not None:
        transform = pipeline.transform
        at = line("transform.function")
        function = _function(project, transform.script, transform.function, label, "transform", at)
        if function is not None and not (function.args.args or function.args.vararg):
            raise PipelineError(
                label,
                f"{transform.function}() in {transform.script} must take a record",
                line=at,
                field="transform.function",
            )


def _function(
    project: Path, script: str, name: str, label: str, part: str, line: int | None
) -> ast.FunctionDef | None:
    """The definition of a function; ``None`` where only running the script would tell."""
    try:
        tree = ast.parse(
            read(project, script, label=label, field=f"{part}.script"), filename=script
        )
    except SyntaxError as error:
        raise PipelineError(script, f"is not Python: {error.msg}", line=error.lineno) from None
    except ValueError as error:
        raise PipelineError(script, f"is not Python: {error}") from None
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    # A name that is imported or assigned is taken on trust.
    bound = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    } | {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    if name not in functions and name not in bound:
        raise PipelineError(
            label,
            f"{script} has no function {name!r}"
            + (f"; it has {', '.join(sorted(functions))}" if functions else ""),
            line=line,
            field=f"{part}.function",
        )
    return functions.get(name)


def _check_arguments(function: ast.FunctionDef, call: Call, label: str, line: int | None) -> None:
    parameters = function.args
    accepted = {arg.arg for arg in (*parameters.args, *parameters.kwonlyargs)}
    unknown = sorted(set(call.arguments) - accepted)
    if unknown and parameters.kwarg is None:
        raise PipelineError(
            label,
            f"{call.function}() in {call.script} takes no {unknown[0]!r}; "
            f"it takes {', '.join(sorted(accepted)) or 'no arguments'}",
            line=line,
            field=f"{call.place}.arguments.{unknown[0]}",
        )
    first_optional = len(parameters.args) - len(parameters.defaults)
    required = [arg.arg for arg in parameters.args[:first_optional]] + [
        arg.arg
        for arg, default in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
        if default is None
    ]
    missing = [name for name in required if name not in call.arguments]
    if missing:
        raise PipelineError(
            label,
            f"{call.function}() in {call.script} needs {missing[0]!r}",
            line=line,
            field=f"{call.place}.arguments",
        )

"""The scripts that a pipeline names: read, and checked without running them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from idemflow.errors import PipelineError
from idemflow.pipeline import files
from idemflow.pipeline.model import Transform
from idemflow.sources.source import Call

# NiFi keeps a script in each of its flow's backups, and so does git.
_BYTES = 1 << 20
# Where packages of Java begin: whether NiFi has one, it alone can tell.
JAVA = frozenset({"com", "io", "java", "javax", "net", "org"})


class Import(NamedTuple):
    """Where a module is imported: the script, and the line in it."""

    script: str
    line: int


def read(project: Path, script: str, *, label: str, field: str, line: int | None = None) -> str:
    """The text of a script.

    Args:
        script: its path in there.
        label: the pipeline's file, for the error.
        field: the field of it that names the script, and
        line: that field's line, if known.

    Raises:
        PipelineError: it cannot be read.
    """
    try:
        return files.read_text(project, script, _BYTES)
    except FileNotFoundError:
        raise PipelineError(label, f"there is no file {script}", line=line, field=field) from None
    except (OSError, ValueError) as error:
        message = f"{script!r} cannot be read: {files.reason(error)}"
        raise PipelineError(label, message, line=line, field=field) from error


def imports(text: str) -> dict[str, int]:
    """The modules that a script imports in any case, by their first name, each with its line.

    What stands in an ``if``, a ``try`` or a function may never be asked for.
    """
    found: dict[str, int] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        else:
            continue
        for name in names:
            found.setdefault(name.partition(".")[0], node.lineno)
    return found


def modules(calls: Iterable[tuple[Call | Transform | None, str | None]]) -> dict[str, Import]:
    """The modules beyond the standard library that scripts import, with the first place of each.

    Args:
        calls: what names a script, and its text.
    """
    found: dict[str, Import] = {}
    for call, text in calls:
        if call is not None and text is not None:
            for name, line in imports(text).items():
                if name not in sys.stdlib_module_names:
                    found.setdefault(name, Import(call.script, line))
    return found


def problems(
    project: Path,
    call: Call | None,
    transform: Transform | None,
    label: str,
    line: Callable[[str], int | None],
) -> list[PipelineError]:
    """What is wrong with the scripts of a pipeline, without running them.

    They must be Python, have the functions, take the YAML's arguments and give records.

    Args:
        call: the function of the source.
        transform: that of the transform.
        label: the pipeline's file, for the error.
        line: the line of a field in it.
    """
    found: list[PipelineError] = []
    if call is not None:
        at = line(f"{call.place}.function")
        with _added(found):
            function = _function(project, call.script, call.function, label, call.place, line)
            if function is not None:
                found += _of_arguments(function, call, label, at)
                found += _of_records(function, call.script)
    if transform is not None:
        at, name = line("transform.function"), transform.function
        with _added(found):
            function = _function(project, transform.script, name, label, "transform", line)
            if function is not None:
                found += _of_transform(function, transform, label, at)
    return found


@contextmanager
def _added(found: list[PipelineError]) -> Iterator[None]:
    """Add an error to others, in place of raising it."""
    try:
        yield
    except PipelineError as error:
        found.append(error)


def _function(
    project: Path,
    script: str,
    name: str,
    label: str,
    part: str,
    line: Callable[[str], int | None],
) -> ast.FunctionDef | None:
    """The definition of a function; ``None`` where only running the script would tell."""
    field = f"{part}.script"
    try:
        text = read(project, script, label=label, field=field, line=line(field))
        tree = ast.parse(text, filename=script)
    except SyntaxError as error:
        raise PipelineError(script, f"is not Python: {error.msg}", line=error.lineno) from None
    except (ValueError, RecursionError, MemoryError) as error:
        # Python's parser calls brackets in brackets both.
        message = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise PipelineError(script, f"is not Python: {message}") from None
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
            line=line(f"{part}.function"),
            field=f"{part}.function",
        )
    return functions.get(name)


def _of_arguments(
    function: ast.FunctionDef, call: Call, label: str, line: int | None
) -> Iterator[PipelineError]:
    parameters = function.args
    accepted = {arg.arg for arg in (*parameters.args, *parameters.kwonlyargs)}
    unknown = sorted(set(call.arguments) - accepted) if parameters.kwarg is None else []
    for name in unknown:
        yield PipelineError(
            label,
            f"{call.function}() in {call.script} takes no {name!r}; "
            f"it takes {', '.join(sorted(accepted)) or 'no arguments'}",
            line=line,
            field=f"{call.place}.arguments.{name}",
        )
    first_optional = len(parameters.args) - len(parameters.defaults)
    required = [arg.arg for arg in parameters.args[:first_optional]] + [
        arg.arg
        for arg, default in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
        if default is None
    ]
    for name in required:
        if name not in call.arguments:
            yield PipelineError(
                label,
                f"{call.function}() in {call.script} needs {name!r}",
                line=line,
                field=f"{call.place}.arguments",
            )


def _of_records(function: ast.FunctionDef, script: str) -> Iterator[PipelineError]:
    gives = _gives(function)
    if not gives.yields and not gives.values and not gives.raises:
        yield PipelineError(
            script,
            f"{function.name}() gives nothing: it must yield its records, or return a list of them",
            line=function.lineno,
        )


def _of_transform(
    function: ast.FunctionDef, transform: Transform, label: str, line: int | None
) -> Iterator[PipelineError]:
    if not (function.args.args or function.args.vararg):
        yield PipelineError(
            label,
            f"{transform.function}() in {transform.script} must take a record",
            line=line,
            field="transform.function",
        )
    gives = _gives(function)
    if not (gives.yields or gives.values or gives.nothing or gives.raises):
        yield PipelineError(
            transform.script,
            f"{function.name}() has no return, so that it leaves out every record: it must return "
            "a record, a list of them, or None for none",
            line=function.lineno,
        )


class _Gives(NamedTuple):
    """What a function does: ``yield``, return values, return at all, end with an error.

    What a decorator makes of it is taken on trust: that counts as values.
    """

    yields: bool
    values: bool
    nothing: bool
    raises: bool


def _gives(function: ast.FunctionDef) -> _Gives:
    own = [*_own_nodes(function)]
    returned = [node.value for node in own if isinstance(node, ast.Return)]
    nothing = [isinstance(value, ast.Constant) and value.value is None for value in returned]
    return _Gives(
        yields=any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own),
        values=bool(function.decorator_list)
        or any(
            value is not None and not none for value, none in zip(returned, nothing, strict=True)
        ),
        nothing=bool(returned),
        raises=isinstance(function.body[-1], ast.Raise),
    )


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """All of a function's code but that of the functions in it."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield node
            yield from _own_nodes(node)

"""A pipeline's YAML: read, validated, typed.

An error names the file, the line, the field and what is allowed there; all are told at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml.comments import CommentedBase
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from idemflow.errors import PipelineError, PipelineErrors, UsageError, meant
from idemflow.pipeline import files, scripts, yaml_limits
from idemflow.pipeline.model import Pipeline, Transform
from idemflow.pipeline.names import is_there, names
from idemflow.sources import registry
from idemflow.sources.fields import check_name, check_period

__all__ = [
    "Pipeline", "Sources", "check_period", "imported", "is_there", "load", "names", "sources",
]  # fmt: skip


_Part = TypeVar("_Part")
_Place = tuple[str | int, ...]

# So many mistakes are told at once, and so much of a wrong value is shown.
_TOLD = 50
_SHOWN = 100


@dataclass(frozen=True)
class Sources:
    """The texts of a pipeline's scripts, ``None`` for those it does not name."""

    collect: str | None
    transform: str | None


def imported(pipeline: Pipeline, texts: Sources) -> dict[str, scripts.Import]:
    """The modules that a pipeline's scripts import, by their first name, and where.

    Args:
        texts: the scripts.
    """
    calls = (pipeline.collect.call, pipeline.transform)
    return scripts.modules(zip(calls, (texts.collect, texts.transform), strict=True))


def load(project: Path, name: str) -> Pipeline:
    """Read and validate ``flows/NAME.yaml``.

    Args:
        name: the pipeline's name.

    Raises:
        UsageError: there is no such pipeline.
        PipelineError: the file is not a valid pipeline; ``PipelineErrors`` where more than one
            thing is wrong.
    """
    known = names(project)
    if name not in known:
        raise _unknown(project, name, known)
    label = f"flows/{name}.yaml"
    data = _parse(project, label)
    plain = _plain(data)
    # A field without a value is no field that is left out: whoever wrote it meant something.
    problems = [
        PipelineError(
            label,
            "has no value; give it one, or take it away",
            line=_line(data, place),
            field=_dotted(place),
        )
        for place in _empty(plain)
    ][:_TOLD]
    empty = {problem.field for problem in problems}
    pipeline = None
    try:
        pipeline = Pipeline.model_validate(plain)
    except ValidationError as error:
        problems += (one for one in _explained(error, data, label) if one.field not in empty)
    written = plain.get("pipeline")
    if (
        isinstance(written, str)
        and written != name
        and all(one.field != "pipeline" for one in problems)
    ):
        message = f"is {written!r}, but the file's name says {name!r}; they must be the same"
        line = _line(data, ("pipeline",))
        problems.append(PipelineError(label, message, line=line, field="pipeline"))
    source, transform = _valid(registry.parse, plain, "collect"), None
    if plain.get("transform") is not None:
        transform = _valid(Transform.model_validate, plain, "transform")
    call = source.call if source else None
    problems += scripts.problems(
        project, call, transform, label, lambda field: _line(data, field.split("."))
    )
    # Of what has no line, such as a missing field, and of a script, the YAML's lines come first.
    problems.sort(key=lambda one: (one.file != label, one.line is None, one.line))
    if len(problems) > 1:
        raise PipelineErrors(problems)
    if problems or pipeline is None:
        raise problems[0]
    return pipeline


def line(project: Path, name: str, field: str) -> int | None:
    """The line, from 1, of a field of a pipeline's file, or of what it would stand in.

    Args:
        name: the pipeline's name.
        field: its dotted name.
    """
    try:
        return _line(_parse(project, f"flows/{name}.yaml"), field.split("."))
    except PipelineError:
        return None


def _unknown(project: Path, name: str, known: Sequence[str]) -> UsageError:
    """The error for a pipeline that is not there, or cannot be one."""
    try:
        check_name(name)
    except ValueError as error:
        return UsageError(
            f"{name!r} cannot be the name of a pipeline: {error}",
            next_command="idemflow status lists those of this project",
        )
    return UsageError(
        f"there is no pipeline {name!r} in {project / 'flows'}{meant(name, known) or '.'}"
        + (f" Pipelines here: {', '.join(known)}." if known else " It has no pipelines."),
        next_command=f"create flows/{name}.yaml, or run idemflow in the project's folder",
    )


def _valid(read: Callable[[Any], _Part], plain: Mapping[str, Any], name: str) -> _Part | None:
    """A part of the YAML, where that part is as it should be."""
    try:
        return read(plain.get(name))
    except ValueError:  # pydantic's is one
        return None


def sources(project: Path, pipeline: Pipeline) -> Sources:
    """The texts of the pipeline's scripts.

    Raises:
        PipelineError: one cannot be read.
    """

    def text(script: str, field: str) -> str:
        return scripts.read(project, script, label=f"flows/{pipeline.name}.yaml", field=field)

    call, transform = pipeline.collect.call, pipeline.transform
    return Sources(
        text(call.script, f"{call.place}.script") if call else None,
        text(transform.script, "transform.script") if transform else None,
    )


def _parse(project: Path, label: str) -> Any:
    try:
        text = files.read_text(project, label, yaml_limits.BYTES)
    except (OSError, ValueError) as error:
        line = error.line if isinstance(error, files.TooLarge) else None
        message = f"cannot be read: {files.reason(error)}"
        raise PipelineError(label, message, line=line) from error
    try:
        data = yaml_limits.load(text)
    except yaml_limits.BeyondLimits as error:
        raise PipelineError(label, f"is not read: {error}", line=error.line) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise PipelineError(
            label,
            f"is not YAML: {error.problem or error.context}",
            line=mark.line + 1 if mark else None,
        ) from None
    except (YAMLError, ValueError) as error:
        raise PipelineError(label, f"is not YAML: {error}") from None
    if not isinstance(data, dict):
        raise PipelineError(label, "must be a mapping that starts with `pipeline: NAME`", line=1)
    return data


def _plain(value: Any) -> Any:
    """The same data in plain Python types: the round-trip types are not strict enough."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _empty(value: Any, place: _Place = ()) -> Iterator[_Place]:
    """Where nothing stands, or ``null``."""
    if value is None:
        yield place
    elif isinstance(value, dict | list):
        for part, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _empty(item, (*place, part))


def _dotted(place: _Place) -> str:
    return _shortened(".".join(map(str, place)))


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _line(data: Any, path: Sequence[str | int]) -> int | None:
    """The 1-based line of the deepest part of ``path`` that is in the file."""
    line: int | None = None
    for part in path:
        if not isinstance(data, CommentedBase):
            break
        try:
            position = data.lc.key(part) if isinstance(data, dict) else data.lc.item(part)
            data = data[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            break
        line = position[0] + 1
    return line


def _explained(error: ValidationError, data: Any, label: str) -> list[PipelineError]:
    """What is wrong, in a user's words; of the alternatives for a field the first."""
    items = error.errors(include_url=False)
    # A misspelt field is an unknown one and a missing one: the first says more.
    items.sort(key=lambda item: item["type"] != "extra_forbidden")
    found: dict[_Place, PipelineError] = {}
    guessed: set[_Place] = set()
    for item in items[:_TOLD]:
        kind = item["type"]
        path = _place(item["loc"], data, kind)
        if path in found or (kind == "missing" and path in guessed):
            continue
        if kind == "extra_forbidden":
            allowed = sorted(_fields(path[:-1], data))
            close = difflib.get_close_matches(str(path[-1]), allowed, n=1)
            guessed |= {(*path[:-1], name) for name in close}
            message = "unknown field" + (f"; did you mean {close[0]!r}?" if close else ".")
            message += f" Allowed here: {', '.join(allowed)}"
        elif kind == "missing":
            message = "is missing"
        else:
            message = item["msg"].removeprefix("Value error, ")
            if not isinstance(item["input"], dict):
                message += f" (it is {_shortened(repr(item['input']))})"
        found[path] = PipelineError(label, message, line=_line(data, path), field=_dotted(path))
    return [*found.values()]


def _place(location: Sequence[str | int], data: Any, kind: str) -> _Place:
    """The path of a field in the file, without pydantic's own names for alternatives."""
    path: list[str | int] = []
    for part in location:
        inside = isinstance(data, dict) and part in data
        if inside or (isinstance(data, list) and isinstance(part, int)):
            data = data[part]
            path.append(part)
        elif kind == "missing" and part == location[-1]:
            path.append(part)
    return tuple(path)


def _fields(path: Sequence[str | int], data: Any) -> set[str]:
    """The field names that are allowed at a place."""
    model: type[BaseModel] = Pipeline
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
        if model is Pipeline and part == "collect" and (kind := registry.kind_of(data)):
            model = registry.load(kind)
            continue
        child = _model_in(model.model_fields[str(part)].annotation)
        if child is None:
            return set()
        model = child
    return {field.alias or name for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model among the types that a field may have."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)

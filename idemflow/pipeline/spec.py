"""A pipeline's YAML: read, validated, typed.

An error names the file, the line, the field and what is allowed there.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedBase
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from idemflow.errors import PipelineError, UsageError

# Elasticsearch's rules for an index name (its "Create index" reference).
_INDEX_FORBIDDEN = re.compile(r'[\\/*?"<>| ,#:A-Z]')
_PERIOD = re.compile(r"^\d+ (ms|s|sec|secs|min|mins|hour|hours|day|days)$")
_FIELD_TYPES = (
    "keyword", "text", "date", "boolean", "byte", "short", "integer", "long",
    "unsigned_long", "half_float", "float", "double", "ip", "geo_point", "object",
    "flattened", "binary",
)  # fmt: skip


def check_period(value: object) -> object:
    """A period as NiFi reads it.

    Raises:
        ValueError: it is text, but not a period.
    """
    if isinstance(value, str) and not _PERIOD.match(value):
        raise ValueError('a whole number and a unit: "500 ms", "5 s", "5 min", "2 hours", "1 day"')
    return value


Period = Annotated[str, BeforeValidator(check_period)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
FieldName = Annotated[str, StringConstraints(min_length=1)]


def _scalar(value: object) -> object:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("a number, a text, true or false")
    return value


def _field_type(value: object) -> object:
    if not isinstance(value, dict) and value not in _FIELD_TYPES:
        raise ValueError(f"a field type ({', '.join(_FIELD_TYPES)}) or a full mapping")
    return value


Argument = Annotated[bool | int | float | str, BeforeValidator(_scalar)]
FieldType = Annotated[str | dict[str, Any], BeforeValidator(_field_type)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Collect(_Strict):
    """Where the records come from: a generator function of a script.

    Attributes:
        script: path of the script, relative to the project.
        function: name of the generator function in it.
        arguments: the function's keyword arguments; each becomes a parameter on the canvas.
    """

    script: str
    function: str
    arguments: dict[str, Argument] = Field(default_factory=dict)

    @field_validator("script")
    @classmethod
    def _inside_the_project(cls, value: str) -> str:
        path = Path(value)
        if path.is_absolute() or ".." in path.parts or path.suffix != ".py":
            raise ValueError("a .py file inside the project, such as scripts/people.py")
        return value

    @field_validator("function")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not value.isidentifier() or keyword.iskeyword(value):
            raise ValueError("the name of a Python function")
        return value

    @field_validator("arguments")
    @classmethod
    def _are_names(cls, value: dict[str, Argument]) -> dict[str, Argument]:
        for name in value:
            if not name.isidentifier() or keyword.iskeyword(name):
                raise ValueError(f"{name!r} cannot be the name of an argument")
            if name in ("index", "elasticsearch"):
                raise ValueError(f"{name!r} is the name of a parameter of idemflow's own")
        return value


class Index(_Strict):
    """The index that the documents go to.

    Attributes:
        name: the index' name.
        shards: number of primary shards, for a new index.
        replicas: number of replicas of each.
        mapping: field name to field type, or to a full mapping of the field.
        dynamic: what Elasticsearch does with a field that is not in the mapping.
    """

    name: str
    shards: Annotated[int, Field(ge=1, le=1024)] = 1
    replicas: Annotated[int, Field(ge=0, le=10)] = 0
    mapping: dict[FieldName, FieldType] = Field(default_factory=dict)
    dynamic: Literal["true", "false", "strict"] = "true"

    @field_validator("name")
    @classmethod
    def _elasticsearch_takes_it(cls, value: str) -> str:
        if not value or len(value.encode()) > 255 or value in (".", ".."):
            raise ValueError("an index name has 1 to 255 bytes and is not . or ..")
        if value[0] in "-_+." or _INDEX_FORBIDDEN.search(value):
            raise ValueError(
                'Elasticsearch takes lower case, no blank and none of \\ / * ? " < > | , # :, '
                "and a letter or digit first"
            )
        if value.startswith("idemflow-"):
            raise ValueError("indices that start with idemflow- belong to the ledger")
        return value

    @field_validator("dynamic", mode="before")
    @classmethod
    def _yaml_booleans(cls, value: object) -> object:
        return str(value).lower() if isinstance(value, bool) else value


class Load(_Strict):
    """How documents are sent.

    Attributes:
        batch: documents in one bulk request, at most.
        tasks: bulk requests at a time.
        retry_after: pause before something that an outage held up is tried again.
        queue: number of FlowFiles at which a full queue holds back the step before it.
    """

    batch: Annotated[int, Field(ge=1, le=10_000)] = 1000
    tasks: Annotated[int, Field(ge=1, le=16)] = 1
    retry_after: Period = "5 s"
    queue: Annotated[int, Field(ge=100, le=10_000_000)] = 50_000


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Pipeline(_Strict):
    """A whole pipeline, as one file in ``flows/`` describes it."""

    pipeline: Name
    description: str = ""
    collect: Collect
    identity: Annotated[
        list[FieldName], BeforeValidator(_as_list), Field(min_length=1, max_length=16)
    ]
    index: Index
    load: Load = Field(default_factory=Load)
    schedule: Period = "1 day"

    @property
    def name(self) -> str:
        """The pipeline's name, which is its process group's name as well."""
        return self.pipeline

    def mapping(self) -> dict[str, Any]:
        """The index' mapping in Elasticsearch's own form."""
        return {
            "dynamic": self.index.dynamic,
            "properties": {
                field: {"type": kind} if isinstance(kind, str) else kind
                for field, kind in self.index.mapping.items()
            },
        }


def names(project: Path) -> list[str]:
    """The names of the pipelines of a project, sorted."""
    return sorted(path.stem for path in (project / "flows").glob("*.yaml"))


def load(project: Path, name: str) -> Pipeline:
    """Read and validate ``flows/NAME.yaml``.

    Args:
        project: the project's folder.
        name: the pipeline's name.

    Raises:
        UsageError: there is no such pipeline.
        PipelineError: the file is not a valid pipeline.
    """
    known = names(project)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        raise UsageError(
            f"there is no pipeline {name!r} in {project / 'flows'}"
            + (f"; did you mean {close[0]!r}?" if close else "")
            + (f" Pipelines here: {', '.join(known)}." if known else " It has no pipelines."),
            next_command=f"create flows/{name}.yaml, or run idemflow in the project's folder",
        )
    label = f"flows/{name}.yaml"
    data = _parse(project / "flows" / f"{name}.yaml", label)
    try:
        pipeline = Pipeline.model_validate(_plain(data))
    except ValidationError as error:
        raise _explained(error, data, label) from None
    if pipeline.name != name:
        raise PipelineError(
            label,
            f"is {pipeline.name!r}, but the file's name says {name!r}; they must be the same",
            line=_line(data, ("pipeline",)),
            field="pipeline",
        )
    check_script(project, pipeline, line=_line(data, ("collect", "function")))
    return pipeline


def source(project: Path, pipeline: Pipeline) -> str:
    """The text of the pipeline's script.

    Raises:
        PipelineError: it cannot be read.
    """
    path = project / pipeline.collect.script
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PipelineError(
            f"flows/{pipeline.name}.yaml",
            f"there is no file {pipeline.collect.script}",
            field="collect.script",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(pipeline.collect.script, f"cannot be read: {error}") from error


def check_script(project: Path, pipeline: Pipeline, *, line: int | None = None) -> None:
    """Check, without running it, that the script is Python and has the function.

    Raises:
        PipelineError: it is not, or it does not take the arguments of the YAML.
    """
    collect = pipeline.collect
    try:
        tree = ast.parse(source(project, pipeline), filename=collect.script)
    except SyntaxError as error:
        raise PipelineError(
            collect.script, f"is not Python: {error.msg}", line=error.lineno
        ) from None
    except ValueError as error:
        raise PipelineError(collect.script, f"is not Python: {error}") from None
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    # A name that is imported or assigned is taken on trust: only running the script would tell.
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
    function = functions.get(collect.function)
    if function is None:
        if collect.function in bound:
            return
        raise PipelineError(
            f"flows/{pipeline.name}.yaml",
            f"{collect.script} has no function {collect.function!r}"
            + (f"; it has {', '.join(sorted(functions))}" if functions else ""),
            line=line,
            field="collect.function",
        )
    parameters = function.args
    accepted = {arg.arg for arg in (*parameters.args, *parameters.kwonlyargs)}
    unknown = sorted(set(collect.arguments) - accepted)
    if unknown and parameters.kwarg is None:
        raise PipelineError(
            f"flows/{pipeline.name}.yaml",
            f"{collect.function}() in {collect.script} takes no {unknown[0]!r}; "
            f"it takes {', '.join(sorted(accepted)) or 'no arguments'}",
            line=line,
            field=f"collect.arguments.{unknown[0]}",
        )
    first_optional = len(parameters.args) - len(parameters.defaults)
    required = [arg.arg for arg in parameters.args[:first_optional]] + [
        arg.arg
        for arg, default in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
        if default is None
    ]
    missing = [name for name in required if name not in collect.arguments]
    if missing:
        raise PipelineError(
            f"flows/{pipeline.name}.yaml",
            f"{collect.function}() in {collect.script} needs {missing[0]!r}",
            line=line,
            field="collect.arguments",
        )


def _parse(path: Path, label: str) -> Any:
    try:
        data = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise PipelineError(
            label,
            f"is not YAML: {error.problem or error.context}",
            line=mark.line + 1 if mark else None,
        ) from None
    except (YAMLError, ValueError) as error:
        raise PipelineError(label, f"is not YAML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(label, f"cannot be read: {error}") from error
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


def _explained(error: ValidationError, data: Any, label: str) -> PipelineError:
    """The first thing that is wrong, in a user's words."""
    # A misspelt field is an unknown one and a missing one: the first says more.
    first = min(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
    path = first["loc"]
    field = ".".join(str(part) for part in path)
    line = _line(data, path)
    kind = first["type"]
    if kind == "extra_forbidden":
        allowed = sorted(_fields(path[:-1]))
        close = difflib.get_close_matches(str(path[-1]), allowed, n=1)
        message = "unknown field" + (f"; did you mean {close[0]!r}?" if close else "")
        message += f" Allowed here: {', '.join(allowed)}"
    elif kind == "missing":
        message = "is missing"
    elif kind == "string_pattern_mismatch":
        message = "lower-case letters, digits, - and _, a letter first, 64 at most"
    else:
        message = first["msg"].removeprefix("Value error, ")
        message += f" (it is {first['input']!r})" if not isinstance(first["input"], dict) else ""
    return PipelineError(label, message, line=line, field=field)


def _fields(path: Sequence[str | int]) -> set[str]:
    """The field names that are allowed at a place."""
    model: type[BaseModel] = Pipeline
    for part in path:
        child = model.model_fields[str(part)].annotation
        if not (isinstance(child, type) and issubclass(child, BaseModel)):
            return set()
        model = child
    return set(model.model_fields)

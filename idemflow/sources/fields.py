"""The kinds of values that a pipeline's YAML is made of."""

from __future__ import annotations

import keyword
import math
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

_PERIOD = re.compile(r"^(\d+) (ms|s|sec|secs|min|mins|hour|hours|day|days)$")
_NAME = r"[a-z][a-z0-9_-]{0,63}"
_SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "min": 60, "hour": 3600, "day": 86400}
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


def seconds(period: str) -> float:
    """The length of a period that :func:`check_period` accepts, in seconds."""
    number, unit = period.split(" ")
    return int(number) * _SECONDS[unit if unit in ("ms", "s") else unit.removesuffix("s")]


def _scalar(value: object) -> object:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("a number, a text, true or false")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that JSON has")
    return value


def _field_type(value: object) -> object:
    if not isinstance(value, dict) and value not in _FIELD_TYPES:
        raise ValueError(f"a field type ({', '.join(_FIELD_TYPES)}) or a full mapping")
    return value


def _script_path(value: str) -> str:
    path = Path(value)
    if path.is_absolute() or ".." in path.parts or path.suffix != ".py":
        raise ValueError("a .py file inside the project, such as scripts/people.py")
    return value


def _function_name(value: str) -> str:
    if not value.isidentifier() or keyword.iskeyword(value):
        raise ValueError("the name of a Python function")
    return value


def like(pattern: str, words: str) -> AfterValidator:
    """Takes a text that matches all of a pattern; ``words`` say what it should look like."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(words)
        return value

    return AfterValidator(check)


def as_field(value: object) -> object:
    return {"field": value} if isinstance(value, str) else value


def as_fields(value: object) -> object:
    if isinstance(value, str):
        return {"fields": [value]}
    return {"fields": value} if isinstance(value, list) else value


def check_name(value: str) -> str:
    """The name of a pipeline or of a database.

    Raises:
        ValueError: it cannot be one.
    """
    if not re.fullmatch(_NAME, value):
        raise ValueError("lower-case letters, digits, - and _, a letter first, 64 at most")
    return value


def written(pattern: str, *examples: str) -> Any:
    """What the schema for editors says of a text: a pattern of all of it, and examples."""
    return Field(examples=list(examples) or None,
                 json_schema_extra={"pattern": f"^(?:{pattern})$"})  # fmt: skip


def one_of(*names: str) -> ConfigDict:
    """For a model: the schema for editors says that it has exactly one of some fields."""
    return ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in names]})


Period = Annotated[
    str, BeforeValidator(check_period), written(_PERIOD.pattern[1:-1], "5 s", "15 min", "1 day")
]
Name = Annotated[str, AfterValidator(check_name), written(_NAME)]
Text = Annotated[str, like(r"(?s).*\S.*", "a text that is not blank")]
FieldName = Annotated[str, StringConstraints(min_length=1)]
Scalar = Annotated[bool | int | float | str, BeforeValidator(_scalar)]
FieldType = Annotated[
    str | dict[str, Any],
    BeforeValidator(_field_type),
    WithJsonSchema({"anyOf": [{"enum": list(_FIELD_TYPES)}, {"type": "object"}]}),
]
ScriptPath = Annotated[str, AfterValidator(_script_path), written(r".*\.py", "scripts/people.py")]
FunctionName = Annotated[str, AfterValidator(_function_name), written(r"[^\s\d.][^\s.]*")]


def as_text(value: Scalar) -> str:
    """An argument as a parameter's value, or on a command line: numbers and booleans as in JSON."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class Strict(BaseModel):
    """Takes no unknown field and no value of another type; cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

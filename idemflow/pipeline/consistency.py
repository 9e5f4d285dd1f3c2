"""What does not fit together in pipelines that are valid: known without a server.

Only what goes wrong for certain is told: a check that cries wolf is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from idemflow.pipeline.model import Pipeline

# What Elasticsearch cannot read as such a field: the document would be refused.
_NO_TEXT_OF_TIME = frozenset(
    {
        "boolean", "byte", "short", "integer", "long", "unsigned_long", "half_float", "float",
        "double", "ip", "geo_point", "object", "flattened",
    }
)  # fmt: skip
_NO_INTEGER = frozenset({"boolean", "ip", "geo_point", "object", "flattened"})


class Misfit(NamedTuple):
    """What does not fit.

    Attributes:
        pipeline: the pipeline's name.
        field: the field of its YAML.
        message: what is the case, and what to do.
    """

    pipeline: str
    field: str
    message: str


def of_fields(pipeline: Pipeline) -> Iterator[Misfit]:
    """What Elasticsearch would refuse each document, or the mapping itself, for."""
    mapping, name = pipeline.index.mapping, pipeline.name
    for field, full in mapping.items():
        if isinstance(full, dict) and not {"type", "properties"} & full.keys():
            place = f"index.mapping.{field}"
            yield Misfit(name, place, "has neither `type` nor `properties`: Elasticsearch takes "
                         "no such mapping")  # fmt: skip
    version = pipeline.version
    if pipeline.index.dynamic == "strict":
        known = {field.partition(".")[0] for field in mapping}
        parts = [("identity", field) for field in pipeline.identity.fields or ()]
        parts += [("version", version.field)] if version else []
        for place, field in parts:
            if field.partition(".")[0] not in known:
                yield Misfit(name, place, f"{field!r} is not in index.mapping, and index.dynamic: "
                             "strict refuses each document that has it: add it there")  # fmt: skip
    if version is not None:
        kind, lenient = _type(mapping.get(version.field))
        refused = _NO_TEXT_OF_TIME if version.type == "timestamp" else _NO_INTEGER
        if kind in refused and not lenient:
            wanted = "date" if version.type == "timestamp" else "long"
            yield Misfit(name, f"index.mapping.{version.field}", f"is {kind}, which no "
                         f"{version.type} goes into, and `version` says that it is one: "
                         f"make it {wanted}")  # fmt: skip


def _type(kind: Any) -> tuple[str | None, bool]:
    """The type of a field, and whether Elasticsearch takes other values for it as well."""
    if isinstance(kind, dict):
        return kind.get("type"), bool(kind.get("ignore_malformed"))
    return kind, False


def of_indices(pipelines: Sequence[Pipeline], others: Sequence[Pipeline]) -> Iterator[Misfit]:
    """What pipelines write to that others write to as well, where they may not.

    Args:
        pipelines: those that are told of.
        others: all of the project.
    """
    for pipeline in pipelines:
        for other in others:
            if other.name != pipeline.name and (why := _clash(pipeline, other)):
                yield Misfit(pipeline.name, "index.name", why)


def _clash(one: Pipeline, other: Pipeline) -> str | None:
    both = f"{one.index.name!r} is the index of the pipeline {other.name} as well"
    if one.target != other.target:
        return _clash_of_names(one, other, both)
    without = [each.name for each in (one, other) if not each.index.shared]
    if without and one.snapshot:
        return f"{both}, and each run of a snapshot replaces all of it; rename one"
    if without:
        return f"{both}: rename one, or say index.shared: true in {' and in '.join(without)}"
    for field, kind in one.index.mapping.items():
        mine, theirs = _type(kind)[0], _type(other.index.mapping.get(field))[0]
        if mine and theirs and mine != theirs:
            return (
                f"{both}, and its field {field!r} is {mine} here and {theirs} there: "
                "an index has one type for a field"
            )
    return None


def _clash_of_names(one: Pipeline, other: Pipeline, both: str) -> str | None:
    if one.alias == other.target or other.alias == one.target:
        return f"{both}: for one of them it is an alias, for the other an index; rename one"
    if one.alias is not None and one.alias == other.alias:
        return f"{both}, and an alias for both; rename one"
    if one.is_target(other.target) or other.is_target(one.target):
        return f"{one.index.name!r} and {other.index.name!r} of the pipeline {other.name} may be " \
            "one index; rename one"  # fmt: skip
    return None

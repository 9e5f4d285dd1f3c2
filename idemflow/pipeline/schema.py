"""The JSON schema of a pipeline's YAML, by which an editor completes, explains and underlines.

It is made of the models that validate the YAML, and of their docstrings. What depends on several
fields, on scripts or on other pipelines, ``idemflow check`` tells.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from idemflow.pipeline.model import Pipeline
from idemflow.sources import registry

# What the extensions of editors know best, and all that is said here means the same in later ones.
_DRAFT = "http://json-schema.org/draft-07/schema#"
_ATTRIBUTE = re.compile(r"^    (\w+): ", re.MULTILINE)
_MARKUP = re.compile(r"``|:\w+:(?=`)")


def schema() -> dict[str, Any]:
    """The schema, with the kinds of sources that are installed.

    Raises:
        IdemflowError: a package with a source is broken.
    """
    found = _of(Pipeline, "#/$defs/{model}")
    definitions = found.setdefault("$defs", {})
    kinds = []
    for kind in registry.kinds():
        # Two kinds may have models of the same name.
        one = _of(registry.load(kind), f"#/$defs/{kind}.{{model}}")
        definitions |= {f"{kind}.{name}": model for name, model in one.pop("$defs", {}).items()}
        definitions[kind] = one
        kinds.append({"$ref": f"#/$defs/{kind}"})
    found["properties"]["collect"] |= {"type": "object", "anyOf": kinds}
    return {"$schema": _DRAFT, "title": "A pipeline of idemflow", **found}


def _of(model: type[BaseModel], reference: str) -> dict[str, Any]:
    return model.model_json_schema(ref_template=reference, schema_generator=_Generator)


class _Generator(GenerateJsonSchema):
    """Describes fields by the docstrings, and leaves out what only Python calls something."""

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        found = super().model_schema(schema)
        found.pop("title", None)
        model: type[BaseModel] = schema["cls"]
        summary, attributes = documented(model)
        found["description"] = summary
        for name, field in model.model_fields.items():
            if name in attributes:
                found["properties"][field.alias or name]["description"] = attributes[name]
        return found

    def nullable_schema(self, schema: core_schema.NullableSchema) -> dict[str, Any]:
        """A field without a value is refused: what is not wanted is left out."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        found = super().default_schema(schema)
        if found.get("default", found) in (None, ""):
            found.pop("default")
        return found

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def documented(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """What the docstring of a model says of it, and of each of its fields, each as one paragraph.

    Args:
        model: its docstring lists its fields below ``Attributes:``.
    """
    summary, _, rest = _plain(inspect.getdoc(model) or "").partition("\nAttributes:\n")
    _, *parts = _ATTRIBUTE.split(rest)
    names, texts = parts[::2], parts[1::2]
    return _paragraph(summary), dict(zip(names, map(_paragraph, texts), strict=True))


def _plain(text: str) -> str:
    """A docstring without the markup of its roles, and without a word of Python."""
    return _MARKUP.sub(lambda match: "`" if match.group() == "``" else "", text).replace(
        "`None`", "none"
    )


def _paragraph(text: str) -> str:
    return " ".join(text.split())

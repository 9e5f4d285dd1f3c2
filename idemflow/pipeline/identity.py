"""What a pipeline's YAML says of a document's id, of its version, and of its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from idemflow.sources.fields import FieldName, Scalar, Strict, one_of

Unique = Literal["warn", "fail", "allow"]
Fields = Annotated[list[FieldName], Field(min_length=1, max_length=16)]


class Identity(Strict):
    """The rule that makes a document's id.

    Attributes:
        fields: the fields it is made of; a dot leads into an object.
        content_hash: it is the hash of the record instead,
        except_: without these fields.
        unique: what becomes of a run in which two records have one id.
    """

    model_config = one_of("fields", "content-hash")

    fields: Annotated[
        Fields | None,
        BeforeValidator(
            lambda value: [value] if isinstance(value, str) else value,
            json_schema_input_type=FieldName | Fields,
        ),
    ] = None
    content_hash: Literal[True] | None = Field(default=None, alias="content-hash")
    except_: list[FieldName] = Field(default_factory=list, alias="except")
    unique: Unique | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.fields is None) == (self.content_hash is None):
            raise ValueError("a field, a list of fields, or {content-hash: true}")
        if self.except_ and self.fields is not None:
            raise ValueError("`except` belongs to content-hash")
        return self

    def rule(self) -> dict[str, Any]:
        """The rule as the Identify step reads it: all that makes an id, and nothing else."""
        if self.fields is not None:
            return {"fields": self.fields}
        return {"content": True, "except": self.except_}

    def __str__(self) -> str:
        """The rule in a reader's words."""
        return rule_in_words(self.rule())


def rule_in_words(rule: Mapping[str, Any]) -> str:
    """What ids come from, by a rule of the Identify step."""
    if "fields" in rule:
        return ", ".join(rule["fields"])
    without = ", ".join(rule.get("except", ()))
    return "a hash of the record" + (f" without {without}" if without else "")


class Version(Strict):
    """The field that says which of two states of a record is newer.

    Attributes:
        field: its name; a dot leads into an object.
        type: what it holds.
    """

    field: FieldName
    type: Literal["timestamp", "integer"] = "timestamp"

    def rule(self) -> dict[str, str]:
        """The rule as the Identify step reads it."""
        return self.model_dump()


class Delete(Strict):
    """When a record says that its document is to go.

    Attributes:
        field: the field that says so; a dot leads into an object.
        equals: the value that does; or
        in_: the values that do. Without either: any value but null, false, 0 and blank.
    """

    field: FieldName
    equals: Scalar | None = None
    in_: Annotated[list[Scalar], Field(min_length=1)] | None = Field(default=None, alias="in")

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if self.equals is not None and self.in_ is not None:
            raise ValueError("`equals` or `in`, not both")
        return self

    def rule(self) -> dict[str, Any]:
        """The rule as the Identify step reads it."""
        return self.model_dump(by_alias=True, exclude_none=True)

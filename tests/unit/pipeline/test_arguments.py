"""Values for a pipeline's arguments on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from idemflow.errors import UsageError
from idemflow.pipeline.arguments import given
from idemflow.pipeline.model import Pipeline

ARGUMENTS = {"records": 1000, "rate": 0.5, "fast": False, "title": "x"}


def pipeline(arguments: dict[str, Any] | None) -> Pipeline:
    collect: dict[str, Any] = {"script": "scripts/p.py", "function": "p", "arguments": arguments}
    if arguments is None:
        collect = {"files": {"directory": "d", "format": "csv"}}
    return Pipeline.model_validate(
        {"pipeline": "p", "collect": collect, "identity": "id", "index": {"name": "p"}}
    )


def test_values_have_the_type_of_the_yaml() -> None:
    values = ["records=5", "rate=2", "fast=TRUE", "title=a=b c"]
    assert given(pipeline(ARGUMENTS), values) == {
        "records": 5, "rate": 2.0, "fast": True, "title": "a=b c",
    }  # fmt: skip
    assert given(pipeline(ARGUMENTS), ["title="]) == {"title": ""}
    assert given(pipeline(None), []) == {}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["record=5"], "names no argument of the pipeline 'p'; it has records, rate, fast, title"),
        (["records"], "is not NAME=VALUE"),
        (["records=many"], "must be a whole number, as in flows/p.yaml"),
        (["records=1.5"], "must be a whole number"),
        (["rate=nan"], "must be a number"),
        (["fast=yes"], "must be true or false"),
        (["records=1", "records=2"], "gives 'records' a second value"),
    ],
)
def test_what_cannot_be_meant(values: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        given(pipeline(ARGUMENTS), values)
    assert said in caught.value.message
    assert caught.value.next_command == "idemflow run p --set records=1000"


def test_a_source_without_arguments() -> None:
    with pytest.raises(UsageError) as caught:
        given(pipeline(None), ["records=1"])
    assert caught.value.message.endswith("names no argument of the pipeline 'p'")
    assert caught.value.next_command == "idemflow run p"

"""What is done for all pipelines is done for those whose files are right."""

from __future__ import annotations

import pytest

from idemflow.commands._each import each
from idemflow.errors import CanvasError, PipelineError, PipelineErrors

WRONG = {
    "bad": PipelineError("flows/bad.yaml", "is not YAML", line=3),
    "worse": PipelineErrors(
        [
            PipelineError("flows/worse.yaml", "is missing", field="identity"),
            PipelineError("flows/worse.yaml", "unknown field", line=7, field="identiy"),
        ]
    ),
}


def done(name: str) -> str:
    if name in WRONG:
        raise WRONG[name]
    return name.upper()


def test_all_are_right() -> None:
    result = each(["a", "b"], done)
    assert result.found == ["A", "B"]
    result.check()


def test_wrong_files_are_told_at_the_end() -> None:
    result = each(["a", "bad", "b"], done)
    assert result.found == ["A", "B"]
    with pytest.raises(PipelineError, match=r"^flows/bad\.yaml:3: is not YAML$"):
        result.check()
    result = each(["worse", "a", "bad"], done)
    assert result.found == ["A"]
    with pytest.raises(PipelineErrors) as caught:
        result.check()
    assert caught.value.message.splitlines() == [
        "3 mistakes:",
        "flows/worse.yaml: identity: is missing",
        "flows/worse.yaml:7: identiy: unknown field",
        "flows/bad.yaml:3: is not YAML",
    ]


def test_another_error_ends_it() -> None:
    def refused(name: str) -> str:
        raise CanvasError(name)

    with pytest.raises(CanvasError):
        each(["a"], refused)

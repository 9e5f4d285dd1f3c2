"""What a NiFi is told of a pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from idemflow.canvas import parameters
from idemflow.config.endpoint import Endpoint
from idemflow.errors import SettingError
from idemflow.pipeline.model import Pipeline
from idemflow.servers import Target

PIPELINE = Pipeline.model_validate({
    "pipeline": "p", "identity": "id", "index": {"name": "p"},
    "collect": {"script": "scripts/p.py", "function": "p", "arguments": {"records": 5}},
})  # fmt: skip


def target(password: str) -> Target:
    one = Endpoint("https://localhost:1", "loader", password, Path("ca.crt"))
    return Target(one, one, one, None, None)


def test_a_password_may_have_a_dollar_sign() -> None:
    found = {one.name: one for one in parameters.wanted(PIPELINE, target("a$b{c}"), [])}
    assert (found["elasticsearch.password"].value, found["records"].value) == ("a$b{c}", "5")
    assert found["elasticsearch.password"].sensitive


def test_a_password_that_nifi_evaluates_is_refused() -> None:
    with pytest.raises(SettingError, match="setting loader_password") as caught:
        parameters.wanted(PIPELINE, target("a${b}"), [])
    assert "give loader a password without it" in str(caught.value.next_command)
    assert "a${b}" not in f"{caught.value.message}{caught.value.next_command}"

"""Each setting and each command of the runtime is in docs/operating.md."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from idemflow.cli import main
from idemflow.settings import TABLE, Settings

PAGE = (Path(__file__).parents[3] / "docs" / "operating.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_settings(field: dataclasses.Field[object]) -> None:
    (row,) = [
        line for line in PAGE.splitlines() if line.startswith("| `") and f"`{field.name}`" in line
    ]
    if isinstance(field.default, int | str):
        assert f"| {field.default} |" in row


@pytest.mark.parametrize("name", ["up", "down", "status", "open", "logs", "doctor"])
def test_commands(name: str) -> None:
    assert f"`idemflow {name}" in PAGE
    for option in main.commands[name].params:
        if option.name not in (*TABLE, "as_json", "lines"):
            assert any(flag in PAGE for flag in option.opts), option.opts

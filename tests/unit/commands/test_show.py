"""``idemflow show``: what a pipeline is, while its servers are down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idemflow.cli import main

ROOT = Path(__file__).parents[3]


def show(home: Path, *arguments: str) -> Result:
    variables = {"IDEMFLOW_PROJECT": str(ROOT), "IDEMFLOW_HOME": str(home)}
    return CliRunner().invoke(main, ["show", *arguments], env=variables)


def test_what_a_pipeline_is(tmp_path: Path) -> None:
    done = show(tmp_path, "people")
    assert done.exit_code == 0, done.output
    lines = [line.split(maxsplit=1) for line in done.output.splitlines()]
    assert ["files", "flows/people.yaml, scripts/people.py"] in [
        [name, rest.strip()] for name, *more in lines for rest in more
    ]
    assert "records=1000, seed=42" in done.output
    assert done.output.rstrip().endswith("next: idemflow up")
    found = json.loads(show(tmp_path, "orders", "--json").output)
    assert found["version"] == "updated_at"
    assert (found["identity"], found["mode"], found["index"]) == ("id", "upsert", "orders")
    assert (found["canvas"], found["runs"], found["schedule"]) == (None, [], "every 1 min")


@pytest.mark.parametrize("name", ["poeple", "x"])
def test_there_is_none(tmp_path: Path, name: str) -> None:
    done = show(tmp_path, name)
    assert done.exit_code == 2
    assert f"there is no pipeline {name!r}" in done.output

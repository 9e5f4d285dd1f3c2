"""A source that is no part of idemflow, from a package that is installed beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from idemflow.canvas import client, process_groups
from idemflow.sources import registry
from tests.integration.tools import Idemflow, Project
from tests.packages import installed, told

pytestmark = pytest.mark.timeout(300)

PIPELINE = """\
pipeline: numbers
collect:
  counter:
    records: 5
identity: number
index:
  name: numbers
"""
LATE = """\
from idemflow.drawing import script_body
from idemflow.sources.source import Source
from late_step import collect as step


class LateSource(Source):
    steps = ("Collect late",)
    late: int

    @property
    def summary(self):
        return "Comes late."

    def draw(self, collect, script):
        box = collect.python("Collect late", 1, script_body.compose(step, "session"), "")
        return box, box
"""


@pytest.fixture
def numbers(
    idemflow: Idemflow, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Idemflow:
    """The command, with the package, in a project that uses its source."""
    monkeypatch.syspath_prepend(installed(tmp_path / "packages"))
    (project.path / "flows").mkdir()
    (project.path / "flows/numbers.yaml").write_text(PIPELINE)
    return idemflow.inside(project.path)


def test_it_runs_remembers_and_forgets(numbers: Idemflow) -> None:
    assert registry.kinds() == ["counter", "files", "script", "sql"]
    assert numbers.json("run", "numbers")["documents"] == 5

    more = numbers.json("run", "numbers", "--set", "records=3")
    assert (more["runs"][0]["sent"], more["documents"]) == (3, 8)
    assert dict(numbers.ledger().documents("numbers"))["8"] == {"number": 8}
    (state,) = numbers.json("source", "show", "numbers")["states"]
    assert (state["step"], state["entries"]) == ("Count", {"last": "8"})

    numbers.json("source", "reset", "numbers")
    again = numbers.json("run", "numbers")
    assert (again["runs"][0]["overwritten"], again["documents"]) == (5, 8)
    assert numbers.json("verify", "numbers")["equal"] is True
    assert numbers.json("deploy", "numbers")["changes"] == []


def test_a_step_that_nifi_does_not_have_is_refused(
    idemflow: Idemflow, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its package came after the start of NiFi."""
    (tmp_path / "late_model.py").write_text(LATE)
    (tmp_path / "late_step.py").write_text("def collect(session): ...\n")
    told(tmp_path, "late", {"late": "late_model:LateSource"})
    monkeypatch.syspath_prepend(tmp_path)
    (project.path / "flows").mkdir()
    text = PIPELINE.replace("numbers", "late").replace("counter:\n    records: 5", "late: 1")
    (project.path / "flows/late.yaml").write_text(text)
    refused = idemflow.inside(project.path).fail("run", "late")
    assert "NiFi's Python lacks a step of late: No module named 'late_step'" in refused.stderr
    assert "install the package that has it in NiFi's Python and restart NiFi" in refused.stderr
    client.connect(idemflow.target().nifi)
    assert process_groups.find("late") is None

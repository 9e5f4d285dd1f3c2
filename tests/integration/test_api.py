"""The Python API on the running servers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from idemflow import Pipeline, Project
from idemflow.errors import NothingRead, RecordsRefused, UsageError
from tests.integration import tools
from tests.integration.tools import COUNTING, Idemflow


def test_several_pipelines_at_a_time(
    idemflow: Idemflow, project: tools.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("api-one", "api-two")
    for name in names:
        project.pipeline(name, COUNTING)
        project.change(name, "function: records", "function: records\n  arguments: {count: 20}")
    opened = _opened(idemflow, project.path, monkeypatch)
    assert [*opened.pipelines] == [*names]
    with pytest.raises(NothingRead, match="api-one never ran"):
        opened.pipeline("api-one").verify()

    def work(pipeline: Pipeline) -> tuple[int, int]:
        report = pipeline.run({"count": 30}, times=2)
        assert pipeline.verify().equal
        return report.documents, report.runs[1].overwritten

    with ThreadPoolExecutor(len(names)) as pool:
        assert [*pool.map(work, opened.pipelines.values())] == [(30, 30), (30, 30)]
    assert {run.pipeline for run in opened.runs()} >= {*names}
    with pytest.raises(UsageError, match="nothing"):
        opened.pipeline("api-one").run({"nothing": 1})
    assert not opened.pipeline("api-one").remove(data=True).nothing


def test_what_a_command_fails_for_is_an_error(
    idemflow: Idemflow, project: tools.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.pipeline("api-letters", 'def records():\n    yield {"id": 1}\n    yield {"id": None}\n')
    pipeline = _opened(idemflow, project.path, monkeypatch).pipeline("api-letters")
    with pytest.raises(RecordsRefused) as caught:
        pipeline.run()
    assert caught.value.exit_code == 7
    assert pipeline.run(max_dead_letters=None).documents == 1
    assert pipeline.dead_letters().total == 1
    with pytest.raises(RecordsRefused):
        pipeline.replay()
    assert pipeline.drop().dropped == 1
    assert pipeline.trace("1").id == "1"


def _opened(command: Idemflow, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name, value in command.inside(folder).environment().items():
        monkeypatch.setenv(name, value)
    return Project(folder)

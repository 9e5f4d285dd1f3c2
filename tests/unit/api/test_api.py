"""The Python API: its names, its errors, and its tables in a notebook."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import idemflow
from idemflow import Pipeline, Project
from idemflow.api import notebook
from idemflow.commands.run import RunReport, RunsReport
from idemflow.errors import IdemflowError, RuntimeNotUp, SettingError, UsageError

# What others' programs are written against: a change here is one for CHANGELOG.md.
PROJECT = {
    "audit(flow)",
    "down(*, delete=False)",
    "folder",
    "pipeline(name)",
    "pipelines",
    "runs(limit=20)",
    "status()",
    "up(progress=None)",
}
PIPELINE = {
    "cancel()",
    "dead_letters(filters=None, limit=50)",
    "deploy(*, dry_run=False, force=False, adopt=False, keep_old_documents=False)",
    "drop(filters=None)",
    "remove(*, data=False, dead_letters=False)",
    "replay(filters=None)",
    "reset_source()",
    "rollback()",
    "run(arguments=None, *, times=1, max_dead_letters=0, allow_empty=False, allow_refused=None, "
    "as_deployed=False)",
    "runs(limit=20)",
    "source()",
    "start(*, every=None, cron=None, timezone=None)",
    "stop()",
    "trace(identifier)",
    "verify()",
}
REPORT = RunsReport(
    pipeline="people",
    index="people",
    runs=[
        RunReport(
            sent=3, created=2, overwritten=0, deleted=0, stale=0, dropped=0, dead_letters=1,
            duplicates=0, lost=0, run="20260101T000000000-00000000", seconds=1.25, published=None,
            held_back="", taken_over={"<b>": 2},
        )
    ],
    documents=2,
    url="",
    deployed=[],
    drift=0,
    remembers=False,
    unique="fail",
)  # fmt: skip


def names(kind: type) -> Iterator[str]:
    for name, value in vars(kind).items():
        if name.startswith("_"):
            continue
        if not callable(value):
            yield name
            continue
        given = inspect.signature(value)
        plain = [one.replace(annotation=inspect.Parameter.empty)
                 for one in given.parameters.values() if one.name != "self"]  # fmt: skip
        yield f"{name}{inspect.Signature(plain)}"


def test_the_public_names_and_their_arguments() -> None:
    assert set(names(Project)) == PROJECT
    assert set(names(Pipeline)) == PIPELINE
    assert set(idemflow.__all__) == {"Pipeline", "Project", "__version__"}


def test_every_name_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "python-api.md").read_text(encoding="utf-8")
    for name in PROJECT | PIPELINE:
        assert f"`{name.partition('(')[0]}" in page, name


def test_a_project_knows_its_pipelines(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "people.yaml").touch()
    project = Project(tmp_path, home=tmp_path / "home")
    assert [*project.pipelines] == ["people"]
    assert project.folder == tmp_path.resolve()
    with pytest.raises(UsageError, match="nobody"):
        project.pipeline("nobody").run()


def test_a_mistake_is_an_error_of_one_tree(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="nifi_port"):
        Project(tmp_path, nifi_port="none")
    with pytest.raises(RuntimeNotUp) as caught:
        Project(tmp_path, home=tmp_path / "home").runs()
    assert isinstance(caught.value, IdemflowError)
    assert caught.value.next_command == "idemflow up"


def test_the_api_is_imported_when_it_is_asked_for() -> None:
    """NiFi's Python imports idemflow.steps alone, in an environment that has nothing else."""
    look = "import sys, idemflow.steps; print('idemflow.api' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_result_is_a_table_in_a_notebook(tmp_path: Path) -> None:
    shell = InteractiveShell.instance()
    try:
        Project(tmp_path)
        data, _ = shell.display_formatter.format(REPORT)  # type: ignore[union-attr]
    finally:
        InteractiveShell.clear_instance()
    drawn = data["text/html"]
    assert "<th>sent</th><th>created</th>" in drawn
    assert "<td>1</td><td>3</td><td>2</td>" in drawn
    assert "taken over from &lt;b&gt;" in drawn


def test_markup_of_a_table_is_not_shown() -> None:
    assert "[" not in notebook.html(REPORT)

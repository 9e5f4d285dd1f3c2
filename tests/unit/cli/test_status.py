"""``status`` where no server runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idemflow.cli import main

YAML = """\
pipeline: {name}
collect: {{script: scripts/one.py, function: records}}
identity: id
index: {{name: {name}}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("flows", "scripts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "scripts/one.py").write_text("def records():\n    yield {'id': 1}\n")
    for name in ("one", "two"):
        (tmp_path / f"flows/{name}.yaml").write_text(YAML.format(name=name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDEMFLOW_HOME", str(tmp_path / "home"))
    return tmp_path


def status(*options: str) -> Result:
    return CliRunner().invoke(main, ("status", *options))


@pytest.mark.usefixtures("project")
def test_a_line_a_pipeline_though_the_servers_are_down() -> None:
    done = status("--check")
    down = "NiFi is stopped; Elasticsearch is stopped; next: idemflow up"
    assert done.output.splitlines() == [f"UNKNOWN one: {down}", f"UNKNOWN two: {down}"]
    assert done.exit_code == 3
    assert status("two", "--check").output.splitlines() == [f"UNKNOWN two: {down}"]
    assert len(status("--check", "--quiet").output.splitlines()) == 2, "these are not as expected"


@pytest.mark.usefixtures("project")
def test_the_same_as_json() -> None:
    done = status("one", "--check", "--json")
    found = json.loads(done.output)
    assert (done.exit_code, found["code"]) == (3, 3)
    (one,) = found["pipelines"]
    assert (one["pipeline"], one["status"], one["code"]) == ("one", "UNKNOWN", 3)
    assert [finding["code"] for finding in one["findings"]] == [3, 3]
    assert one["freshness"] is one["dead_letters"] is one["records"] is None


def test_a_file_that_is_wrong_is_a_finding_of_its_own(project: Path) -> None:
    (project / "flows/two.yaml").write_text(YAML.format(name="two") + "expect: {freshnes: 1 s}\n")
    done = status("--check", "--json")
    found = {one["pipeline"]: one["findings"] for one in json.loads(done.output)["pipelines"]}
    assert [one["code"] for one in found["one"]] == [3, 3]
    assert [one["code"] for one in found["two"]] == [3, 3, 2]
    assert "flows/two.yaml:5: expect.freshnes" in found["two"][-1]["message"]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("three", "--check"), "there is no pipeline 'three'"),
        (("three",), "there is no pipeline 'three'"),
        (("--quiet",), "--quiet belongs to --check"),
        (("--watch",), "--watch draws a table on a terminal anew, and there is none"),
        (("--watch", "--json"), "--check and --json print"),
        (("--watch", "--check"), "--check and --json print"),
    ],
)
def test_what_cannot_be_done(
    options: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # which is no terminal
    done = status(*options)
    assert done.exit_code == 2
    assert words in done.output
    assert "next: " in done.output


@pytest.mark.usefixtures("project")
def test_the_servers_as_before() -> None:
    done = status()
    assert done.exit_code == 3
    assert done.output.splitlines()[-1] == "next: idemflow up"

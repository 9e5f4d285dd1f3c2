"""The command ``audit`` on files: no server runs, and none is asked."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idemflow.audit.findings import Effect, Sure, Verdict
from idemflow.audit.rules import RULES
from idemflow.cli import main

ROOT = Path(__file__).parents[3]
BOOK = ROOT / "examples" / "book"
PAGE = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a project nor a runtime is here."""
    monkeypatch.chdir(tmp_path)


def audit(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["audit", *map(str, arguments)])


def test_the_books_two_flows() -> None:
    done = audit(BOOK / "people-doubling.json")
    assert done.exit_code == 9
    assert (
        "duplicates (certain): people-doubling / Put people elasticsearch-id-changes" in done.output
    )
    assert "a second run would write something twice" in done.output
    assert "next: people-doubling / Put people: make the id of a key in the record" in done.output
    done = audit(BOOK / "people-once.json")
    assert done.exit_code == 0
    assert "idempotent" in done.output


def test_as_json() -> None:
    done = audit(BOOK / "people-doubling.json", "--json")
    assert done.exit_code == 9
    found = json.loads(done.stdout)
    assert found["verdict"] == "at least once"
    (path,) = [one for one in found["paths"] if not one["after_failure"]]
    assert path["way"] == ["Start a run", "Make people", "One person each", "Give it an id",
                           "Put people"]  # fmt: skip
    (number, *_) = path["findings"]
    assert found["findings"][number]["rule"] == "elasticsearch-id-changes"
    assert found["findings"][number]["where"] == {
        "name": "Put people", "group": "people-doubling", "kind": "processor",
        "id": found["findings"][number]["where"]["id"], "type": "PutElasticsearchJson",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no flow"),
        ("{}", "no object flowContents"),
        ('{"flowContents": {"processors": [{}]}}', "is no flow that NiFi wrote"),
        ('{"flowContents": {}}', "has no processor"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "flow.json"
    file.write_text(text)
    done = audit(file)
    assert done.exit_code == 2
    assert said in done.output


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org",
         *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_a_version_in_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions are read as `idemflow flow log` lists them; neither a YAML nor NiFi is needed."""
    project = tmp_path / "project"
    target = project / "flows" / "pipelines" / "people.json"
    target.parent.mkdir(parents=True)
    git(project, "init", "-q", "-b", "main")
    for name in ("people-doubling", "people-once"):
        target.write_text((BOOK / f"{name}.json").read_text())
        git(project, "add", ".")
        git(project, "commit", "-q", "-m", name)
        git(project, "tag", f"people@{name}")
    monkeypatch.chdir(project)
    monkeypatch.setenv("IDEMFLOW_HOME", str(tmp_path / "home"))
    newest, first = audit("people"), audit("people@people-doubling", "--json")
    assert newest.exit_code == 0, newest.output
    assert newest.output.startswith("people@people-once: idempotent")
    assert first.exit_code == 9
    assert json.loads(first.stdout)["audited"] == "people@people-doubling"
    for unknown, said in (("people@v9", "has no version 'v9'"), ("others", "neither a file nor")):
        done = audit(unknown)
        assert done.exit_code == 2
        assert said in done.output


def test_one_thing_at_a_time() -> None:
    for given in ((), (BOOK / "people-once.json", "--process-group", "root")):
        done = audit(*given)
        assert done.exit_code == 2
        assert "one of FLOW and --process-group" in done.output


def test_a_group_where_there_is_no_nifi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEMFLOW_HOME", str(tmp_path / "home"))
    done = audit("--process-group", "people")
    assert done.exit_code == 3
    assert "no NiFi is given" in done.output


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = audit(tmp_path / "gone.json")
    assert done.exit_code == 2
    assert "cannot read" in done.output


def test_each_rule_is_documented() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| ([a-z ]+) \| ([a-z ]+) \|", PAGE, re.MULTILINE)
    assert {name: (effect, sure) for name, effect, sure in rows} == {
        rule.name: (rule.effect.value, rule.sure.value) for rule in RULES.values()
    }
    for word in (*Verdict, *Effect, *Sure):
        assert f"*{word}*" in PAGE


def test_each_rule_says_what_to_do() -> None:
    for rule in RULES.values():
        assert rule.what.endswith("."), rule.name
        assert not rule.mend.endswith("."), rule.name

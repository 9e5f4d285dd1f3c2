"""``idemflow check``: what is known of pipelines without any server, all of it at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from idemflow.cli import main
from idemflow.commands.check import Problem, check
from idemflow.config import settings
from idemflow.errors import UsageError

ROOT = Path(__file__).parents[3]
GOOD = """\
pipeline: {name}
collect: {{script: scripts/things.py, function: things}}
identity: id
index:
  name: {name}
"""
SCRIPT = "def things():\n    yield {'id': 1}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/things.py").write_text(SCRIPT)
    add(tmp_path, "things")
    return tmp_path


def add(project: Path, name: str, more: str = "", **other: str) -> None:
    text = GOOD.format(name=name) + more
    for old, new in other.items():
        text = text.replace(old, new)
    (project / "flows" / f"{name}.yaml").write_text(text)


def problems(project: Path, *names: str) -> tuple[Problem, ...]:
    return check(settings.resolve({"project": project}), names).problems


def only(project: Path, *names: str) -> Problem:
    (one,) = problems(project, *names)
    assert one.next_command
    return one


def test_the_shipped_pipelines_have_none() -> None:
    result = check(settings.resolve({"project": ROOT}), ())
    assert result.pipelines == ("files", "orders", "people")
    assert not result.problems


def test_all_problems_of_all_pipelines_at_once(project: Path) -> None:
    add(project, "broken", "mod: snapshot\nload: {batch: 0}\n")
    (project / "flows/scriptless.yaml").write_text(
        GOOD.format(name="scriptless").replace("things.py", "gone.py")
    )
    (project / "flows/other.yml").write_text("pipeline: other\n")
    (project / "flows/empty.yaml").write_text("")
    found = problems(project)
    assert {(one.pipeline, one.file, one.line, one.field) for one in found} == {
        ("broken", "flows/broken.yaml", 6, "mod"),
        ("broken", "flows/broken.yaml", 7, "load.batch"),
        ("scriptless", "flows/scriptless.yaml", 2, "collect.script"),
        ("empty", "flows/empty.yaml", 1, None),
        (None, "flows/other.yml", None, None),
    }
    assert next(one for one in found if one.field == "mod").message.startswith("unknown field")


def test_a_good_pipeline_beside_a_broken_one(project: Path) -> None:
    add(project, "broken", "mod: snapshot\n")
    assert problems(project, "things") == ()
    with pytest.raises(UsageError, match="did you mean 'things'"):
        problems(project, "thingz")


def test_an_empty_project(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to look at"):
        problems(tmp_path)


@pytest.mark.parametrize(
    ("more", "field", "line", "words"),
    [
        ("  dynamic: strict\n  mapping: {name: text}\n", "identity", 3, "'id' is not in index.map"),
        (
            "  dynamic: strict\n  mapping: {id: long}\nversion: at\n", "version", 8,
            "'at' is not in index.mapping",
        ),
        ("  mapping: {at: long}\nversion: at\n", "index.mapping.at", 6, "make it date"),
        (
            "  mapping: {seq: boolean}\nversion: {field: seq, type: integer}\n",
            "index.mapping.seq", 6, "make it long",
        ),
        ("  mapping: {note: {index: false}}\n", "index.mapping.note", 6, "neither `type` nor"),
    ],
)  # fmt: skip
def test_what_elasticsearch_would_refuse(
    project: Path, more: str, field: str, line: int, words: str
) -> None:
    add(project, "things", more)
    found = only(project)
    assert (found.field, found.line) == (field, line)
    assert words in found.message


@pytest.mark.parametrize(
    "more",
    [
        "  dynamic: strict\n  mapping: {id: long, at: date}\nversion: at\n",
        "  mapping: {at: {type: long, ignore_malformed: true}}\nversion: at\n",
        "  mapping: {seq: date}\nversion: {field: seq, type: integer}\n",
        "  mapping: {place: {properties: {city: {type: keyword}}}}\n",
        "  dynamic: strict\n  mapping: {at: date}\nversion: at\nidentity: {content-hash: true}\n",
    ],
)
def test_what_elasticsearch_takes(project: Path, more: str) -> None:
    other = {"identity: id\n": ""} if "content-hash" in more else {}
    add(project, "things", more, **other)
    assert problems(project) == ()


def test_two_pipelines_on_one_index(project: Path) -> None:
    files = [project / f"flows/{name}.yaml" for name in ("more", "things")]
    files[0].write_text(files[1].read_text().replace("pipeline: things", "pipeline: more"))
    found = problems(project)
    assert [one.pipeline for one in found] == ["more", "things"]
    assert {one.field for one in found} == {"index.name"}
    assert found[0].message.endswith("say index.shared: true in more and in things")
    for file, left in zip(files, ("things", None), strict=True):
        file.write_text(file.read_text() + "  shared: true\n")
        found = problems(project)
        assert len(found) == (2 if left else 0)
        assert all(one.message.endswith(f"index.shared: true in {left}") for one in found)


def test_a_shared_index_has_one_type_for_a_field(project: Path) -> None:
    add(project, "things", "  shared: true\n  mapping: {id: long}\n")
    add(project, "more", "  shared: true\n  mapping: {id: keyword}\n")
    file = project / "flows/more.yaml"
    file.write_text(file.read_text().replace("  name: more", "  name: things"))
    found = problems(project, "more")
    assert [one.pipeline for one in found] == ["more"]
    assert "'id' is keyword here and long there" in found[0].message


def test_an_index_a_day_and_an_index_of_such_a_name(project: Path) -> None:
    add(project, "things", **{"  name: things": "  name: log-{day}"})
    add(project, "more", **{"  name: more": "  name: log-2026-01-31"})
    assert all("may be one index" in one.message for one in problems(project))
    assert len(problems(project)) == 2


def test_an_alias_of_one_is_the_index_of_another(project: Path) -> None:
    add(project, "things", "mode: snapshot\n")
    add(project, "more")
    file = project / "flows/more.yaml"
    file.write_text(file.read_text().replace("  name: more", "  name: things"))
    assert all("for one of them it is an alias" in one.message for one in problems(project))


def test_a_module_that_is_missing(project: Path) -> None:
    (project / "scripts/things.py").write_text(
        f"import json\nfrom java.util import HashMap\nimport there_is_none.such\n{SCRIPT}"
    )
    found = only(project)
    assert (found.file, found.line) == ("scripts/things.py", 3)
    assert "no module 'there_is_none'" in found.message
    file, up = project / "requirements.txt", "idemflow down && idemflow up"
    assert found.next_command == (
        f"add there_is_none, or the package that has it, to {file}, then: {up}"
    )
    file.write_text("there-is-none==1.0\n")
    (project / "scripts/there_is_none.py").write_text("")
    found = only(project)
    assert found.next_command == f"install what {file} says: {up}"
    assert "a script is one file" in found.message


def test_what_it_reads_is_not_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(project, "things")
    file = project / "flows/things.yaml"
    text = file.read_text()
    script = "{script: scripts/things.py, function: things}"
    file.write_text(text.replace(script, "{files: {directory: in, format: csv}}"))
    assert "is not a directory" in only(project).message
    file.write_text(text.replace(script, "{sql: {database: shop, table: t}}"))
    found = only(project)
    assert (found.field, found.line) == ("collect.sql.database", 2)
    assert "there is no database 'shop'" in found.message
    (project / "idemflow.toml").write_text(
        '[databases.shop]\nurl = "jdbc:postgresql://db/shop"\nusername = "u"\n'
        'password_env = "SHOP_PASSWORD"\n'
    )
    assert "no SHOP_PASSWORD" in only(project).message
    monkeypatch.setenv("SHOP_PASSWORD", "x")
    assert problems(project) == ()


def test_the_command(project: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["--project", str(project), "check", *arguments])
        return done.exit_code, done.stdout

    code, text = run()
    assert code == 0
    assert text == "1 pipeline without a problem: things.\nnext: idemflow run things\n"
    add(project, "things", "lod: {}\n")
    code, text = run()
    assert code == 2
    assert text.startswith("flows/things.yaml:6: lod: unknown field; did you mean 'load'?")
    code, text = run("things", "--json")
    assert code == 2
    (found,) = json.loads(text)["problems"]
    assert (found["file"], found["line"], found["field"]) == ("flows/things.yaml", 6, "lod")


def test_it_needs_none_of_the_clients_of_servers(project: Path) -> None:
    """They take longer to import than all else: ten pipelines are checked in under a second.

    Nor do the commands that look at records.
    """
    program = (
        "import sys; from idemflow.cli import main\n"
        "try: main(['check'])\n"
        "except SystemExit: pass\n"
        "import idemflow.cli.new, idemflow.cli.preview, idemflow.cli.test\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=True
    )
    assert "without a problem" in done.stdout
    assert not {"nipyapi", "elasticsearch", "idemflow.canvas"} & {*done.stdout.split()}

"""Golden tests of pipelines: ``idemflow test``, and the pytest plugin."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idemflow.cli import main
from idemflow.commands import test as command
from idemflow.config import settings
from idemflow.errors import UsageError
from idemflow.preview import golden

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[3]
YAML = """\
pipeline: things
collect: {script: scripts/things.py, function: things, arguments: {count: 9}}
identity: id
index: {name: things}
"""
SCRIPT = "def things(count):\n    for n in range(count):\n        yield {'id': n, 'price': 1.10}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("flows", "scripts", "tests/things"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "flows/things.yaml").write_text(YAML)
    (tmp_path / "scripts/things.py").write_text(SCRIPT)
    return tmp_path


def run(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--project", str(project), "test", *arguments])


@pytest.mark.parametrize("name", ["files", "orders", "people"])
def test_the_shipped_pipelines(name: str) -> None:
    (found,) = command.test(settings.resolve({"project": ROOT}), [name], None)
    assert found.difference == ()
    assert found.state == "same"
    assert found.documents > 1


def test_from_nothing_to_a_test_that_fails(project: Path) -> None:
    assert run(project).exit_code == 1, "nothing is expected yet"
    (project / "tests/things/arguments.json").write_text('{"count": 2}')
    assert run(project, "--update").exit_code == 2, "there is no terminal to ask on"
    assert not (project / "tests/things/expected.ndjson").exists()
    done = run(project, "things", "--update", "--yes")
    assert done.exit_code == 0
    assert '+{"id": "1"' in done.stderr
    assert (project / "tests/things/expected.ndjson").read_text() == (
        '{"id": "0", "document": {"id":0,"price":1.1}}\n'
        '{"id": "1", "document": {"id":1,"price":1.1}}\n'
    )
    assert run(project).exit_code == 0
    (project / "scripts/things.py").write_text(SCRIPT.replace("1.10", "1.20"))
    done = run(project, "--json")
    assert done.exit_code == 1
    (found,) = json.loads(done.stdout)["tests"]
    assert found["state"] == "differs"
    assert '-{"id": "0", "document": {"id":0,"price":1.1}}' in found["difference"]
    assert "idemflow test things --update" in done.stderr


def test_order_of_fields_and_blanks_are_no_difference(project: Path) -> None:
    (project / "tests/things/sample.ndjson").write_text('{"id": 1, "n": 1.00}\n\n{"n": 2}\n')
    (project / "tests/things/expected.ndjson").write_text(
        '{"document":{"n":1.00,"id":1},"id":"1"}\n'
        '{"step":"Identify","record":{"n":2},'
        '"refused":"the identity field \'id\' is missing or null"}\n'
    )
    assert run(project).exit_code == 0
    file = project / "tests/things/expected.ndjson"
    file.write_text(file.read_text().replace('"id":1}', '"id":true}'))
    assert run(project).exit_code == 1


def test_a_version_is_a_part_where_a_field_has_it(project: Path) -> None:
    (project / "flows/things.yaml").write_text(
        YAML + "version: {field: v, type: integer}\ndelete: gone\n"
    )
    (project / "tests/things/sample.ndjson").write_text('{"id": 1, "v": 5, "gone": true}\n')
    run(project, "--update", "--yes")
    expected = (project / "tests/things/expected.ndjson").read_text()
    assert expected == '{"id": "1", "version": 5, "delete": true}\n'


@pytest.mark.parametrize(
    ("arguments", "words"),
    [("{", "is not JSON"), ('{"cuont": 1}', "values for arguments of the pipeline: count")],
)
def test_arguments_that_cannot_be_used(project: Path, arguments: str, words: str) -> None:
    (project / "tests/things/arguments.json").write_text(arguments)
    done = run(project)
    assert done.exit_code == 1
    assert "tests/things/arguments.json" in done.stdout
    assert words in done.stdout


def test_a_source_that_is_no_function_needs_a_sample(project: Path) -> None:
    text = YAML.replace(
        "{script: scripts/things.py, function: things, arguments: {count: 9}}",
        "{sql: {database: demo, table: things}}",
    )
    (project / "flows/things.yaml").write_text(text)
    assert "tests/things/sample.ndjson: is missing" in run(project).stdout


def test_a_project_without_tests(project: Path) -> None:
    (project / "tests/things").rmdir()
    with pytest.raises(UsageError, match="there is no test"):
        command.test(settings.resolve({"project": project}), (), None)
    done = run(project, "things", "--update", "--yes")
    assert done.exit_code == 0
    assert (project / golden.place("things") / golden.EXPECTED).is_file()


def test_the_plugin(project: Path, pytester: pytest.Pytester) -> None:
    run(project, "--update", "--yes")
    (project / "tests/test_things.py").write_text(
        "def test_a_record(idemflow_pipeline, idemflow_project):\n"
        "    assert (idemflow_project / 'flows/things.yaml').is_file()\n"
        "    document, refusal = idemflow_pipeline('things').of([{'id': 7}, {}])\n"
        "    assert document.id == '7'\n"
        "    assert 'missing' in refusal.reason\n"
        "    assert idemflow_pipeline('things').preview(3).documents == 3\n"
    )
    # Where idemflow was installed before it had the plugin, its entry point is not there.
    options = ("-p", "no:idemflow", "-p", "idemflow.testing.plugin", "--rootdir", project)
    good = pytester.runpytest(*options, project / "tests")
    good.assert_outcomes(passed=2)
    (project / "scripts/things.py").write_text(SCRIPT.replace("1.10", "1.20"))
    bad = pytester.runpytest(*options, project / "tests")
    bad.assert_outcomes(passed=1, failed=1)
    bad.stdout.fnmatch_lines(
        ['-{"id": "0", "document": {"id":0,"price":1.1}}', "next: idemflow test things*"]
    )
    (project / "scripts/things.py").write_text("def things(count):\n    return 1 / 0\n")
    pytester.runpytest(*options, project / "tests/things").stdout.fnmatch_lines(
        ["scripts/things.py:2: ZeroDivisionError: division by zero"]
    )


def test_pytest_finds_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (point,) = project["project"]["entry-points"]["pytest11"].values()
    assert point == "idemflow.testing.plugin"

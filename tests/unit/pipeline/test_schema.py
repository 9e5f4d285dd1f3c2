"""The JSON schema for editors: what is valid by it, and what it says of each field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator, Draft202012Validator
from ruamel.yaml import YAML

from idemflow.cli import main
from idemflow.errors import PipelineError
from idemflow.pipeline import spec
from idemflow.pipeline.schema import schema
from idemflow.sources import registry

ROOT = Path(__file__).parents[3]
GOOD = """\
pipeline: things
collect: {script: scripts/things.py, function: things}
identity: id
index: {name: things}
"""
SCHEMA = schema()


def problems(text: str) -> list[str]:
    data = YAML(typ="safe").load(text)
    found = [sorted(error.message for error in kind(SCHEMA).iter_errors(data))
             for kind in (Draft7Validator, Draft202012Validator)]  # fmt: skip
    assert found[0] == found[1]
    return found[0]


def examples() -> Iterator[tuple[str, str]]:
    """The shipped pipelines, and those that the documentation shows whole."""
    for path in sorted(ROOT.glob("flows/*.yaml")):
        yield path.name, path.read_text(encoding="utf-8")
    for page in sorted(ROOT.glob("docs/*.md")):
        for text in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            if text.lstrip("# ").startswith("pipeline:") and "\nindex:" in text:
                yield page.name, text


def test_it_is_a_schema() -> None:
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("name", "text"), [*examples()])
def test_what_is_shipped_is_valid(name: str, text: str) -> None:
    assert problems(text) == [], name


@pytest.mark.parametrize(
    "more",
    [
        "",
        "version: at\n",
        "version: {field: seq, type: integer}\n",
        "delete: {field: state, in: [gone, 7]}\n",
        "schedule: 5 min\n",
        'schedule: {cron: "0 6 * * *", timezone: Europe/Berlin}\n',
        "mode: snapshot\nsnapshot: {max_refused: 10}\n",
        'mode: snapshot\nsnapshot: {max_refused: "1%"}\n',
        "transform: {script: scripts/clean.py, function: clean}\n",
        "expect: {freshness: 15 min, dead_letters: 0}\n",
        "prune: {every: 1 day}\n",
    ],
)
def test_what_is_valid(more: str, tmp_path: Path) -> None:
    assert problems(GOOD + more) == []
    for folder in ("flows", "scripts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "scripts/things.py").write_text("def things():\n    yield {}\n")
    (tmp_path / "scripts/clean.py").write_text("def clean(record):\n    return record\n")
    (tmp_path / "flows/things.yaml").write_text(GOOD + more)
    spec.load(tmp_path, "things")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("identity: id", "identiy: id"),
        ("identity: id\n", ""),
        ("identity: id", "identity: []"),
        ("identity: id", "identity: {}"),
        ("identity: id", "identity: {fields: id, content-hash: true}"),
        ("identity: id", "identity: {fields: id, unique: 'yes'}"),
        ("identity: id", "identity: id\nversion:"),
        ("identity: id", "identity: id\nversion: {field: at, type: date}"),
        ("identity: id", "identity: id\nschedule: 5 minutes"),
        ("identity: id", "identity: id\nschedule: {every: 5 s, cron: 0 6 * * *}"),
        ("identity: id", "identity: id\nload: {batch: 0}"),
        ("identity: id", "identity: id\nprune: {every: daily}"),
        ("identity: id", "identity: id\nmode: snapshots"),
        ("pipeline: things", "pipeline: Things"),
        ("name: things", "name: things, mapping: {id: keywrd}"),
        ("name: things", "name: things, shards: two"),
        ("scripts/things.py", "scripts/things.sql"),
        ("{script: scripts/things.py, function: things}", "{}"),
        ("{script: scripts/things.py, function: things}", "{sql: {database: demo}}"),
        ("{script: scripts/things.py, function: things}",
         "{sql: {database: demo, table: t, query: SELECT 1}}"),
        ("{script: scripts/things.py, function: things}", "{files: {directory: in, format: xls}}"),
        ("function: things", "function: things, functoin: things"),
    ],
)  # fmt: skip
def test_what_is_not(old: str, new: str, tmp_path: Path) -> None:
    """The schema refuses it, and so does idemflow: never the one without the other."""
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    assert problems(text)
    for folder in ("flows", "scripts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "scripts/things.py").write_text("def things():\n    yield {}\n")
    (tmp_path / "flows/things.yaml").write_text(text)
    with pytest.raises(PipelineError):
        spec.load(tmp_path, "things")


def fields(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, one in part.get("properties", {}).items():
        yield f"{path}.{name}", one
        yield from fields(one, f"{path}.{name}")
    for name, one in part.get("$defs", {}).items():
        yield from fields(one, name)


def test_an_editor_has_something_to_say_of_each_field() -> None:
    for path, field in fields(SCHEMA):
        said = field.get("description") or SCHEMA["$defs"].get(
            field.get("$ref", "").rpartition("/")[2], {}
        ).get("description")
        assert said, path
        assert not re.search(r"``|None|\n|:\w+:`", said), (path, said)


def test_sources_come_from_the_registry() -> None:
    named = {one["$ref"] for one in SCHEMA["properties"]["collect"]["anyOf"]}
    assert named == {f"#/$defs/{kind}" for kind in registry.kinds()}


def test_the_command_prints_it() -> None:
    for arguments in (["schema"], ["schema", "--json"]):
        done = CliRunner().invoke(main, arguments)
        assert (done.exit_code, json.loads(done.stdout)) == (0, SCHEMA)

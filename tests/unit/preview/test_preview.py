"""``idemflow preview``: the steps of a pipeline in this process, without any server."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from idemflow.cli import main
from idemflow.commands.preview import judge, preview
from idemflow.config import settings
from idemflow.errors import NothingRead, NotIdempotent, PipelineError, RecordsRefused, UsageError
from idemflow.preview.result import Preview
from idemflow.supply import packages
from idemflow.supply.progress import Silent
from tests.packages import require, wheel

YAML = """\
pipeline: things
collect: {script: scripts/things.py, function: things}
identity: id
index: {name: things, mapping: {id: keyword, place: {properties: {city: {type: text}}}}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("flows", "scripts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "flows/things.yaml").write_text(YAML)
    return tmp_path


def write(project: Path, script: str, more: str = "") -> None:
    (project / "scripts/things.py").write_text(script)
    (project / "flows/things.yaml").write_text(YAML + more)


def look(project: Path, limit: int | None = None, **more: Any) -> Preview:
    options = {"whole": False, "record": None, **more}
    return preview(settings.resolve({"project": project}), "things", limit=limit, **options)


def test_documents_refusals_repeats_and_fields(project: Path) -> None:
    write(
        project,
        "def things():\n"
        "    yield {'id': 1, 'place': {'city': 'x'}, 'at': '2026-01-31T06:00:00Z'}\n"
        "    yield {'id': 2, 'n': 1.5}\n"
        "    yield {'id': 2, 'n': 1.5}\n"
        "    yield {'id': 2, 'n': None}\n"
        "    yield {'n': 7}\n"
        "    yield 'no record'\n",
    )
    found = look(project, whole=True)
    assert (found.records, found.documents, found.refused) == (6, 4, 2)
    assert [(one.id, one.version, one.position) for one in found.shown] == [
        ("1", None, 1), ("2", None, 2), ("2", None, 3), ("2", None, 4),
    ]  # fmt: skip
    refused = {one.position: (one.step, one.reason) for one in found.refusals}
    assert refused[5] == ("Identify", "the identity field 'id' is missing or null")
    assert refused[6] == ("Collect", "record 6 is a str, not a dict")
    assert (found.repeated, found.collisions) == (2, 1)
    (example,) = found.examples
    assert [one.position for one in example.records] == [2, 4]
    assert {one.name: (one.types, one.mapping) for one in found.fields} == {
        "id": ({"integer": 4}, "keyword"),
        "place.city": ({"text": 1}, "text"),
        "at": ({"timestamp": 1}, None),
        "n": ({"number": 2, "null": 1}, None),
    }
    with pytest.raises(NotIdempotent, match="2 records have an id"):
        judge(found)


def test_a_limit_asks_the_source_for_no_more(project: Path) -> None:
    write(
        project,
        "def things():\n    for number in range(25):\n        yield {'id': number}\n"
        "    raise ValueError('asked for more')\n",
    )
    found = look(project)
    assert (found.records, len(found.shown), found.whole) == (20, 20, False)
    judge(found)
    assert look(project, limit=24).records == 24
    with pytest.raises(PipelineError) as caught:
        look(project, limit=26)
    assert str(caught.value) == "scripts/things.py:4: ValueError: asked for more"


def test_a_transform(project: Path) -> None:
    (project / "scripts/clean.py").write_text(
        "import time\n\n\n"
        "def clean(record):\n"
        "    time.sleep(0.01)\n"
        "    if record['id'] == 1:\n"
        "        return None\n"
        "    if record['id'] == 2:\n"
        "        return 1 / 0\n"
        "    return [record, {**record, 'id': -record['id']}]\n"
    )
    write(
        project,
        "def things():\n    for number in (1, 2, 3):\n        yield {'id': number}\n",
        "transform: {script: scripts/clean.py, function: clean}\n",
    )
    found = look(project)
    assert (found.dropped, found.refused) == (1, 1)
    assert [one.id for one in found.shown] == ["3", "-3"]
    assert "ZeroDivisionError" in found.refusals[0].reason
    assert "line 9 of the script" in found.refusals[0].reason
    assert 0.03 <= found.seconds.transform < 5
    with pytest.raises(RecordsRefused):
        judge(found)


def test_other_values_for_arguments(project: Path) -> None:
    write(project, "def things(records, fast):\n"
                   "    for number in range(records):\n"
                   "        yield {'id': number, 'fast': fast}\n")  # fmt: skip
    file = project / "flows/things.yaml"
    file.write_text(
        YAML.replace("function: things}", "function: things, arguments: {records: 3, fast: false}}")
    )
    assert [one.text for one in look(project, values=["records=1", "fast=true"]).shown] == [
        '{"id":0,"fast":true}'
    ]
    assert look(project).records == 3
    with pytest.raises(UsageError) as caught:
        look(project, values=["record=1"])
    assert "it has records, fast" in caught.value.message
    assert caught.value.next_command == "idemflow preview things --set records=3"
    with pytest.raises(UsageError, match="--record is one record"):
        look(project, record='{"id": 1}', values=["records=1"])


def test_versions_and_deletes(project: Path) -> None:
    write(
        project,
        "def things():\n    yield {'id': 'a', 'n': 3}\n    yield {'id': 'b', 'n': 4, 'gone': 1}\n",
        "version: {field: n, type: integer}\ndelete: gone\n",
    )
    found = look(project)
    assert [(one.id, one.version, one.deleted) for one in found.shown] == [
        ("a", 3, False), ("b", 4, True),
    ]  # fmt: skip
    assert found.deletes == 1


@pytest.mark.parametrize(
    ("record", "id_", "reason"),
    [
        ('{"id": "x"}', "x", None),
        ('{\n  "id": "x"\n}', "x", None),
        ('{"id": ""}', None, "is blank"),
        ("[1]", None, "not a JSON object"),
        ("{", None, "is not JSON"),
    ],
)
def test_one_record(project: Path, record: str, id_: str | None, reason: str | None) -> None:
    write(project, "def things():\n    raise ValueError\n    yield\n")
    found = look(project, record=record)
    assert [one.id for one in found.shown] == ([id_] if id_ else [])
    assert [str(reason) in one.reason for one in found.refusals] == [True] * bool(reason)


def test_files(project: Path) -> None:
    (project / "in").mkdir()
    (project / "in/a.csv").write_text("id,n\n1,x\n2,y\n")
    (project / "in/b.csv").write_text("id,n\n1,z\n")
    text = YAML.replace(
        "{script: scripts/things.py, function: things}",
        "{files: {directory: in, format: csv, quiet: 1 hour}}",
    )
    (project / "flows/things.yaml").write_text(text)
    found = look(project)
    assert [(one.id, one.source, one.position) for one in found.shown] == [
        ("1", "a.csv", 2), ("2", "a.csv", 3), ("1", "b.csv", 2),
    ]  # fmt: skip
    versions = [one.version for one in found.shown]
    assert all(versions)
    assert versions[2] > versions[0], "a newer file wins"  # type: ignore[operator]
    assert [one.id for one in look(project, limit=2).shown] == ["1", "2"]
    for file in (project / "in").iterdir():
        file.unlink()
    with pytest.raises(NothingRead):
        judge(look(project))
    (project / "in").rmdir()
    with pytest.raises(PipelineError, match="there is no directory"):
        look(project)


def test_what_a_script_prints_is_not_in_the_json(project: Path) -> None:
    write(project, "print('at import')\n\n\ndef things():\n    print('now')\n    yield {'id': 1}\n")
    done = subprocess.run(
        [sys.executable, "-m", "idemflow", "--project", str(project), "preview", "things",
         "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["shown"][0]["document"] == {"id": 1}
    assert done.stderr.split() == ["at", "import", "now"]


def test_a_module_that_is_missing_names_the_command(project: Path) -> None:
    write(project, "def things():\n    import there_is_none\n    yield {}\n")
    with pytest.raises(PipelineError) as caught:
        look(project)
    assert (caught.value.file, caught.value.line) == ("scripts/things.py", 2)
    file, up = project / "requirements.txt", "idemflow down && idemflow up"
    then = f"add there_is_none, or the package that has it, to {file}, then: {up}"
    assert caught.value.next_command == then


def test_scripts_have_the_packages_of_the_project(project: Path) -> None:
    wheel(project / "wheels", "shout", "1.0")
    require(project, "shout")
    write(project, "def things():\n    import shout\n    yield {'id': shout.VERSION}\n")
    with pytest.raises(PipelineError) as caught:
        look(project)
    assert str(caught.value.next_command).startswith("install what ")
    cache = {"cache": project / "cache"}
    packages.install(settings.resolve({"project": project, **cache}), Silent())
    found = preview(
        settings.resolve({"project": project, **cache}),
        "things",
        limit=None,
        whole=False,
        record=None,
    )
    assert [one.id for one in found.shown] == ["1.0"]


def test_options_that_do_not_go_together(project: Path) -> None:
    with pytest.raises(UsageError, match="--record is one record"):
        look(project, whole=True, record="{}")
    with pytest.raises(UsageError, match="--record is empty"):
        look(project, record=" ")


def test_all_of_many_records_in_bounded_memory(project: Path) -> None:
    """The ids of 8,000 records have 4 MB by themselves: they go to disk."""
    write(
        project,
        "def things():\n    for n in range(8_000):\n        yield {'id': f'{n % 7_999:0500}'}\n",
    )
    made = settings.resolve({"project": project, "verify_memory": "7m"})
    tracemalloc.start()
    try:
        found = preview(made, "things", limit=None, whole=True, record=None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.records, found.repeated) == (8_000, 1)
    assert peak < 3 << 20


def test_the_command(project: Path) -> None:
    write(project, "def things():\n    yield {'id': 'x' * 50}\n    yield {}\n")
    done = CliRunner().invoke(main, ["--project", str(project), "preview", "things"])
    assert done.exit_code == 7
    assert "x" * 50 in done.stdout
    assert "record 2, Identify: the identity field 'id' is missing or null" in done.stdout
    assert "The first 2 records of things: 1 document, 1 refused." in done.stdout

"""What a proof knows of a source without NiFi: its function, called twice."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from idemflow.config import settings as configuration
from idemflow.config.settings import Settings
from idemflow.elasticsearch.spill import Scratch
from idemflow.errors import PipelineError
from idemflow.pipeline import spec
from idemflow.preview import reading, runner
from idemflow.prove import copy, judge
from idemflow.prove.reference import Reference, of_script
from idemflow.sources.source import Local
from idemflow.versions import repository
from tests.integration.tools import Project, in_repository, readable_folder

RECORDS = """
    def records(count):
        for number in range(count):
            yield {"id": number, "text": "x"}
        yield {"text": "no id"}
        yield "no record"
"""
BY_CHANCE = """
    import uuid

    def records(count):
        for _ in range(count):
            yield {"id": str(uuid.uuid4())}
"""
OF_THE_RUN = """
    import time

    def records(count):
        began = time.time_ns()
        for number in range(count):
            yield {"id": f"{began}-{number}"}
"""
# A set of texts has another order in each process.
OF_THE_ORDER = """
    def records(count):
        for number, name in enumerate({f"name {number}" for number in range(count)}):
            yield {"id": number, "name": name}
"""
DROPS = """
    seen = 0

    def shorter(record):
        global seen
        seen += 1
        return record if seen % 100 else None
"""
FILTERS = """
    def shorter(record):
        return record if record["id"] % 100 else None
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A runtime's folder; Python goes there once, thousands of files, for all tests."""
    with readable_folder() as folder:
        yield folder


@pytest.fixture
def settings(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for folder in ("flows", "scripts"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("IDEMFLOW_HOME", str(home))
    return configuration.resolve({"project": str(tmp_path)})


def read(settings: Settings, script: str, transform: str = "", count: int = 1000) -> Reference:
    project = Project(settings.project)
    extra = "transform: {script: scripts/shorter.py, function: shorter}\n" if transform else ""
    name = project.pipeline("numbers", script, extra)
    project.change(name, "function: records", f"function: records\n  arguments: {{count: {count}}}")
    if transform:
        (settings.project / "scripts/shorter.py").write_text(textwrap.dedent(transform))
    room = settings.project / "room"
    room.mkdir(exist_ok=True)
    found = of_script(settings, spec.load(settings.project, name), Scratch(room, 1 << 20))
    assert found is not None
    return found


def test_a_source_that_gives_the_same(settings: Settings) -> None:
    found = read(settings, RECORDS)
    assert (found.given, found.left_out, found.steady, found.contents) == (1002, 0, [], True)
    rows = list(found.all())
    assert sorted(kind for _, kind, _, _ in rows) == [judge.GIVEN] * 1000 + [judge.REFUSED] * 2
    assert {key for key, kind, _, _ in rows if kind == judge.REFUSED} == {"\0:1001", "\0:1002"}


@pytest.mark.parametrize("script", [BY_CHANCE, OF_THE_RUN])
def test_negative_control_ids_that_differ_each_time(settings: Settings, script: str) -> None:
    found = read(settings, script, count=50)
    (problem,) = found.steady
    assert "100 are in one reading alone" in problem


def test_contents_that_depend_on_the_order_of_a_set(settings: Settings) -> None:
    found = read(settings, OF_THE_ORDER)
    assert (found.steady, found.contents) == ([], False)


def test_negative_control_a_transform_that_drops_every_hundredth(settings: Settings) -> None:
    """Not what the record says decides, but how many came before."""
    found = read(settings, RECORDS.replace('yield {"text"', 'return\n        yield {"text"'), DROPS)
    (problem,) = found.steady
    assert "20 are in one reading alone" in problem
    # All that one reading gives has to be there.
    assert (found.given, found.left_out, found.documents) == (1000, 0, 1000)


def test_a_transform_that_leaves_records_out_by_what_they_say(settings: Settings) -> None:
    found = read(
        settings, RECORDS.replace('yield {"text"', 'return\n        yield {"text"'), FILTERS
    )
    assert (found.given, found.left_out, found.steady) == (1000, 10, [])


def test_a_source_that_fails(settings: Settings) -> None:
    with pytest.raises(PipelineError, match=r"ZeroDivisionError: division by zero"):
        read(settings, "    def records(count):\n        print('seen')\n        yield 1 / 0\n")


def test_what_a_script_prints_is_no_record(settings: Settings) -> None:
    found = read(
        settings, "    def records(count):\n        print('{}')\n        yield {'id': 1}\n"
    )
    assert (found.given, found.steady) == (1, [])


def test_a_deletion_and_a_version_are_read(settings: Settings) -> None:
    project = Project(settings.project)
    script = "    def records():\n        yield {'id': 'x', 'v': 3, 'gone': True}\n"
    project.pipeline("numbers", script, "version: {field: v, type: integer}\ndelete: gone\n")
    pipeline = spec.load(settings.project, "numbers")
    task = runner.task(settings, pipeline, Local())._asdict()
    given = json.dumps({"task": task, "attributes": runner.trigger(pipeline, {})})
    out = io.StringIO()
    reading.main(io.StringIO(given), out)
    first, last = map(json.loads, out.getvalue().splitlines())
    assert first == {"given": 1, "entries": [["x", "", 3]], "refused": [], "dropped": 0}
    assert last == {"end": True}


def test_a_copy_is_in_no_repository(settings: Settings) -> None:
    """Nothing of a proof goes to the project's git, nor does it depend on that."""
    with readable_folder() as folder:
        git = in_repository(folder)
        git("init", "-q", "-b", "main")
        inside = settings.model_copy(update={"project": folder, "home": folder / ".idemflow"})
        project = Project(folder)
        project.pipeline("numbers", RECORDS)
        project.change("numbers", "function: records", "function: records\n  arguments: {count: 3}")
        assert repository.find(inside) is not None
        for given in (inside, inside.model_copy(update={"flow_repository": folder})):
            made = copy.make(given, spec.load(folder, "numbers"))
            assert repository.find(made.settings) is None


def test_a_copy_has_another_name_and_index_and_the_projects_files(settings: Settings) -> None:
    project = Project(settings.project)
    project.pipeline("numbers", RECORDS, "schedule: 1 day\n")
    project.change("numbers", "function: records", "function: records\n  arguments: {count: 3}")
    (settings.project / "data").mkdir()
    (settings.project / "data" / "file.csv").write_text("a\n")
    made = copy.make(settings, spec.load(settings.project, "numbers"))
    pipeline = spec.load(made.settings.project, made.name)
    assert (pipeline.name, pipeline.index.name) == ("proof-numbers", "proof-numbers")
    assert pipeline.schedule is None
    assert (made.settings.project / "data" / "file.csv").read_text() == "a\n"
    made.describe("another")
    assert spec.load(made.settings.project, made.name).description == "another"
    assert spec.load(settings.project, "numbers").description == ""
    copy.delete(made)
    assert not made.settings.project.exists()
    assert (settings.project / "data" / "file.csv").is_file()

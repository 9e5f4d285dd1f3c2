"""Packages that add a source: one that works, and those that do not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from idemflow.canvas import flow, parameters
from idemflow.errors import IdemflowError, PipelineError
from idemflow.pipeline import spec
from idemflow.sources import registry
from idemflow.sources.source import Source
from tests.packages import installed, told
from tests.unit.canvas.test_flow import TYPES, components

PIPELINE = """\
pipeline: numbers
collect:
  counter:
    records: 5
identity: number
index:
  name: numbers
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages are installed in."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/numbers.yaml").write_text(PIPELINE)
    return tmp_path


def test_idemflows_own() -> None:
    assert registry.kinds() == ["files", "script", "sql"]
    for kind in registry.kinds():
        assert kind in registry.load(kind).model_fields


def test_a_fourth_source_is_read_and_drawn(packages: Path, project: Path) -> None:
    installed(packages)
    pipeline = spec.load(project, "numbers")
    made = flow.build(pipeline, spec.sources(project, pipeline), TYPES, tls=True)
    drawn = {item["name"]: item for item in components(made["flowContents"])}
    assert set(pipeline.collect.steps) == {"Count"} <= set(drawn)
    assert "'idemflow_counter.step:count'" in json.dumps(drawn["Count"]["properties"])
    given = drawn["Start a run"]["properties"]["idemflow.arguments"]
    assert given == '{"records":#{records}}'
    shown = parameters.argument(pipeline.collect, "records", 5)
    assert (shown.value, shown.description) == ("5", "Argument of a run")


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("records: 5", "records: 0", "collect.counter.records", "greater than"),
        ("records: 5", "record: 5", "collect.counter.record", "did you mean 'records'"),
        ("counter:", "conter:", "collect.conter", "Known: counter, files, script, sql"),
    ],
)
def test_its_mistakes_are_named_like_others(
    packages: Path, project: Path, old: str, new: str, field: str, words: str
) -> None:
    installed(packages)
    (project / "flows/numbers.yaml").write_text(PIPELINE.replace(old, new))
    with pytest.raises(PipelineError, match=words) as caught:
        spec.load(project, "numbers")
    assert caught.value.field == field
    assert caught.value.line in (3, 4)


def test_it_is_no_source_of_a_snapshot(packages: Path, project: Path) -> None:
    installed(packages)
    (project / "flows/numbers.yaml").write_text(PIPELINE + "mode: snapshot\n")
    with pytest.raises(PipelineError, match=r"all rows in each run; take collect\.counter away"):
        spec.load(project, "numbers")


@pytest.mark.parametrize(
    ("value", "modules", "words"),
    [
        ("absent.model:S", {}, "ModuleNotFoundError: No module named 'absent'"),
        ("broken_one:S", {"broken_one": "1 / 0"}, "ZeroDivisionError: division by zero"),
        ("broken_two:S", {"broken_two": ""}, "has no attribute 'S'"),
        ("broken_three:S", {"broken_three": "S = 7"}, "broken_three:S is no subclass of"),
        (
            "broken_four:S",
            {
                "broken_four": "from idemflow.sources.source import Source\n"
                "class S(Source):\n    other: int\n"
            },
            "broken_four:S lacks draw, summary, steps, the field counter",
        ),
    ],
)
def test_a_broken_package_is_named_where_its_source_is_used(
    packages: Path, project: Path, value: str, modules: Mapping[str, str], words: str
) -> None:
    told(packages, "broken-source", {"counter": value})
    for name, text in modules.items():
        (packages / f"{name}.py").write_text(text)
    with pytest.raises(IdemflowError, match=words) as caught:
        spec.load(project, "numbers")
    assert "the source 'counter' of the package broken-source cannot be used" in str(caught.value)
    assert caught.value.next_command is not None
    assert "pip uninstall broken-source" in caught.value.next_command
    assert issubclass(registry.load("script"), Source)


def test_two_packages_with_one_kind(packages: Path, project: Path) -> None:
    installed(packages)
    told(packages, "another", {"counter": "another.model:S"})
    with pytest.raises(IdemflowError) as caught:
        spec.load(project, "numbers")
    assert "a source 'counter': another and idemflow-counter" in caught.value.message
    assert caught.value.next_command == "pip uninstall one of them"


def test_nobody_takes_the_place_of_one_of_idemflows_own(packages: Path, project: Path) -> None:
    told(packages, "another", {"script": "another.model:S"})
    (project / "flows/numbers.yaml").write_text(PIPELINE.replace("counter:", "script:"))
    with pytest.raises(IdemflowError, match="two packages have a source 'script': another and"):
        spec.load(project, "numbers")


def test_an_installation_without_sources_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "GROUP", "idemflow.no-sources")
    with pytest.raises(IdemflowError, match="tells of no source") as caught:
        registry.kinds()
    assert caught.value.next_command is not None

"""The changes that methods make to the files of a copy, and what they leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from idemflow.config import settings as configuration
from idemflow.pipeline import spec
from idemflow.pipeline.identity import Version
from idemflow.prove import copy
from idemflow.prove.aging import FUNCTION
from idemflow.prove.copy import Copy
from tests.integration.tools import ROOT, Project, readable_folder

SCRIPT = "def records():\n    yield {'id': 1, 'v': 1}\n"
TRANSFORM = "def change(record):\n    return record\n"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Copy]:
    project = Project(tmp_path)
    project.pipeline(
        "one", SCRIPT, "version: {field: v, type: integer}\n"
        "transform: {script: scripts/change.py, function: change}\nload: {batch: 7}\n"
        "prune: {every: 1 hour, dead_letters: {number: 1}}\n"
    )  # fmt: skip
    (tmp_path / "scripts/change.py").write_text(TRANSFORM)
    with readable_folder() as home:
        monkeypatch.setenv("IDEMFLOW_HOME", str(home))
        settings = configuration.resolve({"project": str(tmp_path)})
        yield copy.make(settings, spec.load(tmp_path, "one"))
    # Nothing is done to the pipeline itself.
    assert (tmp_path / "scripts/one.py").read_text() == SCRIPT
    assert (tmp_path / "scripts/change.py").read_text() == TRANSFORM


def test_nothing_that_a_proof_follows_is_pruned(made: Copy) -> None:
    assert spec.load(made.settings.project, made.name).prune is None


def test_queues_are_small_as_long_as_they_have_to_be(made: Copy) -> None:
    text = made.file.read_text()
    with made.small_queues(100):
        load = spec.load(made.settings.project, made.name).load
        assert (load.queue, load.batch) == (100, 1)
    assert made.file.read_text() == text


def test_an_older_state_of_the_source_is_a_pipeline_too(made: Copy) -> None:
    text = made.file.read_text()
    with made.older(Version(field="v", type="integer")):
        found = spec.load(made.settings.project, made.name)
        assert found.transform
        assert found.transform.function == FUNCTION
        assert TRANSFORM in (spec.sources(made.settings.project, found).transform or "")
    assert made.file.read_text() == text


def test_the_next_version_has_other_scripts_that_do_the_same(made: Copy) -> None:
    made.next_version("The next version (0.5)")
    project = made.settings.project
    found = spec.load(project, made.name)
    texts = spec.sources(project, found)
    assert found.description == "The next version (0.5)"
    for text, before in ((texts.collect, SCRIPT), (texts.transform, TRANSFORM)):
        assert text is not None
        assert text.startswith(before)
        assert text.endswith("# The next version (0.5)\n")


@pytest.mark.parametrize("name", spec.names(ROOT / "examples" / "unsound"))
def test_the_unsound_examples_are_pipelines(name: str) -> None:
    found = spec.load(ROOT / "examples" / "unsound", name)
    assert found.index.name == f"unsound-{name}"
    assert f"| `{name}` |" in (ROOT / "docs/prove.md").read_text()

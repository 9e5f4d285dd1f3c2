"""``expect:`` of the YAML: what is accepted, and how each mistake is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from idemflow.errors import PipelineError
from idemflow.pipeline import spec
from idemflow.pipeline.expect import Expect

YAML = """\
pipeline: things
collect:
  script: scripts/things.py
  function: things
identity: id
index:
  name: things
"""


def load(project: Path, more: str) -> spec.Pipeline:
    for folder in ("flows", "scripts"):
        (project / folder).mkdir(exist_ok=True)
    (project / "flows/things.yaml").write_text(YAML + more)
    (project / "scripts/things.py").write_text("def things():\n    yield {'id': 1}\n")
    return spec.load(project, "things")


def test_thresholds(tmp_path: Path) -> None:
    assert load(tmp_path, "").expect is None
    found = load(tmp_path, "expect: {freshness: 15 min, dead_letters: 0, min_records: 900}\n")
    assert found.expect == Expect(freshness="15 min", dead_letters=0, min_records=900)


@pytest.mark.parametrize(
    ("expect", "line", "field", "words"),
    [
        ("{freshness: 15}", 8, "expect.freshness", "string"),
        ("{freshness: soon}", 8, "expect.freshness", '"5 min"'),
        ("{freshnes: 5 min}", 8, "expect.freshnes", "did you mean 'freshness'"),
        ("{dead_letters: -1}", 8, "expect.dead_letters", "greater than or equal to 0"),
        ("{dead_letters: true}", 8, "expect.dead_letters", "integer"),
        ('{min_records: "900"}', 8, "expect.min_records", "integer"),
        ("{min_records: 1.5}", 8, "expect.min_records", "integer"),
        ("{min_records: 10000000000000000}", 8, "expect.min_records", "less than"),
        ("{}", 8, "expect", "one of them at least"),
        ("5 min", 8, "expect", "dictionary"),
        ("{dead_letters: 0, freshness_of: run}", 8, "expect", "belongs to freshness"),
        ("{freshness: 1 s, freshness_of: file}", 8, "expect.freshness_of", "'version' or 'run'"),
        ("{freshness: 1 s, freshness_of: version}", None, "", "needs a version field"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, expect: str, line: int | None, field: str, words: str
) -> None:
    with pytest.raises(PipelineError) as caught:
        load(tmp_path, f"expect: {expect}\n")
    assert (caught.value.line, caught.value.field) == (line, field)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("version", "shared", "dated"),
    [
        ("", "", False),
        ("version: at\n", "", True),
        ("version: {field: at, type: integer}\n", "", False),
        ("version: at\n", "  shared: true\n", False),
    ],
)
def test_which_versions_tell_how_fresh_an_index_is(
    tmp_path: Path, version: str, shared: str, dated: bool
) -> None:
    assert load(tmp_path, shared + version).dated is dated

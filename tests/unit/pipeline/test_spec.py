"""The pipeline's YAML: what is accepted, and how each mistake is explained."""

from pathlib import Path

import pytest

from idemflow.errors import IdemflowError, PipelineError, UsageError
from idemflow.pipeline import spec

GOOD = """\
pipeline: things
collect:
  script: scripts/things.py
  function: things
  arguments:
    records: 10
identity: id
index:
  name: things
  mapping:
    id: keyword
"""
SCRIPT = "def things(records):\n    yield {'id': 1}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "flows/things.yaml").write_text(GOOD)
    (tmp_path / "scripts/things.py").write_text(SCRIPT)
    return tmp_path


def load_changed(project: Path, old: str, new: str) -> PipelineError:
    text = (project / "flows/things.yaml").read_text()
    assert old in text
    (project / "flows/things.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(PipelineError) as caught:
        spec.load(project, "things")
    return caught.value


def test_the_shipped_pipelines_are_valid() -> None:
    root = Path(__file__).parents[3]
    assert "people" in spec.names(root)
    for name in spec.names(root):
        assert spec.load(root, name).name == name


def test_defaults(project: Path) -> None:
    pipeline = spec.load(project, "things")
    assert pipeline.identity.fields == ["id"]
    assert pipeline.load.batch == 5000
    assert pipeline.schedule == "1 day"
    assert pipeline.mapping() == {"dynamic": "true", "properties": {"id": {"type": "keyword"}}}


def test_several_identity_fields_and_full_mappings(project: Path) -> None:
    text = GOOD.replace("identity: id", "identity: [country, id]").replace(
        "    id: keyword", "    id: {type: keyword, ignore_above: 100}"
    )
    (project / "flows/things.yaml").write_text(text)
    pipeline = spec.load(project, "things")
    assert pipeline.identity.fields == ["country", "id"]
    assert pipeline.mapping()["properties"] == {"id": {"type": "keyword", "ignore_above": 100}}


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    [
        ("identity: id", "identiy: id", 7, "identiy", "did you mean 'identity'"),
        ("identity: id\n", "", None, "identity", "is missing"),
        ("identity: id", "identity: []", 7, "identity", "at least 1 item"),
        ("  name: things", "  name: Things", 9, "index.name", "lower case"),
        ("  name: things", "  name: _things", 9, "index.name", "a letter or digit first"),
        ("  name: things", "  name: a b", 9, "index.name", "no blank"),
        ("  name: things", "  name: idemflow-runs", 9, "index.name", "belong to the ledger"),
        ("  name: things", f"  name: {'x' * 256}", 9, "index.name", "227 bytes"),
        ("    id: keyword", "    id: keywrd", 11, "index.mapping.id", "a field type"),
        ("    records: 10", "    records: [10]", 6, "collect.arguments.records", "a number"),
        ("script: scripts/things.py", "script: /etc/passwd", 3, "collect.script", "inside"),
        ("script: scripts/things.py", "script: ../things.py", 3, "collect.script", "inside"),
        ("function: things", "function: 7up", 4, "collect.function", "name of a Python function"),
        ("pipeline: things", "pipeline: other", 1, "pipeline", "must be the same"),
        ("pipeline: things", "pipeline: Things!", 1, "pipeline", "lower-case letters"),
        ("identity: id", "schedule: often\nidentity: id", 7, "schedule", "5 min"),
        ("identity: id", "load: {batch: 0}\nidentity: id", 7, "load.batch", "greater than"),
        ("identity: id", "load: {batch: '5'}\nidentity: id", 7, "load.batch", "integer"),
    ],
)
def test_a_mistake_is_named_with_line_and_field(
    project: Path, old: str, new: str, line: int | None, field: str, words: str
) -> None:
    error = load_changed(project, old, new)
    assert (error.file, error.line, error.field) == ("flows/things.yaml", line, field)
    assert words in error.message


def test_yaml_that_is_not_yaml(project: Path) -> None:
    error = load_changed(project, "identity: id", "identity: [id")
    assert error.line is not None
    assert "is not YAML" in error.message


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n", "a: 1\na: 2\n", "\x00"])
def test_files_that_are_no_pipeline(project: Path, text: str) -> None:
    (project / "flows/things.yaml").write_text(text)
    with pytest.raises(PipelineError, match=r"flows/things\.yaml"):
        spec.load(project, "things")


def test_yaml_cannot_make_python_objects(project: Path) -> None:
    (project / "flows/things.yaml").write_text("!!python/object/apply:os.system [true]\n")
    with pytest.raises(PipelineError):
        spec.load(project, "things")


def test_an_unknown_pipeline_is_told_the_known_ones(project: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'things'"):
        spec.load(project, "thing")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("def things(records:\n", "scripts/things.py:1: is not Python"),
        ("def others(records):\n    yield {}\n", "has no function 'things'; it has others"),
        ("def things():\n    yield {}\n", "takes no 'records'"),
        ("def things(records, seed):\n    yield {}\n", "needs 'seed'"),
        ("def things(records, *, seed):\n    yield {}\n", "needs 'seed'"),
        ("x = 1\0\n", "is not Python"),
    ],
)
def test_a_script_is_checked_without_running_it(project: Path, script: str, words: str) -> None:
    (project / "scripts/things.py").write_text(script)
    with pytest.raises(IdemflowError) as caught:
        spec.load(project, "things")
    assert words in caught.value.message


@pytest.mark.parametrize(
    "script",
    [
        "raise SystemExit('never run here')\ndef things(records): yield {}\n",
        "def things(records, seed=1): yield {}\n",
        "def things(**anything): yield {}\n",
        "from somewhere import things\n",
        "things = lambda records: []\n",
    ],
)
def test_scripts_that_may_be_right_are_accepted(project: Path, script: str) -> None:
    (project / "scripts/things.py").write_text(script)
    assert spec.load(project, "things").name == "things"


def test_a_script_that_is_not_there(project: Path) -> None:
    (project / "scripts/things.py").unlink()
    with pytest.raises(PipelineError, match=r"there is no file scripts/things\.py"):
        spec.load(project, "things")

"""Files of a project that somebody made to do harm, or by mistake: one clear error, at once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from idemflow.errors import PipelineError, PipelineErrors, UsageError
from idemflow.pipeline import spec, yaml_limits
from tests.unit.pipeline.test_spec import GOOD, SCRIPT, load_changed

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
# Seconds of a processor, however busy the machine is; it takes less than one.
SOON = 2.0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in ("flows", "scripts"):
        (folder / name).mkdir(parents=True)
    (folder / "flows/things.yaml").write_text(GOOD)
    (folder / "scripts/things.py").write_text(SCRIPT)
    return folder


def refused(project: Path, text: str | bytes) -> PipelineError:
    """What is said of a file, soon."""
    data = text.encode() if isinstance(text, str) else text
    (project / "flows/things.yaml").write_bytes(data)
    began = time.process_time()
    with pytest.raises(PipelineError) as caught:
        spec.load(project, "things")
    assert time.process_time() - began < SOON
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (BOMB, 5, "more than 10,000 values"),
        ("a: &a [1, 2]\nb: &b {<<: *b}\n", 2, "*b stands inside of what it stands for"),
        (f"{GOOD}x: {'[' * 5000}", 12, "nested more than 64 levels"),
        (f"{GOOD}x: {'{a: ' * 5000}", 12, "nested more than 64 levels"),
        (f"{GOOD}x:\n  {'- ' * 5000}x", 13, "nested more than 64 levels"),
        (f"{GOOD}x: [{'a,' * 30_000}]", 12, "more than 10,000 values"),
        (GOOD + "# far too long\n" * 20_000, 8739, "more than 128 KB"),
        (f"{GOOD}x: *unknown\n", 12, "is not YAML: found undefined alias"),
        (GOOD.replace("10", "9" * 5000), None, "is not YAML"),
        (b"\xff\xfe\x00", None, "is not UTF-8 (byte 1)"),
    ],
)
def test_yaml_has_limits(project: Path, text: str | bytes, line: int | None, words: str) -> None:
    error = refused(project, text)
    assert words in error.message
    assert (error.file, error.line, error.exit_code) == ("flows/things.yaml", line, 2)
    assert len(error.message) < 300


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ('!!python/object/apply:os.system ["touch made"]', "!!python/object/apply:os.system"),
        ("!!python/name:os.system x", "!!python/name:os.system"),
        ("!env HOME", "!env"),
        ("!!str 10", "!!str"),
    ],
)
def test_tags_are_refused(project: Path, value: str, tag: str) -> None:
    error = refused(project, GOOD.replace("10", value))
    assert error.message == f"flows/things.yaml:6: is not read: the tag {tag} is not allowed, " + (
        "as none is"
    )


def test_what_people_write_is_within_the_limits(project: Path) -> None:
    """A field of each kind that Elasticsearch takes by default; anchors, and what merges them."""
    fields = "".join(f"    field_{n}: {{type: keyword, ignore_above: 99}}\n" for n in range(1000))
    text = GOOD.replace("    id: keyword", "    id: &key {type: keyword}\n    other: *key\n")
    (project / "flows/things.yaml").write_text(text + fields + "    one: {<<: *key}\n")
    assert len(spec.load(project, "things").mapping()["properties"]) == 1003


def test_mistakes_are_told_in_a_number_and_a_length_that_can_be_read(project: Path) -> None:
    error = refused(project, GOOD + "".join(f"x{n}: 1\n" for n in range(2000)))
    assert isinstance(error, PipelineErrors)
    assert len(error.errors) == 50
    error = refused(project, GOOD.replace("  name: things", f"  name: {'x' * 100_000}"))
    assert len(error.message) < 300
    error = refused(project, f"{GOOD}{'x' * 100}_{'y' * 900}: 1\n")
    assert len(error.message) < 500


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("identity: id", "identity: id\nschedule:", 8, "schedule"),
        ("identity: id", "identity: id\nversion: ~", 8, "version"),
        ("identity: id", "identity: id\ndelete: {field: gone, equals: null}", 8, "delete.equals"),
        ("identity: id", "identity: id\nload:", 8, "load"),
        ("identity: id", "identity:", 7, "identity"),
        ("identity: id", "identity: [id, ]\ntransform:", 8, "transform"),
        ("  name: things", "  name:", 9, "index.name"),
        ("    id: keyword", "    id:", 11, "index.mapping.id"),
        ("    id: keyword", "    id: {type: keyword, meta: }", 11, "index.mapping.id.meta"),
        ("    records: 10", "    records:", 6, "collect.arguments.records"),
        ("identity: id", "identity: {content-hash: true, except: [~]}", 7, "identity.except.0"),
    ],
)
def test_a_field_without_a_value_is_a_mistake(
    project: Path, old: str, new: str, line: int, field: str
) -> None:
    """It stood for the default, silently: an unfinished `schedule:` never ran."""
    error = load_changed(project, old, new)
    assert (error.line, error.field) == (line, field)
    assert error.message.endswith("has no value; give it one, or take it away")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("  name: things", '  name: ""', "index.name"),
        ("pipeline: things", 'pipeline: ""', "pipeline"),
        ("identity: id", 'identity: ""', "identity"),
        ("identity: id", 'identity: id\nversion: ""', "version"),
        ("identity: id", 'identity: id\ndescription: " "', "description"),
        ("identity: id", 'identity: id\nschedule: ""', "schedule"),
        ("identity: id", 'identity: id\nschedule: {cron: ""}', "schedule.cron"),
        ("identity: id", 'identity: id\nmode: ""', "mode"),
        ("    id: keyword", '    id: ""', "index.mapping.id"),
        ("script: scripts/things.py", 'script: ""', "collect.script"),
        ("function: things", 'function: ""', "collect.function"),
        ("    records: 10", "    records: .nan", "collect.arguments.records"),
        ("    records: 10", "    records: -.inf", "collect.arguments.records"),
    ],
)
def test_an_empty_text_stands_for_nothing(project: Path, old: str, new: str, field: str) -> None:
    error = load_changed(project, old, new)
    assert field in [one.field for one in getattr(error, "errors", (error,))]


def test_an_empty_text_may_be_an_argument(project: Path) -> None:
    text = GOOD.replace("records: 10", 'records: ""') + "delete: {field: gone, equals: ''}\n"
    (project / "flows/things.yaml").write_text(text)
    assert spec.load(project, "things").collect.run_arguments == {"records": ""}


@pytest.mark.parametrize("where", ["file", "folder", "folder above", "chain", "flows", "yaml"])
def test_a_link_that_leads_out_of_the_project_is_not_followed(project: Path, where: str) -> None:
    """Where root deploys, it would put on the canvas, and into git, what only root may read."""
    outside = project.parent / "outside"
    (outside / "deep").mkdir(parents=True)
    for name in ("things.py", "deep/things.py"):
        (outside / name).write_text(SCRIPT)
    script = project / "scripts/things.py"
    path, field = "scripts/things.py", "collect.script"
    if where == "file":
        script.unlink()
        script.symlink_to(outside / "things.py")
    elif where == "folder":
        (project / "scripts/more").symlink_to(outside)
        path = "scripts/more/things.py"
    elif where == "folder above":
        (project / "scripts/more").symlink_to("../..")
        path = "scripts/more/outside/deep/things.py"
    elif where == "chain":
        (project / "inside.py").symlink_to(outside / "things.py")
        script.unlink()
        script.symlink_to("../inside.py")
    else:
        (outside / "flows").mkdir()
        (outside / "flows/things.yaml").write_text(GOOD)
        (project / "flows/things.yaml").unlink()
        if where == "yaml":
            (project / "flows/things.yaml").symlink_to(outside / "flows/things.yaml")
        else:
            (project / "flows").rmdir()
            (project / "flows").symlink_to(outside / "flows")
        path, field = "", ""
    if path:
        (project / "flows/things.yaml").write_text(GOOD.replace("scripts/things.py", path))
    with pytest.raises(PipelineError, match="a link that leads out of the project") as caught:
        spec.load(project, "things")
    assert (caught.value.file, caught.value.field or "") == ("flows/things.yaml", field)
    assert path in caught.value.message


def test_a_link_inside_the_project_is_followed(project: Path) -> None:
    (project / "lib").mkdir()
    (project / "scripts/things.py").rename(project / "lib/things.py")
    (project / "scripts/things.py").symlink_to("../lib/things.py")
    (project / "scripts/more").symlink_to("../lib")
    (project / "flows/things.yaml").rename(project / "lib/things.yaml")
    (project / "flows/things.yaml").symlink_to(project / "lib/things.yaml")
    # The project itself may be reached by a link.
    here = project.parent / "link"
    here.symlink_to(project)
    for folder in (project, here):
        assert spec.sources(folder, spec.load(folder, "things")).collect == SCRIPT
    text = GOOD.replace("scripts/things.py", "scripts/more/things.py")
    (project / "lib/things.yaml").write_text(text)
    assert spec.load(here, "things").name == "things"


@pytest.mark.parametrize("name", ["flows/things.yaml", "scripts/things.py"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "loop", "long"])
def test_what_is_no_file_is_not_waited_for(project: Path, name: str, kind: str) -> None:
    file = project / name
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "loop":
        file.symlink_to(file)
    else:
        file.write_text("#" * (1 << 21))
    with pytest.raises(PipelineError, match="cannot be read") as caught:
        spec.load(project, "things")
    assert caught.value.file == "flows/things.yaml"


@pytest.mark.parametrize(
    "path", ['"scripts/a\\0.py"', '"scripts/\\ud800.py"', f"scripts/{'x' * 300}.py"]
)
def test_paths_that_no_file_can_have(project: Path, path: str) -> None:
    error = load_changed(project, "scripts/things.py", path)
    assert "cannot be read" in error.message
    error.message.encode()


@pytest.mark.parametrize("text", [f"x = {'(' * 150}", f"x = {'-' * 100_000}1", f"x{'.a' * 50_000}"])
def test_a_script_that_python_cannot_parse(project: Path, text: str) -> None:
    (project / "scripts/things.py").write_text(text)
    with pytest.raises(PipelineError, match=r"scripts/things\.py.*is not Python"):
        spec.load(project, "things")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("*", "lower case"),
        ("things-*", "lower case"),
        ("things,others", "lower case"),
        ("<things-{now/d}>", "a letter or digit first"),
        ("-things", "a letter or digit first"),
        (".kibana", "a letter or digit first"),
        ("_all", "a letter or digit first"),
        ("../things", "a letter or digit first"),
        ("things/_doc", "lower case"),
        ("remote:things", "lower case"),
        ("idemflow-runs", "belong to the ledger"),
        ("idemflow-dead-letters", "belong to the ledger"),
        ("idemflow-{run}", "belong to the ledger"),
        ("..", "is not . or .."),
    ],
)
def test_an_index_is_one_index_and_a_pipelines_own(project: Path, name: str, words: str) -> None:
    error = load_changed(project, "  name: things", f'  name: "{name}"')
    assert (error.line, error.field) == (9, "index.name")
    assert words in error.message


@pytest.mark.parametrize(
    "name", ["../things", "a/../things", "/etc/passwd", "Things", "", ".", "x" * 65, "th\ud800"]
)
def test_a_pipelines_name_leads_nowhere(project: Path, name: str) -> None:
    (project.parent / "things.yaml").write_text(GOOD)
    with pytest.raises(UsageError, match="cannot be the name of a pipeline"):
        spec.load(project, name)
    assert not spec.is_there(project, name)


def test_files_with_other_names_are_no_pipelines(project: Path) -> None:
    for name in ("Things", ".hidden", "two words", "\udcff"):
        (project / f"flows/{name}.yaml").write_text(GOOD)
    assert spec.names(project) == ["things"]


def test_one_bad_file_is_nothing_to_the_others(project: Path) -> None:
    (project / "flows/bomb.yaml").write_text(BOMB)
    (project / "flows/folder.yaml").mkdir()
    assert spec.names(project) == ["bomb", "folder", "things"]
    assert spec.load(project, "things").name == "things"


def test_a_mapping_that_is_nested_as_elasticsearch_allows(project: Path) -> None:
    """By default 20 objects in each other."""
    deep = "{type: keyword}"
    for _ in range(20):
        deep = f"{{properties: {{a: {deep}}}}}"
    (project / "flows/things.yaml").write_text(GOOD.replace("    id: keyword", f"    id: {deep}"))
    assert spec.load(project, "things").mapping()
    assert yaml_limits.DEPTH > 43

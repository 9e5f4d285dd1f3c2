"""The pipeline's YAML: what is accepted, and how each mistake is explained."""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from idemflow.errors import IdemflowError, PipelineError, PipelineErrors, UsageError
from idemflow.pipeline import spec
from idemflow.pipeline.model import refusals
from idemflow.sources.files.model import FilesSource
from idemflow.sources.sql.model import SqlSource

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
    assert pipeline.schedule is None, "it runs by hand"
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
        ("identity: id", "identity: {fields: id, unique: yes}", 7, "identity.unique", "'fail'"),
        ("identity: id", "identity: {unique: fail}", 7, "identity", "a field, a list of fields"),
        ("identity: id", "snapshot: {max_refused: 5}\nidentity: id", None, "", "mode: snapshot"),
        (
            "identity: id",
            "snapshot: {max_refused: 101%}\nidentity: id",
            7,
            "snapshot.max_refused",
            "a share of them",
        ),
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
        ("identity: id", "schedule: {}\nidentity: id", 7, "schedule", "one of them"),
        ("identity: id", "schedule: [1 day]\nidentity: id", 7, "schedule", "one of them"),
        ("identity: id", "schedule: {evry: 1 s}\nidentity: id", 7, "schedule.evry", "'every'"),
        ("identity: id", "schedule: {cron: 0 25 * * *}\nidentity: id", 7, "schedule.cron", "hour"),
        (
            "identity: id",
            "schedule: {cron: 0 6 * * *, timezone: Europe/Berln}\nidentity: id",
            7,
            "schedule.timezone",
            "did you mean 'Europe/Berlin'?",
        ),
        (
            "identity: id",
            "schedule: {cron: 0 0 6 L * ?, timezone: Europe/Berlin}\nidentity: id",
            7,
            "schedule",
            "has no time zone",
        ),
        (
            "identity: id",
            "schedule: {every: 5 min, timezone: Europe/Berlin}\nidentity: id",
            7,
            "schedule",
            "there is no `cron`",
        ),
        ("identity: id", "mode: snapshot\nschedule: 1 day\nidentity: id", None, "", "a timer"),
        ("identity: id", "ledger: {keep: 5 min}\nidentity: id", 7, "ledger.keep", "1 hour"),
        ("identity: id", "ledger: {keep: 30}\nidentity: id", 7, "ledger.keep", "string"),
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


@pytest.mark.parametrize(
    ("lines", "unique"),
    [
        ("identity: id", "fail"),
        ("identity: id\nversion: at", "warn"),
        ("identity: [id, at]\nversion: at\nmode: snapshot", "fail"),
        ("identity: {content-hash: true}", "allow"),
        ("identity: {content-hash: true, unique: fail}", "fail"),
        ("identity: {fields: id, unique: allow}\nmode: snapshot", "allow"),
        ("identity: {fields: [id, at], unique: warn}", "warn"),
    ],
)
def test_what_becomes_of_two_records_with_one_id(project: Path, lines: str, unique: str) -> None:
    (project / "flows/things.yaml").write_text(GOOD.replace("identity: id", lines))
    assert spec.load(project, "things").unique == unique


@pytest.mark.parametrize(
    ("more", "lines", "unique"),
    [
        ("", "", "warn"),
        ("", "mode: snapshot\n", "fail"),
        ("", "delete: gone\n", "fail"),
        ("newer_wins: false", "", "fail"),
        ("newer_wins: false", "version: at\n", "warn"),
    ],
)
def test_files_have_versions_without_a_version_field(
    project: Path, more: str, lines: str, unique: str
) -> None:
    files = f"  files: {{directory: in, format: ndjson, {more}}}\n"
    _, collect, rest = GOOD.partition("collect:\n")
    rest = rest[rest.index("identity") :]
    (project / "flows/things.yaml").write_text(f"pipeline: things\n{collect}{files}{lines}{rest}")
    pipeline = spec.load(project, "things")
    assert (pipeline.unique, pipeline.versioned) == (unique, unique == "warn" or "mode" in lines)


@pytest.mark.parametrize(
    ("limit", "records", "refused"),
    [("0", 10, 0), ("7", 10, 7), ("10%", 10, 1), ("10%", 9, 0), ("0.1%", 3000, 3), ("100%", 7, 7)],
)
def test_how_many_records_may_be_refused(
    project: Path, limit: str, records: int, refused: int
) -> None:
    lines = f"mode: snapshot\nsnapshot: {{max_refused: {limit}}}\nidentity: id"
    (project / "flows/things.yaml").write_text(GOOD.replace("identity: id", lines))
    assert refusals(spec.load(project, "things").max_refused, records) == refused


def test_all_mistakes_are_told_at_once(project: Path) -> None:
    text = (
        GOOD.replace("identity: id", "identiy: id\nload: {batch: 0, tasks: many}")
        .replace("  name: things", "  name: Things")
        .replace("pipeline: things", "pipeline: other")
        .replace("    id: keyword", "    id: keywrd")
    )
    (project / "flows/things.yaml").write_text(text + "transform: {script: s.py, function: f}\n")
    (project / "scripts/things.py").write_text("def things(seed):\n    seed + 1\n")
    with pytest.raises(PipelineErrors) as caught:
        spec.load(project, "things")
    error = caught.value
    assert [(one.file, one.line, one.field) for one in error.errors] == [
        ("flows/things.yaml", 1, "pipeline"),
        ("flows/things.yaml", 4, "collect.arguments.records"),
        ("flows/things.yaml", 4, "collect.arguments"),
        ("flows/things.yaml", 7, "identiy"),
        ("flows/things.yaml", 8, "load.batch"),
        ("flows/things.yaml", 8, "load.tasks"),
        ("flows/things.yaml", 10, "index.name"),
        ("flows/things.yaml", 12, "index.mapping.id"),
        ("flows/things.yaml", 13, "transform.script"),
        ("scripts/things.py", 1, None),
    ]
    lines = error.message.splitlines()
    assert lines[0] == "10 mistakes:"
    assert lines[1:] == [one.message for one in error.errors]
    assert (error.file, error.line, error.field, error.exit_code) == (
        "flows/things.yaml", 1, "pipeline", 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    ["records + 1", "return", "return None", "yield_ = 1", "def inner():\n        yield records"],
)
def test_a_function_must_give_records(project: Path, body: str) -> None:
    (project / "scripts/things.py").write_text(f"X = 1\ndef things(records):\n    {body}\n")
    with pytest.raises(PipelineError) as caught:
        spec.load(project, "things")
    assert caught.value.message == (
        "scripts/things.py:2: things() gives nothing: it must yield its records, or return a "
        "list of them"
    )


@pytest.mark.parametrize(
    "body", ["return []", "return other(records)", "yield from records", "raise OSError"]
)
def test_a_function_may_give_records_as_it_likes(project: Path, body: str) -> None:
    (project / "scripts/things.py").write_text(f"def things(records):\n    {body}\n")
    assert spec.load(project, "things")
    (project / "scripts/things.py").write_text("@some.source\ndef things(records):\n    pass\n")
    assert spec.load(project, "things")


def test_a_transform_must_return(project: Path) -> None:
    (project / "scripts/change.py").write_text("def change(record):\n    record['a'] = 1\n")
    with pytest.raises(PipelineError, match=r"scripts/change\.py:1: change\(\) has no return"):
        loaded(project, transform="{script: scripts/change.py, function: change}")
    (project / "scripts/change.py").write_text("def change(record):\n    yield record\n")
    assert loaded(project, transform="{script: scripts/change.py, function: change}").transform


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
    with pytest.raises(UsageError, match=r"; did you mean 'things'\? Pipelines here: things\.$"):
        spec.load(project, "thing")
    with pytest.raises(UsageError, match=r"flows\. Pipelines here: things\.$"):
        spec.load(project, "other")
    (project / "flows/things.yaml").unlink()
    with pytest.raises(UsageError, match=r"flows\. It has no pipelines\.$"):
        spec.load(project, "other")


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


def loaded(project: Path, **changes: str) -> spec.Pipeline:
    """The pipeline with some of its top-level fields replaced by other YAML."""
    data = YAML(typ="safe").load(GOOD)
    data |= {key: YAML(typ="safe").load(text) for key, text in changes.items()}
    with (project / "flows/things.yaml").open("w") as file:
        YAML(typ="safe").dump(data, file)
    return spec.load(project, "things")


def test_a_table_read_incrementally(project: Path) -> None:
    source = loaded(
        project,
        collect="{sql: {database: demo, table: shop.orders, incremental: {column: updated_at}}}",
    ).collect
    assert isinstance(source, SqlSource)
    assert source.sql.incremental is not None
    assert (source.sql.incremental.type, source.sql.incremental.overlap) == ("timestamp", "5 min")


def test_an_integer_column_overlaps_by_a_number(project: Path) -> None:
    source = loaded(
        project,
        collect="{sql: {database: demo, query: SELECT 1, incremental: {column: n, type: integer}}}",
    ).collect
    assert isinstance(source, SqlSource)
    assert source.sql.incremental is not None
    assert source.sql.incremental.overlap == 10_000


def test_files(project: Path) -> None:
    source = loaded(
        project, collect="{files: {directory: data, format: csv, csv: {types: {n: integer}}}}"
    ).collect
    assert isinstance(source, FilesSource)
    assert (source.files.pattern, source.files.csv.delimiter) == ("*", ",")
    # What NiFi is given stays the same as before there were more fields.
    assert source.files.csv.options() == {
        "delimiter": ",", "encoding": "utf-8", "types": {"n": "integer"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("collect", "field", "words"),
    [
        ("{sql: {database: demo}}", "collect.sql", "a table or a query"),
        ("{sql: {database: demo, table: a, query: b}}", "collect.sql", "one of both"),
        ("{sql: {database: demo, table: a; DROP TABLE b}}", "collect.sql.table", "name of a table"),
        ("{sql: {database: d, tabel: a}}", "collect.sql.tabel", "did you mean 'table'"),
        (
            "{sql: {database: d, table: t, incremental: {column: c, overlap: 5}}}",
            "collect.sql.incremental",
            'a period such as "5 min"',
        ),
        (
            "{sql: {database: d, table: t, incremental: {column: c, type: integer, overlap: 5 s}}}",
            "collect.sql.incremental",
            "must be a number",
        ),
        (
            "{sql: {database: d, table: t, incremental: {column: 'c; --'}}}",
            "collect.sql.incremental.column",
            "the name of a column",
        ),
        ("{sql: {database: d, table: t}, script: s.py}", "collect.script", "unknown field"),
        ("{files: {directory: d, format: xml}}", "collect.files.format", "csv"),
        ("{files: {directory: d, format: csv, pattern: ../*}}", "collect.files.pattern", "below"),
        (
            "{files: {directory: d, format: csv, csv: {encoding: utf-9}}}",
            "collect.files.csv.encoding",
            "utf-8",
        ),
        (
            "{files: {directory: d, format: csv, csv: {types: {a: text}}}}",
            "collect.files.csv.types.a",
            "a format of dates",
        ),
        (
            '{files: {directory: d, format: csv, csv: {types: {a: "%d.%B.%Y"}}}}',
            "collect.files.csv.types.a",
            "each of %Y",
        ),
        (
            '{files: {directory: d, format: csv, csv: {types: {a: "%H:%M"}}}}',
            "collect.files.csv.types.a",
            "a year, a month and a day",
        ),
        (
            "{files: {directory: d, format: csv, csv: {decimal: ',', thousands: ','}}}",
            "collect.files.csv",
            "different characters",
        ),
        ("{}", "collect", "must name a source: files, script, sql"),
        ("{function: f}", "collect", "must name a source: files, script, sql"),
        ("scripts/things.py", "collect", "must name a source: files, script, sql"),
        ("{kafka: {topic: t}}", "collect", "must name a source: files, script, sql"),
        ("{function: f, scirpt: s.py}", "collect.scirpt", "did you mean 'script'"),
        ("{slq: {database: d}}", "collect.slq", "Known: files, script, sql"),
    ],
)
def test_a_mistake_in_a_source(project: Path, collect: str, field: str, words: str) -> None:
    with pytest.raises(PipelineError) as caught:
        loaded(project, collect=collect)
    assert caught.value.field == field
    assert words in caught.value.message
    assert caught.value.line is not None


def test_identity_by_content(project: Path) -> None:
    identity = loaded(project, identity="{content-hash: true, except: [loaded_at]}").identity
    assert identity.rule() == {"content": True, "except": ["loaded_at"]}


def test_version_and_delete_may_be_just_a_field(project: Path) -> None:
    pipeline = loaded(project, version="updated_at", delete="gone")
    assert pipeline.version is not None
    assert pipeline.version.rule() == {"field": "updated_at", "type": "timestamp"}
    assert pipeline.delete is not None
    assert pipeline.delete.rule() == {"field": "gone"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"identity": "{content-hash: true, fields: [a]}"}, "a field, a list of fields, or"),
        ({"identity": "{except: [a]}"}, "a field, a list of fields, or"),
        ({"delete": "{field: a, equals: 1, in: [2]}"}, "not both"),
        ({"mode": "snapshot", "index": "{name: 'things-{run}'}"}, "must be a plain name"),
        (
            {"version": "v", "delete": "d", "index": "{name: 'things-{day}'}"},
            "needs one index for all runs",
        ),
        (
            {
                "mode": "snapshot",
                "collect": "{sql: {database: d, table: t, incremental: {column: c}}}",
            },
            "needs all rows in each run",
        ),
    ],
)
def test_fields_that_do_not_fit_together(
    project: Path, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(PipelineError) as caught:
        loaded(project, **changes)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("changes", "target", "pattern", "alias"),
    [
        ({}, "things", "things", None),
        ({"index": "{name: 'things-{run}'}"}, "things-{run}", "things-20*t*-*", None),
        ({"index": "{name: 'things-{day}'}"}, "things-{day}", "things-20*-*-*", None),
        ({"mode": "snapshot"}, "things-{run}", "things-20*t*-*", "things"),
        ({"version": "v", "delete": "d"}, "things-rows", "things-rows", "things"),
        (
            {"version": "v", "delete": "d", "mode": "snapshot"},
            "things-{run}", "things-20*t*-*", "things",
        ),
        ({"delete": "d"}, "things", "things", None),
    ],
)  # fmt: skip
def test_where_documents_go(
    project: Path, changes: dict[str, str], target: str, pattern: str, alias: str | None
) -> None:
    pipeline = loaded(project, **changes)
    assert (pipeline.target, pipeline.target_pattern, pipeline.alias) == (target, pattern, alias)


@pytest.mark.parametrize(
    ("changes", "own", "others"),
    [
        ({}, "things", ["things-rows", "things-eu", "other-things", "thingss"]),
        ({"index": "{name: a.b}"}, "a.b", ["axb", "a.b-rows"]),
        ({"version": "v", "delete": "d"}, "things-rows", ["things", "things-rows-2"]),
        (
            {"mode": "snapshot"},
            "things-20260102t030405006-0a1b2c3d",
            [
                "things", "things-archive", "things-2026-old",
                "things-20260102t030405006-0a1b2c3d-2", "things-eu-20260102t030405006-0a1b2c3d",
                "things-20260102t030405006-kept",
            ],
        ),
        (
            {"index": "{name: 'things-{day}'}"},
            "things-2026-01-02",
            ["things-2026-01-02-old", "things-20260102t030405006-0a1b2c3d", "things-eu-2026-01-02"],
        ),
    ],
)  # fmt: skip
def test_an_index_is_known_by_its_exact_name(
    project: Path, changes: dict[str, str], own: str, others: list[str]
) -> None:
    pipeline = loaded(project, **changes)
    assert pipeline.is_target(own)
    assert [name for name in others if pipeline.is_target(name)] == []
    # Where patterns are all there is, they come as close as they can.
    assert fnmatchcase(own, pipeline.target_pattern)
    assert [name for name in [own, *others] if fnmatchcase(name, pipeline.granted)] == [own]


def test_a_snapshot_is_not_shared(project: Path) -> None:
    assert loaded(project, index="{name: things, shared: true}").index.shared
    with pytest.raises(PipelineError, match=r"cannot be shared: take index\.shared away"):
        loaded(project, mode="snapshot", index="{name: things, shared: true}")


@pytest.mark.parametrize(
    "name", ["things-{run", "things-{week}", "things-{run}-{day}", "{day}-things"]
)
def test_only_run_or_day_may_end_an_index_name(project: Path, name: str) -> None:
    with pytest.raises(PipelineError, match=r"index\.name"):
        loaded(project, index=f"{{name: '{name}'}}")


def test_a_transform_must_take_a_record(project: Path) -> None:
    (project / "scripts/change.py").write_text("def change():\n    return None\n")
    with pytest.raises(PipelineError, match="must take a record") as caught:
        loaded(project, transform="{script: scripts/change.py, function: change}")
    assert caught.value.field == "transform.function"
    lines = (project / "flows/things.yaml").read_text().splitlines()
    assert "function: change" in lines[(caught.value.line or 0) - 1]
    (project / "scripts/change.py").write_text("def change(record):\n    return None\n")
    assert loaded(project, transform="{script: scripts/change.py, function: change}").transform
    with pytest.raises(PipelineError, match="has no function 'other'"):
        loaded(project, transform="{script: scripts/change.py, function: other}")

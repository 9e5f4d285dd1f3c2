"""``idemflow new``: what data are, what makes their ids, and what is written."""

from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from idemflow.cli import main
from idemflow.config.settings import resolve
from idemflow.pipeline import spec
from idemflow.profile import duck
from idemflow.profile.guess import Origin
from idemflow.sources.files.csv import read_csv
from idemflow.sources.files.model import FilesSource


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["new", *arguments])


def made(*arguments: str) -> dict[str, Any]:
    done = new(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output)
    return found


def proposal(found: dict[str, Any], what: str) -> Any:
    return next((one["value"] for one in found["guesses"] if one["what"] == what), None)


def why(found: dict[str, Any], name: str) -> str:
    return str(next(one["why"] for one in found["columns"] if one["name"] == name))


def source(project: Path, name: str) -> Any:
    collect = spec.load(project, name).collect
    assert isinstance(collect, FilesSource)
    return collect.files


def assert_tested(name: str, documents: int) -> None:
    """`new` has written a test, and it passes at once."""
    done = CliRunner().invoke(main, ["test", name, "--json"])
    assert done.exit_code == 0, done.output
    (tested,) = json.loads(done.output)["tests"]
    assert (tested["state"], tested["documents"], tested["refused"]) == ("same", documents, 0)


ROWS = 'sku,price,stock,open,changed_at,note\n' + "".join(
    f'a-{n},{n}.50,{n},yes,2026-01-02T03:04:{n % 60:02d}Z,{"so and so and so" if n % 2 else ""}\n'
    for n in range(200)
)  # fmt: skip


def test_a_csv_file(project: Path) -> None:
    (project / "data").mkdir()
    (project / "data" / "list[1].csv").write_text(ROWS)
    found = made("products", "--from", "data/list[1].csv")
    assert found["records"] == 200
    assert found["next_command"] == "idemflow run products"
    assert proposal(found, "identity") == ["sku"]
    assert proposal(found, "version") == ["changed_at", "timestamp"]
    assert why(found, "note") == "sentences, up to 16 characters, 50 % empty"
    pipeline = spec.load(project, "products")
    assert pipeline.identity.rule() == {"fields": ["sku"]}
    assert pipeline.index.mapping == {
        "sku": "keyword", "price": "double", "stock": "long", "open": "boolean",
        "changed_at": "date", "note": "text",
    }  # fmt: skip
    files = source(project, "products")
    assert (files.directory, files.pattern) == ("data", "list[[]1].csv")
    # What was guessed is what the source reads: no row is refused.
    with (project / "data" / "list[1].csv").open("rb") as stream:
        read = [*read_csv(stream, **files.csv.options())]
    assert [reason for _, _, reason in read if reason] == []
    assert json.loads(read[3][1])["price"] == 3.5
    assert_tested("products", 5)
    sample = project / "tests" / "products" / "sample" / "list[1].csv"
    assert sample.read_text() == "".join(ROWS.splitlines(keepends=True)[:6])
    text = (project / "flows" / "products.yaml").read_text()
    assert "identity: sku                      # likely: different in all 200 records\n" in text


def test_latin_1_with_semicolons_and_decimal_commas(project: Path) -> None:
    lines = ["Rechnungsnummer;Straße;Betrag;Menge;Datum;Geändert am"]
    lines += [
        f"R{n};Größe;{n % 9 + 1}.234,{n % 100:02d};{'k.A.' if n % 3 else n};{n % 28 + 1}.12.2025;"
        f"01.02.2026 {n % 24}:05"
        for n in range(100)
    ]
    (project / "umsatz.csv.gz").write_bytes(gzip.compress("\r\n".join(lines).encode("latin-1")))
    found = made("umsatz", "--from", "umsatz.csv.gz")
    assert proposal(found, "identity") == ["Rechnungsnummer"]
    assert proposal(found, "version") == ["Geändert am", "timestamp"]
    options = source(project, "umsatz").csv.options()
    assert options == {
        "delimiter": ";", "encoding": "latin-1", "decimal": ",", "thousands": ".",
        "missing": ["k.A."],
        "types": {
            "Betrag": "number", "Menge": "integer", "Datum": "%d.%m.%Y",
            "Geändert am": "%d.%m.%Y %H:%M",
        },
    }  # fmt: skip
    assert_tested("umsatz", 5)
    with gzip.open(project / "umsatz.csv.gz") as stream:
        read = [*read_csv(stream, **options)]  # type: ignore[arg-type]
    assert [reason for _, _, reason in read if reason] == []
    assert json.loads(read[1][1]) == {
        "Rechnungsnummer": "R1", "Straße": "Größe", "Betrag": 2234.01, "Menge": None,
        "Datum": "2025-12-02", "Geändert am": "2026-02-01T01:05:00",
    }  # fmt: skip


def test_all_records_are_looked_at_not_the_first_ones(project: Path) -> None:
    """A first look says that these are numbers, and the last record says otherwise."""
    rows = "".join(f"{n},{n % 100}\n" for n in range(30_000))
    (project / "many.csv").write_text(f"id,size\n{rows}7,large\n")
    found = made("many", "--from", "many.csv")
    assert proposal(found, "identity") == ["id", "size"]
    assert why(found, "size") == "texts of up to 5 characters; 1 are no integers: 'large'"
    assert found["notes"][:-1] == ["id is no key: '7' is there 2 times"]


def test_where_nothing_is_called_a_key_the_nearest_one_says_why_not(project: Path) -> None:
    (project / "t.csv").write_text("place,kind\n" + "north,a\nnorth,b\nsouth,a\n" * 20)
    found = made("t", "--from", "t.csv")
    assert proposal(found, "identity") == ["content-hash"]
    assert found["notes"][0].startswith("place, kind are together no key: '")
    assert found["notes"][0].count("is there 20 times") == 2


def test_without_a_key_a_content_hash(project: Path) -> None:
    (project / "survey.csv").write_text("id,answer\n" + "1,a\n2,b\n" * 50)
    found = made("survey", "--from", "survey.csv")
    assert proposal(found, "identity") == ["content-hash"]
    assert proposal(found, "mode") == "snapshot"
    assert "'1' is there 50 times" in found["notes"][0]
    assert "'2' is there 50 times" in found["notes"][0]
    assert spec.load(project, "survey").identity.rule() == {"content": True, "except": []}


def test_a_longer_key(project: Path) -> None:
    rows = "".join(f"s{n % 4},2026-01-{n // 4 + 1:02d},{n}.5\n" for n in range(80))
    (project / "readings.csv").write_text(f"station,day,value\n{rows}")
    found = made("readings", "--from", "readings.csv")
    assert proposal(found, "identity") == ["station", "day"]


def test_a_chosen_identity_is_proved(project: Path) -> None:
    (project / "orders.csv").write_text("id,state,seq\n1,new,1\n1,paid,2\n2,new,3\n2,,4\n")
    done = new("orders", "--from", "orders.csv", "--identity", "id")
    assert done.exit_code == 2
    assert "'1' is there 2 times, '2' is there 2 times" in done.output
    assert "--version" in done.output
    assert not (project / "flows" / "orders.yaml").exists()
    for options, words in (
        (("--identity", "ids"), "did you mean 'id'?"),
        (("--identity", "state"), "1 of 4 records have no value there"),
        (("--version", "state"), "1 of 4 records have no value there"),
        (("--version", "id", "--identity", "nothing"), "no such field"),
    ):
        done = new("orders", "--from", "orders.csv", *options)
        assert done.exit_code == 2
        assert words in done.output
    found = made("orders", "--from", "orders.csv", "--identity", "id", "--version", "seq",
                 "--index", "shop-orders")  # fmt: skip
    pipeline = spec.load(project, "orders")
    assert (pipeline.index.name, pipeline.identity.rule()) == ("shop-orders", {"fields": ["id"]})
    assert pipeline.version is not None
    assert pipeline.version.rule() == {"field": "seq", "type": "integer"}
    assert proposal(found, "mode") == "upsert"


def nested(number: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "customer": {"id": f"c-{number}", "geo": {"lat": 50.5}},
        "items": [{"sku": "a", "count": 1}] * (number % 3),
        "at": "2026-01-02T03:04:05Z",
        "day": "31.12.2025",
        "mixed": number if number % 2 else "text",
        "n": None,
    }
    return found | ({"late": True} if number == 499 else {})


@pytest.mark.parametrize("form", ["ndjson", "json"])
def test_json_with_nested_fields(project: Path, form: str) -> None:
    records = [json.dumps(nested(number)) for number in range(500)]
    text = "\n".join(records) if form == "ndjson" else f"[{','.join(records)}]"
    (project / f"events.{form}").write_text(text)
    found = made("events", "--from", f"events.{form}")
    assert proposal(found, "identity") == ["customer.id"]
    assert_tested("events", 5)
    mapping = spec.load(project, "events").index.mapping
    assert mapping["customer"] == {
        "properties": {
            "id": {"type": "keyword"}, "geo": {"properties": {"lat": {"type": "double"}}},
        }
    }  # fmt: skip
    assert mapping["items"] == {
        "properties": {"sku": {"type": "keyword"}, "count": {"type": "long"}}
    }
    assert mapping["day"] == {"type": "date", "format": "dd.MM.yyyy"}
    assert (mapping["at"], mapping["late"]) == ("date", "boolean")
    assert mapping["mixed"] == {"type": "object", "enabled": False}


def test_the_beginning_of_a_script(project: Path) -> None:
    found = made("my-things", "--script")
    assert [one["name"] for one in found["files"]] == [
        "flows/my-things.yaml",
        "scripts/my_things.py",
        "tests/my-things/expected.ndjson",
    ]
    assert_tested("my-things", 3)
    assert proposal(found, "identity") == ["id"]
    assert spec.load(project, "my-things").collect.generator is not None


def test_a_script_from_elsewhere(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    script = tmp_path_factory.mktemp("elsewhere") / "station.py"
    script.write_text(
        "import datetime\n"
        "def _noise(): return 1\n"
        "def readings(days, station='north'):\n"
        "    if days > 9: raise ValueError('too many')\n"
        "    for day in range(1, days + 1):\n"
        "        yield {'station': station, 'day': datetime.date(2026, 1, day), 'tags': {'a'}}\n"
    )
    done = new("readings", "--from", str(script))
    assert done.exit_code == 2
    assert "next: the same command with --set days=..." in done.output
    done = new("readings", "--from", str(script), "--set", "days=10")
    assert "scripts/station.py:4: ValueError: too many" in done.output
    found = made("readings", "--from", str(script), "--set", "days=5")
    assert proposal(found, "identity") == ["station", "day"]
    assert (project / "scripts" / "station.py").read_text() == script.read_text()
    call = spec.load(project, "readings").collect.call
    assert call is not None
    assert call.arguments == {"days": 5}
    assert_tested("readings", 5)
    assert new("other", "--from", str(script), "--set", "days=5").exit_code == 2  # nothing is lost
    assert not (project / "flows" / "other.yaml").exists()


def test_the_test_has_few_records_and_says_so(project: Path) -> None:
    long = "x" * 30_000
    (project / "long.csv").write_text(
        f'id,text\n1,"a\nb"\n2,c\n3,{long}\n4,{long}\n5,{long}\n6,x\n'
    )
    found = made("long", "--from", "long.csv", "--encoding", "utf-8-sig")
    assert found["notes"][-1].startswith("tests/long has a copy of the first 4 records")
    assert_tested("long", 4)
    (project / "huge.csv").write_text(f"id,text\n1,{'x' * 70_000}\n2,x\n")
    found = made("huge", "--from", "huge.csv")
    assert "no test was written: the first record of huge.csv" in found["notes"][-1]
    assert [one["name"] for one in found["files"]] == ["flows/huge.yaml"]
    assert "idemflow test huge --update" in found["notes"][-1]
    assert not (project / "tests" / "huge").exists()
    found = made("quiet", "--from", "huge.csv", "--no-test")
    assert found["notes"] == []
    (project / "tests" / "own").mkdir()
    found = made("own", "--from", "long.csv")
    assert "left as it is" in found["notes"][-1]
    assert [*(project / "tests" / "own").iterdir()] == []


def test_the_beginning_of_utf_16(project: Path) -> None:
    """What is cut off at 64 KB is the middle of nothing; blank lines count for nothing."""
    rows = "".join(f"{n};{'ä' * 10_000}\n" for n in range(9))
    (project / "wide.csv").write_text(f"id;text\n{rows}", encoding="utf-16")
    found = made("wide", "--from", "wide.csv")
    assert "a copy of the first 3 records" in found["notes"][-1]
    assert_tested("wide", 3)
    lines = "".join(f'\n{{"id": {n}}}\n' for n in range(9))
    (project / "gaps.ndjson").write_text(lines)
    made("gaps", "--from", "gaps.ndjson")
    assert_tested("gaps", 5)


@pytest.mark.parametrize("end", ["", "never"])
def test_of_many_or_changing_records_the_test_has_a_sample(project: Path, end: str) -> None:
    """A function without an end, or whose result changes, is not called in the test."""
    numbers = "itertools.count()" if end else "range(3)"
    (project / "ticks.py").write_text(
        "import itertools, uuid\n"
        "def ticks():\n"
        f"    for n in itertools.islice({numbers}, 1000):\n"
        "        yield {'id': str(uuid.uuid4()), 'n': n}\n"
    )
    made("ticks", "--from", "ticks.py")
    assert (project / "tests" / "ticks" / "sample.ndjson").is_file()
    assert_tested("ticks", 5 if end else 3)


@pytest.mark.parametrize(
    ("name", "content", "options", "words"),
    [
        ("a.csv", "", (), "is empty"),
        ("a.csv", "id,name\n", (), "a header and no record"),
        ("a.csv", "id,id\n1,2\n", (), "the column 'id' twice"),
        ("a.csv", "id,\n1,2\n", (), "a column without a name"),
        ("a.csv", "id\n1\n", ("--encoding", "utf-9"), "no encoding"),
        ("a.ndjson", "{\n", (), "the data cannot be read"),
        ("a.ndjson", "", (), "has no record"),
        ("a.json", "[]", (), "has no record"),
        ("a.json", "[1, 2]", (), "has no record"),
        ("a.parquet", "", (), "neither a file"),
        ("a.py", "def f(:\n", (), "is not Python"),
        ("a.py", "import nothing_like_it\ndef f(): yield 1\n", (), "ModuleNotFoundError"),
        ("a.py", "def f(): yield 1\ndef g(): yield 1\n", (), "no single function"),
        ("a.py", "def f(): return None\n", (), "gives no records"),
        ("a.py", "def f(): return []\n", (), "gives no record"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(
    project: Path, name: str, content: str, options: tuple[str, ...], words: str
) -> None:
    (project / name).write_text(content)
    done = new("thing", "--from", name, *options)
    assert done.exit_code == 2, done.output
    assert words in done.output
    assert "Traceback" not in done.output
    assert [*(project / "flows").iterdir()] == []


def test_where_it_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "one of --from" in new("thing").output
    assert "cannot be read: No such file" in new("thing", "--from", "none.csv").output
    assert "cannot be the name" in new("Thing", "--script").output
    (project / "flows" / "thing.yaml").touch()
    assert "there is a pipeline 'thing' already" in new("thing", "--script").output
    outside = project / "outside"
    outside.mkdir()
    (project / "flows" / "thing.yaml").unlink()
    (project / "flows").rmdir()
    monkeypatch.chdir(outside)
    assert "next: idemflow init" in new("thing", "--script").output


def test_a_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """70 MB, with a memory of 64: its keys are proved to differ all the same."""
    file = tmp_path / "many.csv"
    filler = "x" * 460
    with file.open("w") as stream:
        stream.write("id,payload\n")
        stream.writelines(f"key-{n:07d},{filler}\n" for n in range(150_000))
    with duck.connection("64MB") as db:
        from idemflow.profile import keys  # noqa: PLC0415
        from idemflow.sources.files import look  # noqa: PLC0415

        found = look._found(db, tmp_path, Origin(str(file), "many"))
        assert found.data.records == 150_000
        best = keys.find(found.data).best
        (peak,) = db.execute(
            "SELECT sum(memory_usage_bytes) FROM duckdb_memory()"
        ).fetchall()[0]  # fmt: skip
    assert best is not None
    assert best.value == ("id",)
    assert peak <= 64 << 20


def on_a_terminal(project: Path, answers: str, *arguments: str) -> tuple[int, str]:
    master, slave = pty.openpty()
    os.write(master, answers.encode())
    done = subprocess.run(
        [sys.executable, "-m", "idemflow", "new", *arguments],
        env={**os.environ, "IDEMFLOW_PROJECT": str(project)}, cwd=project,
        stdin=slave, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(slave)
    os.close(master)
    return done.returncode, done.stdout + done.stderr


def test_it_asks_on_a_terminal(project: Path) -> None:
    (project / "orders.csv").write_text("id,state,seq\n1,new,1\n1,paid,2\n2,new,3\n")
    answers = "id\nnone\norders\n" + "state seq\nnone\nshop\n" + "n\n"
    code, told = on_a_terminal(project, answers, "orders", "--from", "orders.csv")
    assert code == 0, told
    assert "identity (fields, or content-hash) [seq]" in told
    assert "'1' is there 2 times" in told
    pipeline = spec.load(project, "orders")
    assert pipeline.identity.rule() == {"fields": ["state", "seq"]}
    assert (pipeline.version, pipeline.index.name) == (None, "shop")
    assert "copy the first records into tests/orders, which is to be committed" in told
    assert not (project / "tests").exists()
    code, told = on_a_terminal(project, "\n" * 4, "more", "--from", "orders.csv")
    assert code == 0, told
    assert "tests/more has a copy of the first 3 records" in told
    assert_tested("more", 3)
    # Where the identity is another than it proposes, Enter takes the version that it proposes.
    days = "".join(f"{n // 2},{n},2026-01-{n + 1:02d}T00:00:00Z\n" for n in range(9))
    (project / "days.csv").write_text(f"id,size,changed_at\n{days}")
    code, told = on_a_terminal(project, "id\n\n\n", "days", "--from", "days.csv", "--no-test")
    assert (code, "tests/days" in told) == (0, False), told
    pipeline = spec.load(project, "days")
    assert pipeline.identity.rule() == {"fields": ["id"]}
    assert pipeline.version is not None


def test_a_password_is_written_nowhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from idemflow.sources.sql import look  # noqa: PLC0415

    target: Callable[..., Any] = look._target
    found = target(resolve(), "postgresql://reader:geh%20eim@db.example.com:5433/My%20Shop?"
                              "sslmode=require&password=other")  # fmt: skip
    assert (found.name, found.login["password"]) == ("my-shop", "geh eim")
    connected = SimpleNamespace(
        info=SimpleNamespace(user="reader", password="geh eim"),
        pgconn=SimpleNamespace(used_password=True),
    )
    configured = look._configured(found, cast(Any, connected))
    assert configured.settings.splitlines() == [
        "[databases.my-shop]",
        'url = "jdbc:postgresql://db.example.com:5433/My%20Shop?sslmode=require"',
        'username = "reader"',
        'password_env = "MY_SHOP_PASSWORD"',
    ]
    assert configured.before == ("export MY_SHOP_PASSWORD=...   # the password of reader",)
    (project / "idemflow.toml").write_text(configured.settings)
    monkeypatch.setenv("MY_SHOP_PASSWORD", "x")
    again = target(resolve(), "postgresql://reader:geheim@db.example.com:5433/My%20Shop?"
                              "sslmode=require")  # fmt: skip
    assert again.new_url is None
    known = look._configured(again, cast(Any, connected))
    assert (known.settings, known.before) == ("", ())
    assert known.databases[0].password == "geh eim"  # which this command was let in with
    monkeypatch.delenv("MY_SHOP_PASSWORD")
    lacking = target(resolve(), "postgresql://reader:x@db.example.com:5433/My%20Shop?"
                                "sslmode=require")  # fmt: skip
    assert look._configured(lacking, cast(Any, connected)).before == configured.before
    done = new("t", "--from", "postgresql://u:geheim@127.0.0.1:1/x", "--table", "t")
    assert done.exit_code == 2
    assert "cannot be read" in done.output
    assert "geheim" not in done.output

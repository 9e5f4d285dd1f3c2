"""Files of a watched directory, on the running servers."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from idemflow.canvas import client, control, monitoring, process_groups
from tests.integration.tools import (
    ROOT,
    Idemflow,
    Project,
    is_as_previewed,
    readable_folder,
    wait_until,
)
from tests.integration.watched import Source

pytestmark = pytest.mark.timeout(420)


@pytest.fixture
def source(
    idemflow: Idemflow, project: Project, shared_folder: Path, request: pytest.FixtureRequest
) -> Source:
    name = request.node.name.removeprefix("test_").replace("_", "-")
    return Source(idemflow, project, name[:60], shared_folder)


@contextmanager
def growing(file: Path) -> Iterator[None]:
    """A file that another program writes to the whole time."""
    stop = threading.Event()

    def write() -> None:
        with file.open("ab", buffering=0) as stream:
            while not stop.wait(0.005):
                stream.write(b'{"id":"late"}\n')

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_the_ready_pipeline(idemflow: Idemflow, project: Project, shared_folder: Path) -> None:
    shutil.copytree(ROOT / "examples/products", shared_folder, dirs_exist_ok=True)
    (project.path / "flows").mkdir()
    shutil.copy(ROOT / "flows/files.yaml", project.path / "flows")
    project.change(
        "files", "directory: examples/products", f"directory: {json.dumps(str(shared_folder))}"
    )
    source = Source(idemflow, project, "files", shared_folder)
    source.command.ok("deploy", "files")  # the canvas may have it for another folder

    report = source.run()
    assert (report["sent"], report["created"], report["dead_letters"]) == (80, 65, 0)
    assert (report["repeated"], report["collisions"], report["overwritten"]) == (15, 15, 0)
    assert source.run()["sent"] == 0
    assert is_as_previewed(source.command, "files", "products")

    # Under another name, and after newer ones: the versions know better.
    (shared_folder / "2026-10.csv").rename(shared_folder / "dropped again.csv")
    report = source.run()
    assert (report["sent"], report["created"], report["stale"]) == (60, 0, 15)
    assert source.equal()

    forgotten = source.command.ok("source", "reset", "files").stdout
    assert "the next run reads everything" in forgotten
    assert source.run()["sent"] == 80

    ledger = idemflow.ledger()
    products = dict(ledger.documents("products"))
    ledger.close()
    assert len(products) == 65
    assert products["P-1015"] == {
        "sku": "P-1015", "name": "Cobalt backpack", "category": "travel", "price": 76.67,
        "stock": 20, "available": True, "note": "", "updated_at": "2026-11-03T06:30:00Z",
    }  # fmt: skip
    assert "\n" in products["P-1014"]["note"]
    assert idemflow.inside(project.path).json("source", "show", "files")["states"]


def test_csv_with_bad_lines(source: Source) -> None:
    source.describe("pattern: '**/*.csv', format: csv, csv: {types: {n: integer, x: number}}")
    source.write(
        "a.csv",
        b'id,n,x,text\r\n1,7,1.50,Zo\xc3\xab \xf0\x9f\x98\x80\r\n2,seven,,\r\n3,8\r\n'
        b'4,,12345678901234567890.5,"two\r\nlines"\r\n5,9,,K\xf6ln\r\n6,10,,last',
    )  # fmt: skip
    source.write("sub/b.csv", "id,n,n\n1,2,3\n")
    source.write("sub/c.csv.gz", gzip.compress(b"id,n,x,text\n7,1,2.5,packed\n"))
    report = source.run()
    assert (report["sent"], report["created"], report["dead_letters"]) == (8, 4, 4)
    assert source.letters() == [
        ("a.csv", "3", "line 3: n: 'seven' is not an integer (such as 12 or -3)"),
        ("a.csv", "4", "line 4: 2 fields, where the header has 4"),
        ("a.csv", "7", "line 7: it is not utf-8"),
        ("sub/b.csv", "1", "line 1: the header has the column 'n' more than once; "
         "without its header the file is not read"),
    ]  # fmt: skip
    found = source.documents()
    assert found["1"] == {"id": "1", "n": 7, "x": 1.5, "text": "Zoë 😀"}
    assert found["4"] == {
        "id": "4", "n": None, "x": 12345678901234567890.5, "text": "two\r\nlines",
    }  # fmt: skip
    assert sorted(found) == ["1", "4", "6", "7"]
    assert source.run()["sent"] == 0
    assert source.equal()


def test_json_lines_with_bad_lines(
    idemflow: Idemflow, project: Project, shared_folder: Path
) -> None:
    source = Source(idemflow, project, "files-lines", shared_folder)
    source.describe("format: ndjson", "load: {batch: 5000}\n")
    source.write(
        "a.ndjson",
        b'\xef\xbb\xbf{"id":1,"big":9007199254740993}\n\n{"id":2,\n["id",3]\n{"name":"no id"}\n'
        b'{"id":"K\xf6ln"}\r\n{ "id" : 6 , "x" : "\\u00e4" }\r\n{"id":7,"x":NaN}\n',
    )
    report = source.run()
    assert (report["sent"], report["created"], report["dead_letters"]) == (7, 2, 5)
    letters = source.letters()
    assert [(name, position) for name, position, _ in letters] == [
        ("a.ndjson", position) for position in ("3", "4", "5", "6", "8")
    ]
    for (_, _, reason), part in zip(
        letters,
        ("not JSON", "not a JSON object", "'id' is missing", "not UTF-8", "'x' is nan"),
        strict=True,
    ):
        assert part in reason
    assert source.documents() == {
        "1": {"id": 1, "big": 9007199254740993},
        "6": {"id": 6, "x": "ä"},
    }


def test_json_arrays(source: Source) -> None:
    source.describe("pattern: '*.json', format: json")
    source.write("a.json", '[\n  {"id": 1,\n   "x": [{"y": "]"}]},\n  7,\n  {"id": 3}\n]\n')
    source.write("b.json", '{"id": 4}')
    source.write("c.json", '[{"id": 5},\n {"id": 6,}, {"id": 7}]')
    source.write("d.json.gz", gzip.compress(b'[{"id":8}]')[:-6])
    source.write("e.json", f'[{{"id":9}}, {{"id":10, "x":"{"y" * (40 << 20)}"}}, {{"id":11}}]')
    report = source.run()
    assert (report["sent"], report["dead_letters"]) == (11, 4)
    assert sorted(source.documents()) == ["1", "11", "3", "4", "5", "8", "9"]
    (second, broken, cut, long) = source.letters()
    assert long[:2] == ("e.json", "2")
    assert long[2].startswith("element 2 (line 1) is longer than 20 MB: it has 41,943,")
    assert second == ("a.json", "2", "element 2 (line 4) is a number, not an object")
    assert broken[:2] == ("c.json", "2")
    assert broken[2].startswith("line 2: element 2 is not JSON: ")
    assert cut == (
        "d.json.gz", "1", "d.json.gz is cut off: nothing can be unzipped after position 1",
    )  # fmt: skip


def test_a_file_that_nifi_may_not_read(source: Source) -> None:
    source.describe("format: ndjson")
    source.write("a.ndjson", '{"id":1}')
    secret = source.write("b.ndjson", '{"id":2}')
    secret.chmod(0)
    (source.data / "c.ndjson").symlink_to("/etc/passwd")
    os.mkfifo(source.data / "d.ndjson")
    report = source.run()
    assert (report["sent"], report["created"], report["dead_letters"]) == (3, 1, 2)
    denied, link = source.letters()
    assert denied[2].startswith("b.ndjson cannot be read: permission denied to NiFi (user id ")
    assert link[2] == "c.ndjson cannot be read: it is a link that leads out of the directory"
    secret.chmod(0o644)
    assert source.run()["created"] == 1


def test_a_directory_that_is_not_there(source: Source) -> None:
    source.data /= "inbox"
    source.data.mkdir(mode=0o755)
    source.describe("format: ndjson")
    source.command.json("deploy", source.name)
    source.data.rmdir()
    assert f"{source.data} is no" in source.command.fail("run", source.name).stderr

    # On its own schedule NiFi finds that out by itself.
    client.connect(source.command.target().nifi)
    group = process_groups.find_id(source.name)
    control.start_steps(group)
    control.run_once(group)
    said = f": CannotCollect: there is no directory {source.data}: make it, or fix collect.files"
    wait_until(
        lambda: any(said in item.message for item in monitoring.bulletins(group)), "a bulletin"
    )
    source.data.mkdir(mode=0o755)
    source.write("a.ndjson", '{"id":1}')
    # The run that failed goes on by itself.
    wait_until(lambda: monitoring.activity(group).queued == 0, "the run goes on")
    wait_until(lambda: [*source.documents()] == ["1"], "its record arrives")


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, where that can be had: a busy disk would hold up a program that writes
    all the time for longer than a file is read."""
    shared_memory = Path("/dev/shm")
    with readable_folder(shared_memory if shared_memory.is_dir() else None) as folder:
        yield folder


def test_a_file_that_is_being_written(source: Source, memory: Path) -> None:
    source.data = memory
    source.describe("format: ndjson")
    lines = "".join(f'{{"id":{number}}}\n' for number in range(200_000))
    file = source.write("a.ndjson", lines)
    source.write("b.ndjson.part", '{"id":"half')
    source.write("c.ndjson", '{"id":"c"}')
    with growing(file):
        report = source.run()
    assert (report["sent"], report["created"]) == (1, 1)
    source.write("a.ndjson", '{"id":"a"}')
    assert source.run()["sent"] == 1
    assert sorted(source.documents()) == ["a", "c"]


def test_a_quiet_time_is_waited_for(source: Source) -> None:
    source.describe("format: ndjson, quiet: 4 s")
    source.command.json("deploy", source.name)
    source.write("a.ndjson", '{"id":"a"}')
    assert source.run()["sent"] == 1


def test_a_snapshot_of_files(source: Source) -> None:
    source.describe("format: csv", "mode: snapshot\n")
    source.project.change(source.name, "identity: id", "identity: {fields: id, unique: allow}")
    gone = source.write("a.csv", "id\n1\n2\n")
    source.write("b.csv", "id\n2\n3\n")
    assert source.run()["sent"] == 4
    assert sorted(source.documents()) == ["1", "2", "3"]
    gone.unlink()
    assert source.run()["sent"] == 2
    assert sorted(source.documents()) == ["2", "3"]
    source.write("b.csv", "id\n4\n").chmod(0)
    problem = source.command.fail("run", source.name).stderr
    assert "b.csv cannot be read: permission denied" in problem
    assert "this run needs all files" in problem
    assert sorted(source.documents()) == ["2", "3"]


def test_of_two_files_the_newer_wins_whenever_it_is_read(
    idemflow: Idemflow, project: Project, shared_folder: Path
) -> None:
    """The older one comes late: as after an outage of its part, or a copy that keeps times."""
    source = Source(idemflow, project, "files-newer", shared_folder)
    source.describe("format: ndjson", "load: {batch: 5000}\n")
    newer = source.write("b.ndjson", '{"id":1,"x":"new"}\n{"id":1,"x":"newest"}\n')
    assert source.run()["created"] == 1
    older = source.write("a.ndjson", '{"id":1,"x":"old"}\n{"id":2,"x":"old"}\n')
    hour = newer.stat().st_mtime - 3600
    os.utime(older, (hour, hour))
    report = source.run()
    assert (report["sent"], report["created"], report["stale"]) == (2, 1, 1)
    wanted = {"1": {"id": 1, "x": "newest"}, "2": {"id": 2, "x": "old"}}
    assert source.documents() == wanted
    # Everything again: the same documents.
    source.command.ok("source", "reset", source.name)
    source.run()
    assert source.documents() == wanted
    # Changed in place, it is the newest.
    source.write("a.ndjson", '{"id":1,"x":"changed"}\n')
    source.run()
    assert source.documents()["1"]["x"] == "changed"
    assert source.equal()
    # Where what is sent last is to win, the YAML says so. Of two files in one run that is chance.
    source.describe("format: ndjson, newer_wins: false", "load: {batch: 5000}\n")
    source.command.ok("deploy", source.name)
    older.unlink()
    again = source.write("b.ndjson", '{"id":1,"x":"put back"}\n')
    os.utime(again, (hour, hour))
    source.run()
    assert source.documents()["1"]["x"] == "put back"
    assert source.equal()


def test_a_dead_letter_of_an_older_file_stays_behind_a_newer_one(source: Source) -> None:
    """A letter without an id, which the newer record does not take away."""
    (source.project.path / "scripts").mkdir()
    script = source.project.path / "scripts/number.py"
    script.write_text("def number(record):\n    return record | {'x': int(record['x'])}\n")
    source.describe("format: ndjson", "transform: {script: scripts/number.py, function: number}\n")
    source.write("a.ndjson", '{"id":1,"x":"7 old"}\n{"id":2,"x":"7"}\n')
    assert source.run()["dead_letters"] == 1
    source.write("b.ndjson", '{"id":1,"x":8}\n')
    assert source.run()["created"] == 1
    script.write_text(script.read_text().replace("record['x'])", "str(record['x']).split()[0])"))
    source.command.ok("deploy", source.name)
    source.command.ok("dead-letters", "replay", source.name)
    assert source.letters() == []
    assert source.documents()["1"]["x"] == 8
    assert source.equal()


def test_a_bad_record_in_an_older_and_in_a_newer_file(source: Source) -> None:
    """The letter is that of the newer file, whichever is read last, and stays until its time."""
    source.describe("format: ndjson", "load: {batch: 100}\n")
    file = source.project.path / f"flows/{source.name}.yaml"
    file.write_text(file.read_text().replace("}\nload", ", mapping: {x: integer}}\nload"))
    bad = '{"id":1,"x":"none"}\n'
    newest = source.write("newest.ndjson", bad).stat().st_mtime
    assert source.run()["dead_letters"] == 1
    assert source.letters()[0][0] == "newest.ndjson"
    for name, line, age in (("oldest", bad, 7200), ("between", '{"id":1,"x":5}\n', 3600)):
        late = source.write(f"{name}.ndjson", line)
        os.utime(late, (newest - age, newest - age))
        source.run()
        assert [letter[0] for letter in source.letters()] == ["newest.ndjson"]
    assert source.documents()["1"]["x"] == 5
    # A newer state takes it away.
    source.write("newer.ndjson", '{"id":1,"x":6}\n')
    source.run()
    assert source.letters() == []
    assert source.equal()


def test_records_and_lines_that_are_too_large(source: Source) -> None:
    """A chunk of large documents that a transform makes of small records; and lines above 20 MB."""
    (source.project.path / "scripts").mkdir()
    (source.project.path / "scripts/large.py").write_text(
        "def large(record):\n"
        "    return [dict(record, id=f\"{record['id']}-{n}\", text='x' * record['size'])\n"
        "            for n in range(record.get('times', 1))]\n"
    )
    source.describe("format: ndjson", "transform: {script: scripts/large.py, function: large}\n")
    source.write(
        "a.ndjson",
        "".join(f'{{"id":{n},"size":1000000,"times":4}}\n' for n in range(20))
        # These two begin alike.
        + f'{{"long":"{"y" * (21 << 20)}","size":1,"id":20}}\n'
        + f'{{"long":"{"y" * (21 << 20)}","size":1,"id":21}}\n'
        + f'{{"id":22,"size":{21 << 20}}}\n',
    )
    report = source.run()
    assert (report["sent"], report["created"], report["dead_letters"]) == (23, 80, 3)
    letters = source.letters()
    assert [position for _, position, _ in letters] == ["21", "22", "23"]
    assert all("is longer than 20 MB: it has 22,0" in reason for _, _, reason in letters)
    assert source.equal()


def test_a_file_larger_than_the_heap(source: Source) -> None:
    """1.3 GB, with NiFi's heap of 1 GB; a transform keeps Elasticsearch's disk out of it."""
    (source.project.path / "scripts").mkdir()
    (source.project.path / "scripts/few.py").write_text(
        "def few(record):\n    return {'id': record['id']} if record['id'] % 1000 == 0 else None\n"
    )
    source.describe("format: ndjson", "transform: {script: scripts/few.py, function: few}\n")
    count, text = 130_000, "x" * 10_000
    with gzip.open(source.data / "large.ndjson.gz", "wb", compresslevel=1) as file:
        for number in range(count):
            file.write(b'{"id":%d,"text":"%s"}\n' % (number, text.encode()))
    (source.data / "large.ndjson.gz").chmod(0o644)
    (report,) = source.command.json("run", source.name, timeout=400)["runs"]
    assert (report["sent"], report["lost"], report["dead_letters"]) == (count, 0, 0)
    assert len(source.documents()) == count // 1000

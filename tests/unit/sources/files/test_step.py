"""The Collect step of files, on real directories; NiFi runs it in tests/integration."""

import gzip
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from idemflow.sources.files import formats, step
from idemflow.sources.files.search import CannotCollect
from tests.unit.sources.files.watching import TRIGGER, Runs, Session
from tests.unit.steps.fakes import Context

pytestmark = pytest.mark.usefixtures("nifi_scope")


@pytest.fixture
def run(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_without_a_trigger_nothing_happens(tmp_path: Path) -> None:
    session = Session({})
    session.remove(session.get())
    context = Context(
        directory=str(tmp_path), pattern="*", format="csv", quiet="0", csv="{}", remember="true"
    )
    step.collect(session, context, "success", pipeline="goods", batch=1)
    assert session.at("success") == session.at("success", "run") == []


def test_chunks_say_where_their_records_come_from(run: Runs, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b'{"id":1}\n\n{"id":2}\n{"id":"\xff"}\n{"id":3}\n')
    session = run(batch=2)
    (content, attributes), (_, second) = session.chunks()
    assert content == b'{"id":1}\n{"id":2}'
    assert attributes == {
        **TRIGGER, "uuid": attributes["uuid"], "idemflow.source": "a.ndjson",
        "idemflow.positions": "1,3",
    }  # fmt: skip
    assert second["idemflow.positions"] == "5"
    assert session.letters() == [
        ("a.ndjson", "4", b'{"id":"\xff"}', "line 4 is not UTF-8 at byte 8")
    ]
    assert session.summary()["run"] == "r1"


def test_only_new_and_changed_files_are_read(run: Runs, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"id":1}\n')
    (tmp_path / "b.ndjson").write_text('{"id":2}\n')
    assert run().lines() == ['{"id":1}', '{"id":2}']
    assert run().lines() == []
    with (tmp_path / "a.ndjson").open("a") as file:
        file.write('{"id":3}\n')
    assert run().lines() == ['{"id":1}', '{"id":3}']
    os.utime(tmp_path / "b.ndjson", ns=(1, 1))
    assert run().lines() == ['{"id":2}']
    (tmp_path / "b.ndjson").rename(tmp_path / "c.ndjson")
    session = run()
    assert session.lines() == ['{"id":2}']
    assert sorted(session.state) == ["a.ndjson", "c.ndjson"]


def test_files_are_read_again_when_they_are_to_be_read_in_another_way(
    run: Runs, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("id,price\n1,2.50\n")
    assert run("*.csv", "csv").lines() == ['{"id":"1","price":"2.50"}']
    typed = {"csv_options": {"types": {"price": "number"}}}
    assert run("*.csv", "csv", **typed).lines() == ['{"id":"1","price":2.50}']
    assert run("*.csv", "csv", **typed).lines() == []


def test_the_oldest_file_is_read_first(run: Runs, tmp_path: Path) -> None:
    for name, seconds in (("a", 3), ("b", 1), ("c", 2), ("d", 1)):
        (tmp_path / f"{name}.ndjson").write_text(f'{{"id":"{name}"}}')
        os.utime(tmp_path / f"{name}.ndjson", (seconds, seconds))
    assert [json.loads(line)["id"] for line in run().lines()] == ["b", "d", "c", "a"]


def test_a_file_that_changed_just_now_is_read_once_it_is_quiet(run: Runs, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"id":1}\n')
    began = time.monotonic()
    assert run(quiet_seconds=0.5).lines() == ['{"id":1}']
    assert 0.3 < time.monotonic() - began < 5


def test_a_file_that_does_not_become_quiet_is_left_to_the_next_run(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.ndjson"
    file.write_text('{"id":1}\n')
    os.utime(file, (1, 1))  # as a copy that keeps the times has it
    (tmp_path / "b.ndjson").write_text('{"id":2}\n')
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        (tmp_path / "b.ndjson").unlink()

    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", sleep)
        session = run(quiet_seconds=3600)
    assert slept == [step.PATIENCE_SECONDS]
    assert session.lines() == []
    assert session.state == {}
    assert run().lines() == ['{"id":1}']


@pytest.mark.parametrize("hours", [-0.5, 0.5])
def test_a_clock_that_was_set_back_or_ahead_keeps_no_file_from_being_read(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    (tmp_path / "a.ndjson").write_text('{"id":1}\n')
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + hours * 3600)
    assert run(quiet_seconds=0.2).lines() == ['{"id":1}']
    # While the file is waited for, the clock goes back.
    (tmp_path / "b.ndjson").write_text('{"id":2}\n')

    def sleep(_: float) -> None:
        monkeypatch.setattr(time, "time", lambda: right() - 3600)

    monkeypatch.setattr(time, "time", right)
    monkeypatch.setattr(time, "sleep", sleep)
    assert run(quiet_seconds=0.2).lines()[-1] == '{"id":2}'


def test_a_run_of_all_files_reads_what_was_read_before(run: Runs, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"id":1}\n')
    assert run().state != {}
    for _ in range(2):
        session = run(remember=False)
        assert session.lines() == ['{"id":1}']
        assert session.state == {}


@pytest.mark.parametrize("problem", ["changing", "unreadable", "changed", "unusable"])
def test_a_run_of_all_files_reads_all_or_none(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    file = tmp_path / "a.ndjson"
    file.write_text('{"id":1}\n')
    (tmp_path / "b.ndjson").write_text('{"id":2}\n')
    options: dict[str, Any] = {}
    if problem == "changing":
        options = {"quiet_seconds": 3600}
        monkeypatch.setattr(time, "sleep", lambda _: None)
        message = "a.ndjson changed less than 3600 s ago|b.ndjson changed less than 3600 s ago"
    elif problem == "unreadable":
        (tmp_path / "c.ndjson").symlink_to("/etc/passwd")
        message = "c.ndjson cannot be read: it is a link that leads out of the directory"
    elif problem == "changed":

        def growing(stream: Any) -> Any:
            yield from formats.read_ndjson(stream)
            os.utime(file, (1, 1))

        monkeypatch.setattr(step, "read_ndjson", growing)
        message = "a.ndjson changed while it was read"
    else:
        monkeypatch.setattr(step, "UNUSABLE_A_RUN", 1)
        file.write_bytes(b"\xff")
        os.utime(file, (1, 1))
        message = "1 records of the files before b.ndjson cannot be used"
    with pytest.raises(CannotCollect, match=f"(?:{message}), and this run needs all files"):
        run(remember=False, **options)


def test_a_file_that_changes_while_it_is_read_is_taken_back(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.ndjson"
    file.write_text('{"id":1}\n{"id":2}\n')
    (tmp_path / "b.ndjson").write_text('{"id":3}\n')

    def growing(stream: Any) -> Any:
        for record in formats.read_ndjson(stream):
            if record[1] == '{"id":2}':
                with file.open("a") as more:
                    more.write('{"id":')
            yield record

    with monkeypatch.context() as patched:
        patched.setattr(step, "read_ndjson", growing)
        session = run(batch=1)
    assert session.lines() == ['{"id":3}']
    assert [*session.state] == ["b.ndjson"]
    file.write_text('{"id":1}\n{"id":2}\n{"id":4}\n')
    assert run().lines() == ['{"id":1}', '{"id":2}', '{"id":4}']


def test_a_disk_that_fails_takes_the_file_back(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.ndjson").write_text('{"id":1}\n{"id":2}\n')

    def failing(stream: Any) -> Any:
        yield next(formats.read_ndjson(stream))
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(step, "read_ndjson", failing)
        session = run(batch=1)
    assert session.lines() == []
    assert session.letters()[0][3] == "a.ndjson cannot be read: Input/output error"
    assert run().lines() == ['{"id":1}', '{"id":2}']


def test_gzip_goes_by_the_name(run: Runs, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(b'{"id":1}\n{"id":2}\n'))
    assert run().lines() == ['{"id":1}', '{"id":2}']


@pytest.mark.parametrize("damage", ["cut off", "no gzip", "garbage behind", "garbled"])
def test_a_damaged_gzip_gives_what_precedes_the_damage(
    run: Runs, tmp_path: Path, damage: str
) -> None:
    # The same each time: what 200 zeros in the middle are unzipped to depends on what is before.
    chance = random.Random(4)
    lines = [f'{{"id":{one},"random":"{chance.randbytes(20).hex()}"}}' for one in range(50_000)]
    data = gzip.compress("".join(f"{line}\n" for line in lines).encode())
    middle = len(data) // 2
    (tmp_path / "a.ndjson.gz").write_bytes(
        {
            "cut off": data[:middle],
            "no gzip": b"not a gzip at all",
            "garbage behind": data + b"garbage",
            "garbled": data[:middle] + bytes(200) + data[middle + 200 :],
        }[damage]
    )
    session = run()
    found = session.lines()
    [(source, position, content, reason)] = session.letters()[-1:]
    assert (source, content) == ("a.ndjson.gz", b"a.ndjson.gz")
    assert reason is not None
    assert reason.startswith(
        "a.ndjson.gz is cut off: " if damage == "cut off" else "a.ndjson.gz is damaged ("
    )
    assert reason.endswith(f"nothing can be unzipped after position {position}")
    if damage == "no gzip":
        assert found == []
    elif damage == "garbage behind":
        assert found == lines
    else:
        assert 10_000 < len(found) < 40_000
        assert found[:10_000] == lines[:10_000]
    assert run().summary()["records"] == 0  # it does not get better by reading it again


def test_an_encoding_that_breaks_off_gives_what_precedes_it(run: Runs, tmp_path: Path) -> None:
    data = "a\n1\n".encode("utf-16-le") + b"\x00\xdc"
    (tmp_path / "a.csv").write_bytes(data + "2\n".encode("utf-16-le"))
    session = run("*.csv", "csv", csv_options={"encoding": "utf-16-le"})
    [(_, _, content, reason)] = session.letters()
    assert content == b"a.csv"
    assert str(reason).startswith("a.csv is not utf-16-le after position ")


def test_a_file_that_is_something_else_is_given_up(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "UNUSABLE_AT_FIRST", 5)
    (tmp_path / "a.csv").write_text("id,n\n0,1\n" + "1,x\n" * 100)
    session = run("*.csv", "csv", csv_options={"types": {"n": "integer"}})
    assert session.lines() == ['{"id":"0","n":1}']
    letters = session.letters()
    assert len(letters) == 6
    assert letters[-1] == (
        "a.csv", "7", b"a.csv",
        "a.csv: 5 of 6 records cannot be used, so what follows is not read; it is when the file "
        "or the YAML is fixed",
    )  # fmt: skip
    assert [*session.state] == ["a.csv"]


def test_few_bad_lines_among_good_ones_do_not_end_a_file(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "UNUSABLE_AT_FIRST", 5)
    (tmp_path / "a.csv").write_text("id,n\n" + "0,1\n1,x\n2,2\n" * 100)
    session = run("*.csv", "csv", csv_options={"types": {"n": "integer"}})
    assert (len(session.lines()), len(session.letters())) == (200, 100)


def test_after_too_many_bad_lines_the_other_files_wait(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "UNUSABLE_A_RUN", 3)
    for name in "abc":
        (tmp_path / f"{name}.ndjson").write_bytes(b"\xff\n\xff\n")
        os.utime(tmp_path / f"{name}.ndjson", (1, 1))
    assert [letter[0] for letter in run().letters()] == ["a.ndjson"] * 2 + ["b.ndjson"] * 2
    assert [letter[0] for letter in run().letters()] == ["c.ndjson"] * 2


def test_the_step_reads_its_properties(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id;n\n1;2\n")
    session = Session({})
    known = {
        "directory": str(tmp_path), "pattern": "*.csv", "format": "csv", "quiet": "0",
        "csv": '{"delimiter":";","types":{"n":"integer"}}', "remember": "true",
    }  # fmt: skip
    step.collect(session, Context(**known), "success", pipeline="goods", batch=10)
    assert session.lines() == ['{"id":"1","n":2}']
    assert session.state.keys() == {"a.csv"}


def test_a_newer_file_has_the_later_time(run: Runs, tmp_path: Path) -> None:
    (tmp_path / "b.ndjson").write_text('{"id":1}\n')
    os.utime(tmp_path / "b.ndjson", ns=(0, 5_000_000))
    for name in ("c.ndjson", "a.ndjson"):
        (tmp_path / name).write_text('{"id":1}\n')
        os.utime(tmp_path / name, ns=(0, 7_000_001))
    found = [known for _, known in run(newer_wins=True).chunks()]
    assert [(one["idemflow.source"], one["idemflow.modified"]) for one in found] == [
        ("b.ndjson", "5"),
        ("a.ndjson", "7"),
        ("c.ndjson", "8"),
    ]
    # A file that was read before counts for the time of one that comes later.
    (tmp_path / "d.ndjson").write_text('{"id":1}\n')
    os.utime(tmp_path / "d.ndjson", ns=(0, 7_000_001))
    ((_, known),) = run(newer_wins=True).chunks()
    assert known["idemflow.modified"] == "9"
    ((_, known), *_) = run(newer_wins=False, index="another").chunks()
    assert "idemflow.modified" not in known


def test_a_file_of_the_future_counts_as_of_now() -> None:
    now = 1_700_000_000_000
    late = 2**63 - 1
    found = [(late, "z"), (late, "y"), (-5, "old"), (1_500, "small")]
    assert step.in_order(found, now) == {"old": 0, "small": 1, "y": now, "z": now + 1}


def test_a_file_keeps_its_time_where_the_clock_was_set_back() -> None:
    time_of_a, time_of_b = 1_700_000_000_000, 1_700_000_000_900
    now = time_of_a - 40 * 60 * 1000
    found = [(time_of_a * 1_000_000, "a"), (time_of_b * 1_000_000, "b")]
    assert step.in_order(found, now) == {"a": time_of_a, "b": time_of_b}


def test_what_is_read_for_another_index_is_read_anew(run: Runs, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"id":1}\n')
    log = Log()
    assert run(index="one", log=log).lines() == ['{"id":1}']
    assert run(index="one", log=log).lines() == []
    assert log.said == []
    assert run(index="two", log=log).lines() == ['{"id":1}']
    (said,) = log.said
    assert "the files that were read so far are read anew" in said


class Log:
    """A processor's log."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)

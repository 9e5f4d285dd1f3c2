"""The Collect step of files, on real directories; NiFi runs it in tests/integration."""

import ast
import gzip
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from idemflow import steps
from idemflow.steps import file_formats, files
from idemflow.steps.file_search import CannotCollect, WatchedDirectory

SUCCESS = object()


class FlowFile:
    """A FlowFile of the fake session."""

    def __init__(self, attributes: dict[str, str]) -> None:
        self.attributes = attributes
        self.content = b""

    def getAttribute(self, name: str) -> str | None:  # noqa: N802
        return self.attributes.get(name)


class Content:
    """The stream that writes a FlowFile's content."""

    def __init__(self, flow_file: FlowFile) -> None:
        self._flow_file = flow_file

    def __enter__(self) -> "Content":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, content: bytes) -> None:
        self._flow_file.content = content


class Session:
    """What the step uses of a ProcessSession, with the rules that NiFi has for it.

    Attributes:
        state: the component's state.
        sent: what was transferred.
        open: FlowFiles that were neither transferred nor removed; NiFi refuses to commit those.
    """

    def __init__(self, state: dict[str, str] | None = None) -> None:
        self.state = state or {}
        self.sent: list[FlowFile] = []
        trigger = {"idemflow.run": "r1", "idemflow.started": "now", "idemflow.arguments": "{}"}
        self.trigger: FlowFile | None = FlowFile({"idemflow.pipeline": "goods", **trigger})
        self.open: list[FlowFile] = [self.trigger] if self.trigger else []

    def get(self) -> FlowFile | None:
        return self.trigger

    def create(self, parent: FlowFile) -> FlowFile:
        made = FlowFile(dict(parent.attributes))
        self.open.append(made)
        return made

    def write(self, flow_file: FlowFile) -> Content:
        return Content(flow_file)

    def putAllAttributes(self, flow_file: FlowFile, attributes: dict[str, str]) -> FlowFile:  # noqa: N802
        flow_file.attributes |= attributes
        return flow_file

    def transfer(self, flow_files: FlowFile | list[FlowFile], relationship: object) -> None:
        assert relationship is SUCCESS
        for one in flow_files if isinstance(flow_files, list) else [flow_files]:
            self.open.remove(one)
            self.sent.append(one)

    def remove(self, flow_files: FlowFile | list[FlowFile]) -> None:
        for one in flow_files if isinstance(flow_files, list) else [flow_files]:
            self.open.remove(one)

    def getState(self, scope: str) -> "Session":  # noqa: N802
        assert scope == "LOCAL"
        return self

    def toMap(self) -> dict[str, str]:  # noqa: N802
        return dict(self.state)

    def setState(self, state: dict[str, str], scope: str) -> None:  # noqa: N802
        assert scope == "LOCAL"
        self.state = dict(state)

    def summary(self) -> Any:
        """The summary of the run, of which there is one."""
        [one] = [f for f in self.sent if f.getAttribute("idemflow.kind") == "run"]
        return json.loads(one.content)

    def lines(self) -> list[str]:
        """The records of all chunks."""
        sent = [f for f in self.sent if f.getAttribute("idemflow.positions")]
        return [line for f in sent for line in f.content.decode().split("\n")]

    def letters(self) -> list[tuple[str | None, str | None, bytes, str | None]]:
        """Source, position, content and reason of what is unusable."""
        return [
            (
                f.getAttribute("idemflow.source"),
                f.getAttribute("idemflow.position"),
                f.content,
                f.getAttribute("idemflow.reason"),
            )
            for f in self.sent
            if f.getAttribute("idemflow.reason")
        ]


Run = Callable[..., Session]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the step on ``tmp_path``, with the state that the run before left."""
    state: dict[str, str] = {}

    def go(pattern: str = "*.ndjson", file_format: str = "ndjson", **options: Any) -> Session:
        session = Session(dict(state))
        known: dict[str, Any] = {
            "directory": str(tmp_path), "quiet_seconds": 0, "csv_options": {}, "batch": 1000,
            "pipeline": "goods", "scope": "LOCAL",
        }  # fmt: skip
        files.collect_files(
            session, SUCCESS, pattern=pattern, file_format=file_format, **known | options
        )
        assert session.open == []
        assert session.summary()["records"] == len(session.lines()) + len(session.letters())
        state.clear()
        state.update(session.state)
        return session

    return go


def test_without_a_trigger_nothing_happens(tmp_path: Path) -> None:
    session = Session()
    session.trigger, session.open = None, []
    files.collect_files(
        session, SUCCESS, scope="LOCAL", pipeline="goods", directory=str(tmp_path), pattern="*",
        file_format="csv", quiet_seconds=0, csv_options={}, batch=1,
    )  # fmt: skip
    assert session.sent == []


def test_chunks_say_where_their_records_come_from(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b'{"id":1}\n\n{"id":2}\n{"id":"\xff"}\n{"id":3}\n')
    session = run(batch=2)
    first, second = (f for f in session.sent if f.getAttribute("idemflow.positions"))
    assert first.content == b'{"id":1}\n{"id":2}'
    assert first.attributes == {
        "idemflow.pipeline": "goods", "idemflow.run": "r1", "idemflow.started": "now",
        "idemflow.arguments": "{}", "idemflow.source": "a.ndjson", "idemflow.positions": "1,3",
    }  # fmt: skip
    assert second.attributes["idemflow.positions"] == "5"
    assert session.letters() == [
        ("a.ndjson", "4", b'{"id":"\xff"}', "line 4 is not UTF-8 at byte 8")
    ]
    assert session.summary()["run"] == "r1"


def test_only_new_and_changed_files_are_read(run: Run, tmp_path: Path) -> None:
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
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("id,price\n1,2.50\n")
    assert run("*.csv", "csv").lines() == ['{"id":"1","price":"2.50"}']
    typed = {"csv_options": {"types": {"price": "number"}}}
    assert run("*.csv", "csv", **typed).lines() == ['{"id":"1","price":2.50}']
    assert run("*.csv", "csv", **typed).lines() == []


def test_the_oldest_file_is_read_first(run: Run, tmp_path: Path) -> None:
    for name, seconds in (("a", 3), ("b", 1), ("c", 2), ("d", 1)):
        (tmp_path / f"{name}.ndjson").write_text(f'{{"id":"{name}"}}')
        os.utime(tmp_path / f"{name}.ndjson", (seconds, seconds))
    assert [json.loads(line)["id"] for line in run().lines()] == ["b", "d", "c", "a"]


def test_a_file_that_changed_just_now_is_read_once_it_is_quiet(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"id":1}\n')
    began = time.monotonic()
    assert run(quiet_seconds=0.5).lines() == ['{"id":1}']
    assert 0.3 < time.monotonic() - began < 5


def test_a_file_that_does_not_become_quiet_is_left_to_the_next_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    assert slept == [files.PATIENCE_SECONDS]
    assert session.lines() == []
    assert session.state == {}
    assert run().lines() == ['{"id":1}']


def test_a_run_of_all_files_reads_what_was_read_before(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"id":1}\n')
    assert run().state != {}
    for _ in range(2):
        session = run(remember=False)
        assert session.lines() == ['{"id":1}']
        assert session.state == {}


@pytest.mark.parametrize("problem", ["changing", "unreadable", "changed", "unusable"])
def test_a_run_of_all_files_reads_all_or_none(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str
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
            yield from file_formats.read_ndjson(stream)
            os.utime(file, (1, 1))

        monkeypatch.setattr(files, "read_ndjson", growing)
        message = "a.ndjson changed while it was read"
    else:
        monkeypatch.setattr(files, "UNUSABLE_A_RUN", 1)
        file.write_bytes(b"\xff")
        os.utime(file, (1, 1))
        message = "1 records of the files before b.ndjson cannot be used"
    with pytest.raises(CannotCollect, match=f"(?:{message}), and this run needs all files"):
        run(remember=False, **options)


def test_a_file_that_changes_while_it_is_read_is_taken_back(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.ndjson"
    file.write_text('{"id":1}\n{"id":2}\n')
    (tmp_path / "b.ndjson").write_text('{"id":3}\n')

    def growing(stream: Any) -> Any:
        for record in file_formats.read_ndjson(stream):
            if record[1] == '{"id":2}':
                with file.open("a") as more:
                    more.write('{"id":')
            yield record

    with monkeypatch.context() as patched:
        patched.setattr(files, "read_ndjson", growing)
        session = run(batch=1)
    assert session.lines() == ['{"id":3}']
    assert [*session.state] == ["b.ndjson"]
    file.write_text('{"id":1}\n{"id":2}\n{"id":4}\n')
    assert run().lines() == ['{"id":1}', '{"id":2}', '{"id":4}']


def test_unfinished_hidden_and_other_files_are_left_alone(run: Run, tmp_path: Path) -> None:
    names = [
        ".a.ndjson", "a.ndjson.tmp", "a.ndjson.part", "a.ndjson.PARTIAL", "a.ndjson.filepart",
        "a.ndjson.crdownload", "a.ndjson~", "a.txt", "b/a.ndjson", ".c/a.ndjson",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{"id":1}')
    (tmp_path / "d.ndjson").mkdir()
    os.mkfifo(tmp_path / "e.ndjson")
    (tmp_path / "f.ndjson").symlink_to(tmp_path / "nowhere")
    assert run().summary()["records"] == 0
    assert run("*").lines() == ['{"id":1}']  # a.txt
    assert run("**/*").lines() == ['{"id":1}']  # b/a.ndjson


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.csv", ["a.csv", "c.csv.gz"]),
        ("*.csv.gz", ["c.csv.gz"]),
        ("*/*.csv", ["x/b.csv"]),
        ("**/*.csv", ["a.csv", "c.csv.gz", "x/b.csv", "x/y/d.csv"]),
        ("x/**/*.csv", ["x/b.csv", "x/y/d.csv"]),
        ("./x/?.csv", ["x/b.csv"]),
        ("[ab].csv", ["a.csv"]),
        ("**/y/**/d.csv", ["x/y/d.csv"]),
        ("../*.csv", []),
        ("A.csv", []),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, found: list[str]) -> None:
    root = tmp_path / "root"
    for name in ("a.csv", "x/b.csv", "c.csv.gz", "x/y/d.csv", "../e.csv"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    watched = WatchedDirectory(str(root), "goods")
    assert sorted(name for name, _ in watched.find(pattern)) == found


def test_no_link_leads_out_of_the_directory(run: Run, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name} outside"
    outside.mkdir()
    (outside / "secret.ndjson").write_text('{"id":"secret"}')
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside/a.dat").write_text('{"id":1}')
    (tmp_path / "in.ndjson").symlink_to("inside/a.dat")
    (tmp_path / "out.ndjson").symlink_to(outside / "secret.ndjson")
    (tmp_path / "folder").symlink_to(outside)
    (tmp_path / "loop").symlink_to(tmp_path)
    session = run("**/*.ndjson")
    assert session.lines() == ['{"id":1}']
    reason = "out.ndjson cannot be read: it is a link that leads out of the directory"
    assert session.letters() == [("out.ndjson", "0", b"out.ndjson", reason)]
    assert [*session.state] == ["in.ndjson"]


def test_the_watched_directory_may_be_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.ndjson").write_text('{"id":1}')
    (tmp_path / "link").symlink_to("real")
    assert run(directory=str(tmp_path / "link")).lines() == ['{"id":1}']


def test_a_file_that_cannot_be_read_leaves_the_others_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.ndjson").write_text('{"id":1}')
    (tmp_path / "b.ndjson").write_text('{"id":2}')
    open_file = os.open

    def refuse(path: Path, flags: int) -> int:
        if Path(path).name == "a.ndjson":
            raise PermissionError(13, "Permission denied", str(path))
        return open_file(path, flags)

    with monkeypatch.context() as patched:  # for root, who runs this maybe, every file is readable
        patched.setattr(os, "open", refuse)
        session = run()
    assert session.lines() == ['{"id":2}']
    reason = f"a.ndjson cannot be read: permission denied to NiFi (user id {os.geteuid()})"
    assert session.letters() == [("a.ndjson", "0", b"a.ndjson", reason)]
    assert run().lines() == ['{"id":1}']


def test_a_disk_that_fails_takes_the_file_back(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.ndjson").write_text('{"id":1}\n{"id":2}\n')

    def failing(stream: Any) -> Any:
        yield next(file_formats.read_ndjson(stream))
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(files, "read_ndjson", failing)
        session = run(batch=1)
    assert session.lines() == []
    assert session.letters()[0][3] == "a.ndjson cannot be read: Input/output error"
    assert run().lines() == ['{"id":1}', '{"id":2}']


def test_a_folder_that_cannot_be_read_leaves_the_others_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b/b.ndjson").write_text('{"id":2}')
    scan = os.scandir

    def refuse(path: str) -> Any:
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    session = run("**/*.ndjson")
    assert session.lines() == ['{"id":2}']
    reason = f"a cannot be read: permission denied to NiFi (user id {os.geteuid()})"
    assert session.letters() == [("a", "0", b"a", reason)]


def test_a_directory_that_is_not_there_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, problem in (("none", "there is no directory"), ("file", "is not a directory")):
        with pytest.raises(CannotCollect) as caught:
            WatchedDirectory(str(tmp_path / name), "goods")
        assert problem in str(caught.value)
        assert str(tmp_path / name) in str(caught.value)
        assert "mend collect.files.directory in flows/goods.yaml" in str(caught.value)


def test_a_directory_that_nifi_may_not_read_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> Any:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(CannotCollect, match=r"may not read the directory .* \(chmod a\+rx\)"):
        WatchedDirectory(str(tmp_path), "goods")


def test_gzip_goes_by_the_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(b'{"id":1}\n{"id":2}\n'))
    assert run().lines() == ['{"id":1}', '{"id":2}']


@pytest.mark.parametrize("damage", ["cut off", "no gzip", "garbage behind", "garbled"])
def test_a_damaged_gzip_gives_what_precedes_the_damage(
    run: Run, tmp_path: Path, damage: str
) -> None:
    lines = [f'{{"id":{number},"random":"{os.urandom(20).hex()}"}}' for number in range(50_000)]
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
    assert run().sent[:-1] == []  # it does not get better by reading it again


def test_an_encoding_that_breaks_off_gives_what_precedes_it(run: Run, tmp_path: Path) -> None:
    data = "a\n1\n".encode("utf-16-le") + b"\x00\xdc"
    (tmp_path / "a.csv").write_bytes(data + "2\n".encode("utf-16-le"))
    session = run("*.csv", "csv", csv_options={"encoding": "utf-16-le"})
    [(_, _, content, reason)] = session.letters()
    assert content == b"a.csv"
    assert str(reason).startswith("a.csv is not utf-16-le after position ")


def test_a_file_that_is_something_else_is_given_up(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "UNUSABLE_AT_FIRST", 5)
    (tmp_path / "a.csv").write_text("id,n\n0,1\n" + "1,x\n" * 100)
    session = run("*.csv", "csv", csv_options={"types": {"n": "integer"}})
    assert session.lines() == ['{"id":"0","n":1}']
    letters = session.letters()
    assert len(letters) == 6
    assert letters[-1] == (
        "a.csv", "7", b"a.csv",
        "a.csv: 5 of 6 records cannot be used, so what follows is not read; it is when the file "
        "or the YAML is mended",
    )  # fmt: skip
    assert [*session.state] == ["a.csv"]


def test_few_bad_lines_among_good_ones_do_not_end_a_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "UNUSABLE_AT_FIRST", 5)
    (tmp_path / "a.csv").write_text("id,n\n" + "0,1\n1,x\n2,2\n" * 100)
    session = run("*.csv", "csv", csv_options={"types": {"n": "integer"}})
    assert (len(session.lines()), len(session.letters())) == (200, 100)


def test_after_too_many_bad_lines_the_other_files_wait(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "UNUSABLE_A_RUN", 3)
    for name in "abc":
        (tmp_path / f"{name}.ndjson").write_bytes(b"\xff\n\xff\n")
        os.utime(tmp_path / f"{name}.ndjson", (1, 1))
    assert [letter[0] for letter in run().letters()] == ["a.ndjson"] * 2 + ["b.ndjson"] * 2
    assert [letter[0] for letter in run().letters()] == ["c.ndjson"] * 2


def test_names_that_are_not_unicode_can_be_told_to_java(run: Run, tmp_path: Path) -> None:
    name = os.fsdecode(b"K\xf6ln.ndjson")
    (tmp_path / name).write_text('{"id":1}')
    session = run()
    assert [*session.state] == ["K\\xf6ln.ndjson"]
    assert session.sent[0].attributes["idemflow.source"] == "K\\xf6ln.ndjson"


def test_the_modules_of_the_script_share_no_name() -> None:
    names = [
        name
        for module in (*steps.FILES, files)
        for node in ast.parse(steps._source(module)).body
        for name in (
            [str(getattr(target, "id", "")) for target in node.targets]
            if isinstance(node, ast.Assign)
            else [str(getattr(node, "name", ""))]
        )
        if name
    ]
    assert len(names) > 30
    assert len(names) == len(set(names))


def test_the_script_needs_no_idemflow() -> None:
    script = steps.files_script("goods", batch=5000)
    compile(script, "step", "exec")
    assert "from idemflow" not in script

"""Which files of a watched directory are read, and how safely."""

import os
from pathlib import Path
from typing import Any

import pytest

from idemflow.sources.files.search import CannotCollect, WatchedDirectory
from tests.unit.sources.files.watching import Runs

pytestmark = pytest.mark.usefixtures("nifi_scope")


@pytest.fixture
def run(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_unfinished_hidden_and_other_files_are_left_alone(run: Runs, tmp_path: Path) -> None:
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


def test_no_link_leads_out_of_the_directory(run: Runs, tmp_path: Path) -> None:
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


def test_the_watched_directory_may_be_a_link(run: Runs, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.ndjson").write_text('{"id":1}')
    (tmp_path / "link").symlink_to("real")
    assert run(directory=str(tmp_path / "link")).lines() == ['{"id":1}']


def test_a_file_that_cannot_be_read_leaves_the_others_alone(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_a_folder_that_cannot_be_read_leaves_the_others_alone(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
        assert "fix collect.files.directory in flows/goods.yaml" in str(caught.value)


def test_a_directory_that_nifi_may_not_read_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> Any:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(CannotCollect, match=r"may not read the directory .* \(chmod a\+rx\)"):
        WatchedDirectory(str(tmp_path), "goods")


def test_names_that_are_not_unicode_can_be_told_to_java(run: Runs, tmp_path: Path) -> None:
    name = os.fsdecode(b"K\xf6ln.ndjson")
    (tmp_path / name).write_text('{"id":1}')
    session = run()
    assert [*session.state] == ["K\\xf6ln.ndjson"]
    assert session.chunks()[0][1]["idemflow.source"] == "K\\xf6ln.ndjson"

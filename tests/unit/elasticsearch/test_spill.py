"""Rows by key on disk: all there, by key, in order, in little memory; and the folder goes."""

from __future__ import annotations

import errno
import os
import stat
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idemflow.elasticsearch.spill import Scratch, Spill, scratch
from idemflow.errors import IdemflowError
from idemflow.security.locks import LockFile
from tests.unit.properties import PROPERTY


def spill(folder: Path, memory: int = 1 << 20) -> Spill:
    return Scratch(folder, 2 * memory).spill()


@PROPERTY
@given(rows=st.lists(st.tuples(st.text(max_size=3), st.integers())))
def test_rows_come_back_by_key_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]]
) -> None:
    made = spill(tmp_path_factory.mktemp("spill"))
    assert made.add(rows) == len(rows)
    parts = [list(part) for part in made.parts()]
    assert sorted(row for part in parts for row in part) == sorted(rows)
    for part in parts:
        for key in {key for key, _ in part}:
            assert [row for row in part if row[0] == key] == [row for row in rows if row[0] == key]


def test_a_part_that_is_too_large_is_divided(tmp_path: Path) -> None:
    made = spill(tmp_path, memory=50_000)
    made.add((f"key {number}", "x" * 50) for number in range(10_000))
    next(made.parts())  # given up at the first part
    sizes = [sum(1 for _ in part) for part in made.parts()]
    assert sum(sizes) == 10_000
    assert max(sizes) < 10_000 // 64
    assert sum(sum(1 for _ in part) for part in made.parts()) == 10_000  # once more


def test_many_rows_of_one_key_are_one_part(tmp_path: Path) -> None:
    made = spill(tmp_path, memory=100_000)
    made.add(("the same", number) for number in range(20_000))
    (part,) = (list(part) for part in made.parts())
    assert [number for _, number in part] == list(range(20_000))


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        made = spill(tmp_path, memory=1 << 17)
        tracemalloc.start()
        made.add((f"key {number}", "x" * 32, number) for number in range(rows))
        for part in made.parts():
            found = {row[0]: row for row in part}
            assert found
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(20_000) < 1.2 * peak(2_000) + (1 << 17)


def test_a_full_disk_is_one_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = spill(tmp_path)
    made.add([("a", 1)])

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(IdemflowError, match="the disk is full") as raised:
        list(made.parts())
    assert raised.value.next_command


def test_the_folder_is_private_and_goes_with_the_command(tmp_path: Path) -> None:
    with scratch(tmp_path / "scratch", 1 << 20) as room:
        assert stat.S_IMODE(room.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "scratch").stat().st_mode) == 0o700
        room.spill().add([("a", 1)])
    assert not room.folder.exists()


def test_what_a_killed_command_left_goes_and_what_another_uses_stays(tmp_path: Path) -> None:
    left, used = tmp_path / "left", tmp_path / "used"
    for folder in (left, used):
        folder.mkdir()
        (folder / "rows").write_text("x")
    with LockFile(used / "held"), scratch(tmp_path, 1 << 20):
        assert not left.exists()
        assert (used / "rows").exists()


def test_a_disk_that_has_no_room_for_a_folder_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with scratch(tmp_path, 1 << 20) as room, monkeypatch.context() as patched:
        patched.setattr(os, "mkdir", full)
        with pytest.raises(IdemflowError, match="the disk is full"):
            room.spill()
        with pytest.raises(IdemflowError, match="the disk is full"), room.apart():
            pass
        with pytest.raises(IdemflowError, match="the disk is full"), scratch(tmp_path, 1 << 20):
            pass

"""Entries of NiFi's log, and whose they are."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from idemflow.servers.log_entries import Entries, Entry, added_to, last, read_lines

A, B = "518c9946-0959-37a0-c5d7-24c30fbbf531", "1bf7ed95-01a2-1000-d0dc-ae706ca017af"
HEAD = "2026-11-27 08:04:41,990 ERROR [Timer-Driven Process Thread-6] o.a.n.p.s.ExecuteScript"


def entries(text: str) -> list[Entry]:
    reader = Entries()
    found = [reader.add(line) for line in text.splitlines()]
    return [one for one in (*found, reader.end()) if one is not None]


def test_an_entry_is_of_the_component_that_says_it() -> None:
    (one,) = entries(f"{HEAD} ExecuteScript[id={A}] about {B}")
    assert one == Entry(
        "2026-11-27 08:04:41,990", "ERROR", "Timer-Driven Process Thread-6",
        "o.a.n.p.s.ExecuteScript", A, f"about {B}", own=True,
    )  # fmt: skip


def test_an_entry_of_the_framework_is_of_the_first_that_it_names() -> None:
    (one,) = entries(f"{HEAD} Stopping ExecuteScript[id={A}] in StandardProcessGroup[{B}]")
    assert (one.component, one.message[:8]) == (A, "Stopping")
    head = HEAD.replace("o.a.n.p.s.ExecuteScript", "o.a.n.g.StandardProcessGroup")
    (one,) = entries(f"{head} StandardProcessGroup[identifier={B},name=a] is stopped")
    assert (one.component, one.message, one.own) == (B, "is stopped", False)
    assert entries(f"{HEAD} nothing")[0].component == ""
    assert entries(HEAD)[0].message == ""


def test_a_traceback_stays_together() -> None:
    text = f"{HEAD} ExecuteScript[id={A}] failed\nTraceback:\n\tat x\n\n{HEAD} next"
    first, second = entries(text)
    assert (first.more, first.lines, second.message) == (("Traceback:", "\tat x", ""), 4, "next")


def failed(cause: str, thread: str) -> str:
    said = f"io.idemflow.python.PythonInterpreter Python script failed: {cause}"
    return f"2026-11-27 08:04:41,990 ERROR [{thread}] {said}\nTraceback of {cause}"


def test_the_traceback_of_a_script_is_of_its_component() -> None:
    thread = "Timer-Driven Process Thread-6"
    own = f"{HEAD} ExecuteScript[id={A}] a.py:7: KeyError; rolled back"
    text = [failed("b.py:1: OSError", "other"), failed("a.py:7: KeyError", thread), own, own]
    *_, first, second = entries("\n".join(text))
    assert (first.component, first.more) == (A, ("Traceback of a.py:7: KeyError",))
    assert second.more == ()


def test_a_traceback_of_something_else_is_not_taken() -> None:
    thread = "Timer-Driven Process Thread-6"
    own = f"{HEAD} ExecuteScript[id={A}] a.py:7: KeyError; rolled back"
    assert entries(f"{failed('a.py:8: KeyError', thread)}\n{own}")[1].more == ()


def test_what_stands_before_the_first_entry_is_of_none() -> None:
    assert [one.message for one in entries(f"\tat x\nrest\n{HEAD} first")] == ["first"]


def test_an_endless_entry_is_not_kept_whole() -> None:
    (one,) = entries("\n".join([f"{HEAD} first", *itertools.repeat("x", 10_000)]))
    assert one.lines == 2001


@pytest.mark.parametrize(
    ("message", "group"),
    [
        (f"ExecuteScript[id={A}] added to StandardProcessGroup[identifier={B},name=People]", B),
        (f"Added ExecuteScript[id={A}] to StandardProcessGroup[identifier={B},name=People]", B),
        (f"ExecuteScript[id={A}] said: added to StandardProcessGroup[identifier={B}]", None),
    ],
)
def test_what_was_added_to_a_group(message: str, group: str | None) -> None:
    (one,) = entries(f"{HEAD} {message}")
    assert (one.component, added_to(one)) == (A, group)


def test_the_last_lines_are_whole_entries(tmp_path: Path) -> None:
    old, new = tmp_path / "old.log", tmp_path / "new.log"
    old.write_text("".join(f"{HEAD} old {n}\nmore\n" for n in range(3)))
    new.write_text(f"{HEAD} other\n{HEAD} new\nmore\nmore\nmore")

    def found(lines: int) -> list[str]:
        entries = last([new, old], lambda one: one.message != "other", lines)
        return [f"{one.message} {one.lines}" for one in entries]

    assert found(1) == ["new 4"]
    assert found(4) == ["new 4"]
    assert found(6) == ["old 2 2", "new 4"]
    assert found(100) == ["old 0 2", "old 1 2", "old 2 2", "new 4"]


@pytest.mark.parametrize("size", [10, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 500_000])
def test_a_line_of_any_length(tmp_path: Path, size: int) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"a\n" + b"x" * size + b"\nb\r\n\xff")
    first, long, *rest = read_lines(file, follow=False)
    assert (first, rest) == ("a", ["b", "\ufffd", None])
    assert long is not None
    assert long.rstrip("…") == "x" * min(size, 64 * 1024)


def test_a_log_is_followed_over_its_rotation(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("one\ntw")
    lines = read_lines(file, follow=True)
    assert [next(lines), next(lines)] == ["one", None]
    with file.open("a") as stream:
        stream.write("o\n")
    assert next(lines) == "two"
    file.rename(tmp_path / "log.1")
    file.write_text("three\n")
    assert [line for line in itertools.islice(lines, 2) if line] == ["three"]
    lines.close()

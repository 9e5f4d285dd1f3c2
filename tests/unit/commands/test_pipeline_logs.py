"""What of NiFi's log is of one pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from idemflow.canvas.monitoring import Bulletin
from idemflow.cli.tables.logs import entry
from idemflow.commands import pipeline_logs
from idemflow.commands.pipeline_logs import PipelineLog, Said
from idemflow.servers.log_entries import Entry

A, B, GROUP = "a" * 8 + "-0000" * 3 + "-" + "0" * 12, "b" * 8 + "-0000" * 3 + "-" + "0" * 12, "g"
LINE = "2026-11-27 08:04:41,990 ERROR [thread] o.a.n.ExecuteScript ExecuteScript[id={}] {}"


def lines(*texts: str | None) -> Iterator[str | None]:
    return iter(texts)


def read(*texts: str | None, follow: bool = True) -> list[str | None]:
    found = pipeline_logs._entries(lines(*texts), follow=follow)
    return [None if one is None else f"{one.message} {one.lines}" for one in found]


def test_an_entry_that_goes_on_after_the_end_of_the_file_is_one() -> None:
    first, second = LINE.format(A, "one"), LINE.format(A, "two")
    assert read(first, "at x", None, "at y", None, None, second, None, None) == [
        None, None, "one 3", None, None, "two 1", None,
    ]  # fmt: skip
    assert read(first, "at x", None, follow=False) == ["one 2", None]


class Log(PipelineLog):
    """The log of a pipeline with one step, without a NiFi."""

    def __init__(self, *bulletins: Bulletin) -> None:
        self._names = {A: "Collect records"}
        self._gone: set[str] = set()
        self._given = list(bulletins)
        self._everything = False

    def _bulletins(self) -> list[Bulletin]:
        return self._given


def said(message: str, component: str = A) -> Entry:
    return Entry("2026-11-27 08:04:41,990", "WARN", "t", "o.a.n.ExecuteScript", component, message)


def test_what_another_component_says_is_not_shown() -> None:
    log = Log()
    assert [log._is_mine(said("x", component)) for component in (A, B, "")] == [True, False, False]


def test_what_nifi_tells_of_each_change_is_for_all() -> None:
    log = Log()
    told = replace(said("is stopped"), level="INFO")
    assert not log._is_mine(told)
    assert log._is_mine(replace(told, own=True))
    log._everything = True
    assert log._is_mine(told)


def test_what_was_taken_away_had_been_added_to_the_group() -> None:
    log = Log()
    log._names[GROUP * 8 + "-0000" * 3 + "-" + "0" * 12] = "people"
    added = f"added to StandardProcessGroup[identifier={A},name=x]"
    assert not log._is_mine(said("before", B))
    assert log._is_mine(said(added, B))
    assert log._is_mine(said("after", B))
    assert log._said(said("after", B)).component == "ExecuteScript"


@pytest.mark.parametrize(
    ("bulletin", "shown"),
    [
        (Bulletin(1, "WARNING", "Collect records", "x", "08:04:42 UTC", A), False),
        (Bulletin(1, "WARNING", "Collect records", "x", "08:04:44 UTC", A), True),
        (Bulletin(1, "ERROR", "Collect records", "x", "08:04:42 UTC", A), True),
        (Bulletin(1, "WARNING", "Collect records", "x", "", A), True),
    ],
)
def test_a_bulletin_that_the_log_has_is_not_shown_twice(bulletin: Bulletin, shown: bool) -> None:
    found = list(Log(bulletin)._merged([said("shown")], [said("x")]))
    assert [one.bulletin for one in found] == [False, *[True] * shown]


def test_what_is_printed() -> None:
    one = Said("08:04", "WARN", "Collect\x1b[7m", "it \x07 [red]", ("\tat x\r",), bulletin=True)
    assert entry(one) == "08:04 WARN (bulletin) Collect\\x1b[7m: it \\x07 [red]\n  \tat x\\r"

"""The rate at which records come to their end, and the table of ``status --watch``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from idemflow.canvas.monitoring import Activity, Bulletin
from idemflow.cli.tables.live import live_table
from idemflow.cli.tables.sparkline import sparkline
from idemflow.commands._figures import Figures
from idemflow.commands.live import Live, Look, Rate, Row
from idemflow.config import settings
from idemflow.elasticsearch.history import PastRun
from idemflow.errors import UsageError
from idemflow.pipeline.expect import Expect

RUN = PastRun("20260131T115500000-3f8a12cd", "people", "schedule", None, "{}", 1000, 1000, 0, 0)
QUEUES = {"documents → Put documents": 7, "try again → Put documents": 2,
          "retry after an outage → Put documents": 1}  # fmt: skip
ROW = Row(
    "people",
    Activity(10, 100, 1, 9, 0, 0, QUEUES),
    (Bulletin(1, "ERROR", "Put documents", "PutElasticsearchJson[id=5a] no  connection"),) * 3,
    Figures("people", (RUN,), 4, RUN.time),
    age=420,
    rate=1234.4,
)
UP = {"nifi": "running", "elasticsearch": "running"}


def drawn(*rows: Row, width: int = 120, **servers: str) -> list[str]:
    return printed(Look(datetime.now(UTC), UP | servers, rows), width)


def printed(look: Look, width: int = 120) -> list[str]:
    console = Console(width=width, highlight=False, force_terminal=False)
    with console.capture() as captured:
        console.print(live_table(look))
    return [" ".join(line.split()) for line in captured.get().splitlines()]


def test_a_rate_is_a_mean_of_the_last_seconds() -> None:
    rate = Rate()
    assert rate.add(100.0, {"people": 5000}, 3) is None
    assert rate.add(102.0, {"people": 5200}, 3) == 100
    assert rate.add(104.0, {"people": 5200, "people-2": 100}, 103) == (200 + 200) / 4
    for second in range(106, 120, 2):
        found = rate.add(float(second), {"people": 5200, "people-2": 100}, 103)
    assert found == 0, "what was before the last seconds is over"


def test_a_server_that_starts_anew_counts_from_0() -> None:
    rate = Rate()
    rate.add(0.0, {"people": 5000}, 10)
    assert rate.add(1.0, {"people": 20}, 0) == 20, "and letters that are gone are no records"


def test_a_line_a_pipeline() -> None:
    lines = drawn(ROW)
    assert lines[0].endswith("NiFi running, Elasticsearch running")
    assert lines[2] == (
        "people running 1,234 10 3 4 7 min 1,000: all accounted for; no command counted them"
    )
    assert lines[-2] == "people: Put documents: no connection (3 times)"


def test_a_server_that_is_away() -> None:
    away = replace(ROW, activity=None, said=())
    lines = drawn(away, nifi="not answering")
    assert lines[0].endswith("NiFi not answering, Elasticsearch running")
    assert lines[2].startswith("people ? 1,234 ? ? 4 7 min")
    look = Look(datetime.now(UTC), UP | {"nifi": "not telling"}, (away,), ("refused\nthe login",))
    assert "problem: refused the login" in printed(look)
    lines = drawn(replace(ROW, figures=None, age=None, rate=None), elasticsearch="dead")
    assert lines[2] == "people running ? 10 3 ? ? ?"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"activity": None}, "people not deployed"),
        ({"activity": Activity(0, 0, 0, 5, 4, 0, {})}, "people stopped"),
        ({"activity": Activity(0, 0, 0, 5, 4, 1, {})}, "people invalid"),
        ({"figures": Figures("people"), "age": None}, "none yet"),
        ({"problem": "two\ngroups \x1b[2J"}, "people: two groups \\x1b[2J"),
    ],
)
def test_states(changes: dict[str, Any], words: str) -> None:
    assert words in "\n".join(drawn(replace(ROW, **changes)))


def test_what_is_too_old_is_red() -> None:
    console = Console(width=120, highlight=False, force_terminal=True, color_system="standard")
    for freshness, red in (("6 min", True), ("8 min", False)):
        row = replace(ROW, expect=Expect(freshness=freshness))
        with console.capture() as captured:
            console.print(live_table(Look(datetime.now(UTC), UP, (row,))))
        assert ("\x1b[31m7 min" in captured.get()) is red


def test_no_number_is_cut_on_80_columns() -> None:
    assert drawn(ROW, width=80)[2].startswith("people running 1,234 10 3 4 7 min 1,000:")


def test_there_must_be_something_to_watch(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to look at"):
        Live(settings.resolve({"project": tmp_path}), ())


@pytest.mark.parametrize(
    ("numbers", "bars"),
    [([], ""), ([0], "▁"), ([5, 5], "██"), ([0, 1, 500, 1000], "▁▂▅█"), ([1, 10**9], "▂█")],
)
def test_a_sparkline(numbers: list[int], bars: str) -> None:
    assert sparkline(numbers) == bars

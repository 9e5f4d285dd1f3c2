"""What ``status --check`` makes of what is known of a pipeline."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from idemflow.cli.tables.health import line, word
from idemflow.commands import health as command
from idemflow.commands._figures import Figures
from idemflow.commands.health import Checked, Finding, duration, worst
from idemflow.commands.status import PipelineStatus
from idemflow.config import settings
from idemflow.elasticsearch.history import PastRun, run_time
from idemflow.errors import EXIT_CODES, IdemflowError, UsageError
from idemflow.pipeline.expect import Expect

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
RUN = PastRun(
    "20260131T115500000-3f8a12cd", "people", "command", None, "{}", 1000, 1000, 0, 0,
    {"verdict": "nothing twice, nothing lost", "exit_code": 0},
)  # fmt: skip
LOST: dict[str, Any] = {"verdict": "the index people has duplicates or lost records"}
FIGURES = Figures("people", (RUN,), dead_letters=3, newest=RUN.time)


def judged(figures: Figures = FIGURES, **expect: Any) -> Checked:
    wanted = Expect(**expect) if expect else None
    age = figures.age(NOW)
    found = command._of_figures(figures, wanted, age)
    return Checked("people", tuple(found), wanted, figures, age)


@pytest.mark.parametrize(
    ("expect", "code", "words"),
    [
        ({}, 0, "no `expect`"),
        ({"freshness": "5 min"}, 0, "run 5 min old"),
        ({"freshness": "299 s"}, 8, "its last run that has ended is 5 min old, and 299 s may be"),
        ({"dead_letters": 3}, 0, "3 open dead letters"),
        ({"dead_letters": 2}, 7, "3 open dead letters, and 2 may be"),
        ({"min_records": 1000}, 0, "the last run had 1,000 records"),
        ({"min_records": 1001}, 8, "its last run had 1,000 records, and 1,001 are the least"),
        ({"min_records": 1001, "dead_letters": 0}, 8, "3 open dead letters, and 0 may be"),
    ],
)
def test_thresholds(expect: dict[str, Any], code: int, words: str) -> None:
    found = judged(**expect)
    assert found.code == code
    assert words in line(found)
    assert line(found).startswith("FAILED people: " if code else "OK people: ")


def test_a_run_that_lost_records_is_never_ok() -> None:
    """With or without `expect`: no run that lost something looks like one that did not."""
    lost = replace(RUN, report={**LOST, "exit_code": 5})
    found = judged(replace(FIGURES, runs=(lost, RUN)))
    assert found.code == 5
    assert "duplicates or lost records; next: idemflow verify people" in line(found)
    refused = replace(RUN, report={**LOST, "exit_code": 7})
    assert judged(replace(FIGURES, runs=(refused,))).code == 0, "that is for dead_letters to say"


def test_a_run_that_is_on_its_way_is_not_the_last_one() -> None:
    under_way = replace(RUN, run="20260131T115900000-3f8a12ce", records=5, accounted=2)
    assert judged(replace(FIGURES, runs=(under_way, RUN)), min_records=1000).code == 0
    assert judged(replace(FIGURES, runs=(under_way,)), min_records=1).code == 8


def test_what_never_came_is_too_old() -> None:
    none = Figures("people")
    for expect in (
        {"freshness": "5 min"},
        {"min_records": 1},
        {"freshness": "1 s", "min_records": 1},
    ):
        found = judged(none, **expect)
        assert (found.code, line(found)) == (
            8, "FAILED people: no run has ended yet; next: idemflow run people | dead_letters=0;;",
        )  # fmt: skip
    by_version = replace(none, measured="version")
    assert judged(by_version, freshness="5 min").code == 8
    assert "no document has a version" in line(judged(by_version, freshness="5 min"))
    future = replace(FIGURES, newest=NOW + timedelta(hours=1))
    assert future.age(NOW) == 0


def test_an_index_that_does_not_tell_is_told() -> None:
    problem = UsageError("the alias points at another's", next_command="point it back")
    found = judged(replace(FIGURES, newest=None, problem=problem), freshness="5 min")
    assert (found.code, found.findings[0].next_command) == (2, "point it back")
    closed = IdemflowError("Elasticsearch refused a request: closed")
    assert judged(replace(FIGURES, newest=None, problem=closed)).code == 1


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("running", 0), ("stopped", 0), ("not deployed", 0), ("invalid", 1), ("unclear", 1),
        ("incomplete", 6), ("not ours", 6),
    ],
)  # fmt: skip
def test_the_canvas(state: str, code: int) -> None:
    assert worst(one.code for one in command._of_canvas(PipelineStatus("people", state))) == code


def test_the_worst_code() -> None:
    assert worst([]) == worst([0, 0]) == 0
    assert worst([0, 2]) == 2
    assert worst([7, 3, 8]) == 3
    assert worst([2, 5, 3]) == 5
    assert {*command.WORST} <= {*EXIT_CODES}
    assert worst([9, 0]) == 9, "a code without a place is still no 0"


def test_the_line_has_performance_data_and_stays_one_line() -> None:
    expect: dict[str, Any] = {"freshness": "15 min", "dead_letters": 5, "min_records": 900}
    assert line(judged(**expect)).endswith(
        " | freshness=300s;;900 dead_letters=3;;5 records=1000;;900:"
    )
    assert line(judged()).endswith(" | freshness=300s;; dead_letters=3;; records=1000;;")
    told = replace(judged(), findings=(Finding(1, "two\nlines | and \x1b[31m red"),))
    assert line(told).startswith("FAILED people: two lines / and \\x1b[31m red | ")


def test_what_no_server_told_is_unknown() -> None:
    away = Checked("people", (Finding(3, "Elasticsearch is stopped", "idemflow up"),))
    assert line(away) == "UNKNOWN people: Elasticsearch is stopped; next: idemflow up"
    assert word(replace(away, figures=FIGURES)) == "FAILED"


def test_a_project_without_pipelines_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to look at"):
        command.check(settings.resolve({"project": tmp_path}), ())


@pytest.mark.parametrize(
    ("span", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 hours"),
     (200_000, "2 days")],
)  # fmt: skip
def test_durations(span: float, words: str) -> None:
    assert duration(span) == words


def test_the_time_in_a_runs_id() -> None:
    assert run_time("20260131T115500123-3f8a12cd") == datetime(2026, 1, 31, 11, 55, tzinfo=UTC)
    assert run_time("20260131t115500123-3f8a12cd") == run_time("20260131T115500123-3f8a12cd")
    assert run_time("") is None
    assert run_time("somebody's own index") is None

"""The tables of ``runs``."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from idemflow.cli.tables.runs import history, past_run
from idemflow.elasticsearch.history import NOT_BEGUN, PastRun

REPORT: dict[str, Any] = {
    "created": 1200,
    "overwritten": 3,
    "stale": 0,
    "dead_letters": 0,
    "lost": 2,
    "seconds": 4.25,
    "verdict": "the index [people] has duplicates or lost records",
    "exit_code": 5,
}
COUNTED = PastRun(
    "r2", "people", "command", None, '{"records": 5}', 1205, 1205, 0, 0, REPORT, 160_500
)
OTHER = PastRun("r1", "people", None, "2026-01-31T06:00:00.000Z", "{}", 1000, 900, 7, 0)


def drawn(what: RenderableType) -> list[str]:
    stream = StringIO()
    Console(file=stream, width=200, soft_wrap=True).print(what)
    return [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def test_a_line_a_run() -> None:
    assert drawn(history([COUNTED, OTHER], "people")) == [
        "run trigger sent bytes seconds verdict",
        "r2 command 1,205 160.5 kB 4.2 the index [people] has duplicates or lost records",
        "r1 1,000 100 not accounted for yet",
    ]


@pytest.mark.parametrize(("pipeline", "who"), [(None, "The project"), ("people", "people")])
def test_no_run(pipeline: str | None, who: str) -> None:
    assert drawn(history([], pipeline)) == [f"{who} has no run in the ledger."]


def test_the_pipeline_is_named_where_it_is_not_given() -> None:
    assert drawn(history([COUNTED], None))[0].startswith("run pipeline trigger")


def test_one_run() -> None:
    lines = drawn(past_run(COUNTED))
    assert "arguments records=5" in lines
    assert "created 1,200" in lines
    assert lines[-1] == REPORT["verdict"]
    of_other = drawn(past_run(OTHER))
    assert {"trigger not known", "dead letters 7"} <= {*of_other}
    assert not any(line.startswith("created") for line in of_other)


def test_a_run_of_which_all_came_to_an_end() -> None:
    ended = replace(OTHER, accounted=1000)
    assert ended.verdict == "all accounted for; no command counted them"


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        (replace(OTHER, moving=True), "under way: 900 of 1,000 accounted for"),
        (replace(OTHER, moving=False), "cut off: 100 of 1,000 never came to an end"),
        (
            replace(OTHER, records=900, complete=False),
            "not ended: 900 accounted for so far",
        ),
        (
            replace(OTHER, records=900, complete=False, moving=True),
            "under way: 900 accounted for, more to come",
        ),
        (
            replace(OTHER, records=900, complete=False, moving=False),
            "cut off: 900 accounted for, and its summary never came",
        ),
        (
            replace(OTHER, given_up="no disk"),
            "100 not accounted for yet; the command gave up: no disk",
        ),
        (
            replace(OTHER, accounted=1000, given_up="no disk"),
            "all accounted for; the command gave up: no disk",
        ),
        (replace(OTHER, run=f"{NOT_BEGUN}3f8a12cd", given_up="no disk"), "not begun: no disk"),
    ],
)
def test_a_run_that_has_no_report(run: PastRun, verdict: str) -> None:
    assert run.verdict == verdict
    assert verdict in drawn(history([run], "people"))[1]


def test_what_is_not_known_of_a_run_is_left_out() -> None:
    (cut,) = drawn(history([replace(OTHER, records=900, complete=False)], "people"))[1:]
    assert cut == "r1 not ended: 900 accounted for so far"
    begun = replace(OTHER, run=f"{NOT_BEGUN}3f8a12cd", complete=False, given_up="no disk")
    lines = drawn(past_run(begun))
    assert not any(line.startswith(("sent", "bytes", "accounted", "dead")) for line in lines)


@pytest.mark.parametrize(
    ("flow", "line"),
    [
        (
            {"commit": "b474", "of": "canvas", "changed": False},
            "flow b474: the version on the canvas",
        ),
        (
            {"commit": "b474", "of": "project", "changed": True},
            "flow b474: the project, changed since",
        ),
    ],
)
def test_the_commit_of_what_ran(flow: dict[str, Any], line: str) -> None:
    assert line in drawn(past_run(replace(COUNTED, report={**REPORT, "flow": flow})))

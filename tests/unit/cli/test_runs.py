"""The tables of ``runs``."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from idemflow.cli.tables.runs import history, past_run
from idemflow.elasticsearch.history import PastRun

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
COUNTED = PastRun("r2", "people", "command", None, '{"records": 5}', 1205, 1205, 0, 0, REPORT)
OTHER = PastRun("r1", "people", None, "2026-01-31T06:00:00.000Z", "{}", 1000, 900, 7, 0)


def drawn(what: RenderableType) -> list[str]:
    stream = StringIO()
    Console(file=stream, width=200, soft_wrap=True).print(what)
    return [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def test_a_line_a_run() -> None:
    assert drawn(history([COUNTED, OTHER], "people")) == [
        "run trigger sent seconds verdict",
        "r2 command 1,205 4.2 the index [people] has duplicates or lost records",
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

"""A journal for the tests of what is drawn of it."""

from __future__ import annotations

from idemflow.prove.journal import Event, Journal, MethodResult, Sample, SteadyState, Try
from idemflow.prove.judge import Outcome

SOUND = Outcome(given=1000, stable=1000)
DOUBLED = Outcome(
    given=1000, stable=999, lost=1, doubled=2, named={"lost": ["<b>7"], "doubled": ["8", "9"]}
)


def attempt(
    verdict: str, why: str = "each record has come to its end, once", **more: object
) -> Try:
    given = {"number": 1, "seed": 5, "verdict": verdict, "why": why, "seconds": 2.5}
    started = "2026-01-31T06:00:00.000+00:00"
    return Try(**(given | {"started": started} | more))  # type: ignore[arg-type]


def journal() -> Journal:
    """One method that passed, one that failed, one that says nothing, one not tried."""
    killed = attempt(
        "passed",
        recovery=14.2,
        outcome=SOUND,
        verified=True,
        events=[
            Event(0.1, "Run Once on the canvas"),
            Event(1.0, "kill -9 of NiFi", "fault"),
            Event(12.0, "idemflow up", "mended"),
        ],
        samples=[
            Sample(0.2, 5, 0),
            Sample(0.9, 3, 400),
            Sample(5.0, None, 400),
            Sample(15, 0, 1000),
        ],
    )
    made = Journal(
        idemflow="0.1.0",
        pipeline="people",
        copy="proof-people",
        command="idemflow prove people --seed 7",
        seed=7,
        started="2026-01-31T06:00:00.000+00:00",
        seconds=30.0,
        environment={"servers": "embedded", "nifi": "2.3.0"},
        source={"known_from": "its function", "given": 1000, "left_out": 0, "contents": True},
        before=SteadyState(quiet=[attempt("passed", outcome=SOUND)]),
        after=SteadyState(quiet=[attempt("passed", outcome=SOUND)]),
        methods=[
            MethodResult("kill-elasticsearch-bulk", "kill -9 of NiFi", [killed]),
            MethodResult("rerun", "a second run", [attempt("failed", "1 lost", outcome=DOUBLED)]),
            MethodResult("run-once", "Run Once", [attempt("inconclusive", "it had ended")]),
        ],
        not_tried={"stop-nifi": "--no-kill"},
    )
    made.conclude()
    return made

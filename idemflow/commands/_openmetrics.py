"""The figures of pipelines as metrics of OpenMetrics: names, units, labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily

import idemflow
from idemflow.commands.live import Look, Row
from idemflow.config.combinations import SERVERS
from idemflow.elasticsearch.history import NOT_COUNTED
from idemflow.errors import NothingRead, NotIdempotent, RecordsRefused
from idemflow.sources.fields import seconds

# The outcome of a run by the exit code of its report.
_OUTCOMES = {
    0: "ok",
    NotIdempotent.exit_code: "not_idempotent",
    RecordsRefused.exit_code: "dead_letters",
    NothingRead.exit_code: "nothing_read",
    NOT_COUNTED: "not_counted",
}
_OTHER = "failed"
# What the report of a run counts, besides what was sent.
_RESULTS = ("created", "overwritten", "deleted", "stale", "dropped", "dead_letters", "lost",
            "duplicates")  # fmt: skip

_Values = Iterable[tuple[tuple[str, ...], float]]
"""Values of labels besides the pipeline, and a number."""


@dataclass(frozen=True)
class _Gauge:
    """A metric of each pipeline.

    Attributes:
        name: without ``idemflow_``; ends with the unit, if it has one.
        text: its help.
        values: of a pipeline; nothing where the figure is not known, since 0 would be a lie.
        labels: besides ``pipeline``.
        unit: as OpenMetrics has it.
    """

    name: str
    text: str
    values: Callable[[Row], _Values]
    labels: tuple[str, ...] = ()
    unit: str = ""


def families(look: Look | None) -> Iterator[GaugeMetricFamily]:
    """The metrics of what is the case.

    All are gauges, which the text format of Prometheus knows as well: the ledger forgets runs.

    Args:
        look: that; ``None`` where it could not be found out, and no server counts as up.
    """
    build = GaugeMetricFamily("idemflow_build_info", "The idemflow that tells.", labels=["version"])
    build.add_metric([idemflow.__version__], 1)
    yield build
    up = GaugeMetricFamily("idemflow_up", "Whether a server tells its part.", labels=["server"])
    for name in SERVERS:
        up.add_metric([name], float(look is not None and look.servers[name] == "running"))
    yield up
    for gauge in _GAUGES:
        made = GaugeMetricFamily(
            f"idemflow_{gauge.name}", gauge.text, labels=["pipeline", *gauge.labels],
            unit=gauge.unit,
        )  # fmt: skip
        for row in look.rows if look else ():
            for labels, value in gauge.values(row):
                made.add_metric([row.pipeline, *labels], value)
        yield made


def _letters(row: Row) -> _Values:
    if row.figures is not None:
        yield (), row.figures.dead_letters


def _freshness(row: Row) -> _Values:
    if row.figures is not None and row.age is not None:
        yield (row.figures.measured,), row.age


def _sent(row: Row) -> _Values:
    if row.figures is not None and (last := row.figures.last):
        yield (), last.records


def _results(row: Row) -> _Values:
    report = row.figures.last.report if row.figures and row.figures.last else {}
    yield from (((name,), float(report[name])) for name in _RESULTS if name in report)


def _triggered(row: Row) -> _Values:
    if row.figures is not None and (last := row.figures.last) and last.time:
        yield (), last.time.timestamp()


def _took(row: Row) -> _Values:
    report = row.figures.last.report if row.figures and row.figures.last else {}
    if "seconds" in report:
        yield (), float(report["seconds"])


def _runs(row: Row) -> _Values:
    known = dict.fromkeys((*_OUTCOMES.values(), _OTHER), 0)
    for code, number in row.outcomes.items():
        known[_OUTCOMES.get(code, _OTHER)] += number
    if row.figures is not None:
        yield from (((name,), number) for name, number in known.items())


def _queued(row: Row) -> _Values:
    if row.activity is not None:
        yield (), row.activity.queued


def _retried(row: Row) -> _Values:
    if row.activity is not None:
        yield (), row.activity.retried


def _steps(row: Row) -> _Values:
    if row.activity is not None:
        for state in ("running", "stopped", "invalid"):
            yield (state,), getattr(row.activity, state)


def _expected_freshness(row: Row) -> _Values:
    if row.expect is not None and row.expect.freshness is not None:
        yield (), seconds(row.expect.freshness)


def _expected_letters(row: Row) -> _Values:
    if row.expect is not None and row.expect.dead_letters is not None:
        yield (), row.expect.dead_letters


def _expected_records(row: Row) -> _Values:
    if row.expect is not None and row.expect.min_records is not None:
        yield (), row.expect.min_records


_GAUGES = (
    _Gauge("dead_letters", "Open dead letters.", _letters),
    _Gauge("freshness_seconds", "How old what the index has is.", _freshness, ("of",), "seconds"),
    _Gauge(
        "last_run_sent_records", "Records of the last run that has ended.", _sent, (), "records"
    ),
    _Gauge(
        "last_run_records",
        "What became of them, where a command waited for the run.",
        _results,
        ("result",),
        "records",
    ),
    _Gauge("last_run_timestamp_seconds", "When that run was triggered.", _triggered, (), "seconds"),
    _Gauge(
        "last_run_duration_seconds",
        "How long it took, where a command waited for it.",
        _took,
        (),
        "seconds",
    ),
    _Gauge("runs", "Runs of the last 24 hours, by outcome.", _runs, ("outcome",)),
    _Gauge("queued_flowfiles", "FlowFiles on their way.", _queued, (), "flowfiles"),
    _Gauge("retried_flowfiles", "Those that wait to be tried again.", _retried, (), "flowfiles"),
    _Gauge("steps", "Processors by state.", _steps, ("state",)),
    _Gauge("expected_freshness_seconds", "expect.freshness.", _expected_freshness, (), "seconds"),
    _Gauge("expected_dead_letters", "expect.dead_letters.", _expected_letters),
    _Gauge("expected_min_records", "expect.min_records.", _expected_records, (), "records"),
)

"""The tables of ``idemflow runs``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich import filesize
from rich.console import Group, RenderableType
from rich.markup import escape

from idemflow.cli.tables import table
from idemflow.elasticsearch.history import NOT_BEGUN, PastRun

# What the report of a run counts.
_COUNTS = (
    "created", "overwritten", "stale", "dead letters", "lost", "repeated", "deleted", "dropped",
    "duplicates", "collisions",
)  # fmt: skip


def history(runs: Sequence[PastRun], pipeline: str | None) -> RenderableType:
    """A line a run, newest first; its counts are in :func:`past_run`, which has the room."""
    if not runs:
        return f"{escape(pipeline) if pipeline else 'The project'} has no run in the ledger."
    several = ["pipeline"] if pipeline is None else []
    rows = table("run", *several, "trigger", right=("sent", "bytes", "seconds"))
    rows.add_column("verdict", overflow="fold")
    for run in runs:
        rows.add_row(
            run.run,
            *[run.pipeline] * len(several),
            run.trigger or "",
            _sent(run),
            _size(run.bytes),
            f"{run.report['seconds']:.1f}" if "seconds" in run.report else "",
            _verdict(run),
        )
    return rows


def past_run(run: PastRun) -> RenderableType:
    """All of one run."""
    rows = table("", "")
    rows.show_header = False
    facts = {
        "run": run.run,
        "pipeline": run.pipeline,
        "trigger": run.trigger or "not known",
        "started": run.started or "not known",
        "arguments": ", ".join(f"{k}={v}" for k, v in json.loads(run.arguments).items()) or "none",
        "flow": _flow(run.report.get("flow")),
        "sent": _sent(run),
        "bytes": f"{run.bytes:,}" if run.bytes else "",
        "accounted for": "" if run.run.startswith(NOT_BEGUN) else f"{run.accounted:,}",
        **{name: _number(run, name) for name in _COUNTS},
        "seconds": str(run.report.get("seconds", "")),
        "published": str(run.report.get("published") or ""),
    }
    for name, value in facts.items():
        if value:
            rows.add_row(name, escape(value))
    return Group(rows, _verdict(run))


def _sent(run: PastRun) -> str:
    """How many records were collected, where its summary says so."""
    return f"{run.records:,}" if run.complete else ""


def _size(number: int) -> str:
    """A number of bytes, short; nothing for none."""
    return filesize.decimal(number) if number else ""


def _flow(found: Mapping[str, Any] | None) -> str:
    """The commit of what ran."""
    if not found:
        return ""
    of = "the version on the canvas" if found["of"] == "canvas" else "the project"
    return f"{found['commit']}: {of}{', changed since' if found['changed'] else ''}"


def _number(run: PastRun, name: str) -> str:
    counted = not run.report and not run.run.startswith(NOT_BEGUN)
    known = {"dead letters": run.refused, "dropped": run.dropped} if counted else {}
    number = run.report.get(name.replace(" ", "_"), known.get(name))
    return "" if number is None else f"{number:,}"


def _verdict(run: PastRun) -> str:
    words = escape(run.verdict)
    given_up = not run.ended and (run.given_up or run.moving is False)
    bad = run.report["exit_code"] if run.report else given_up
    return f"[yellow]{words}[/]" if bad else words

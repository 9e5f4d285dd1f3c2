"""``status --check``, ``status --watch`` and ``metrics``: what monitoring sees of pipelines."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from idemflow.elasticsearch.history import newest_runs, outcomes
from idemflow.elasticsearch.ledger import RUNS
from tests.integration.tools import UNJUDGED, Idemflow, Project, processes, wait_until

NAME = "watched"
RECORDS = """\
def records(count, age):
    from datetime import UTC, datetime, timedelta
    at = datetime.now(UTC) - timedelta(minutes=age)
    for number in range(count):
        yield {"id": number, "at": at.isoformat()}
    yield {"name": "no id"}
"""
EXPECT = "\nexpect: {freshness: 15 min, dead_letters: 1, min_records: 4}\n"


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, command: Idemflow, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "idemflow", *arguments],
            env=command.environment() | {"TERM": "xterm", "COLUMNS": "140", "LINES": "40"},
            stdin=theirs, stdout=theirs, stderr=theirs,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )  # fmt: skip
        os.close(theirs)

    def shows(self, pattern: str, seconds: float = 20) -> str:
        """Wait until it prints something from now on; give what that matches."""
        text, deadline = "", time.monotonic() + seconds
        while time.monotonic() < deadline:
            if select.select([self._ours], [], [], 0.2)[0]:
                text += os.read(self._ours, 65536).decode(errors="replace")
                plain = " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).split())
                if found := re.search(pattern, plain):
                    return found[0]
        raise AssertionError(f"not within {seconds} s: {pattern}\n{text[-3000:]}")

    def end(self) -> int:
        """Press Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError):
                if select.select([self._ours], [], [], 0.1)[0]:
                    os.read(self._ours, 65536)
        os.close(self._ours)
        return self.process.wait(1)


@contextmanager
def held(command: Idemflow, server: str) -> Iterator[None]:
    """A server that does not answer for a while."""
    process = processes(command)[server]
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@pytest.fixture(scope="module")
def command(idemflow: Idemflow, tmp_path_factory: pytest.TempPathFactory) -> Idemflow:
    """A project with a pipeline that has run once: three documents, and a dead letter."""
    project = Project(tmp_path_factory.mktemp("monitored"))
    project.pipeline(NAME, RECORDS, EXPECT, at="date")
    project.change(NAME, "function: records", "function: records\n  arguments: {count: 3, age: 90}")
    made = idemflow.inside(project.path)
    made.json("run", NAME, code=7)
    return made


def test_the_check(command: Idemflow) -> None:
    (line,) = command.ok("status", "--check").stdout.splitlines()
    assert re.fullmatch(
        rf"OK {NAME}: the last run had 4 records, run \d+ s old, 1 open dead letter "
        r"\| freshness=\d+s;;900 dead_letters=1;;1 records=4;;4:",
        line,
    ), line
    assert command.ok("status", "--check", "--quiet").stdout == ""
    project = Project(command.settings().project)
    with changed(project, EXPECT, "\nexpect: {dead_letters: 0, min_records: 5}\n"):
        (line,) = command.ok("status", NAME, "--check", code=8).stdout.splitlines()
        assert line.startswith(
            f"FAILED {NAME}: its last run had 4 records, and 5 are the least; "
            "1 open dead letter, and 0 may be; next: idemflow runs list"
        ), line
        found = command.json("status", "--check", code=8)["pipelines"]
        assert [one["code"] for one in found[0]["findings"]] == [8, 7]


@contextmanager
def changed(project: Project, old: str, new: str) -> Iterator[None]:
    project.change(NAME, old, new)
    try:
        yield
    finally:
        project.change(NAME, new, old)


def test_freshness_by_the_newest_version(command: Idemflow) -> None:
    """An hour and a half, though the run is some seconds old; a version in the future is none."""
    project = Project(command.settings().project)
    with command.elasticsearch() as elasticsearch:
        ahead = datetime.now(UTC) + timedelta(days=1)
        elasticsearch.index(index=NAME, id="ahead", document={"at": ahead.isoformat()})
        elasticsearch.index(index=NAME, id="none", document={"id": 7})
        elasticsearch.indices.refresh(index=NAME)
    with changed(project, EXPECT, f"\nversion: at{EXPECT}"):
        (found,) = command.json("status", "--check", code=8)["pipelines"]
        assert found["freshness_of"] == "version"
        assert 5400 <= found["freshness"] < 5700
        assert "the newest version in its index is 90 min old" in found["findings"][0]["message"]
        with changed(project, "15 min", "15 min, freshness_of: run"):
            assert command.json("status", "--check")["pipelines"][0]["freshness_of"] == "run"


def test_a_server_that_does_not_answer(command: Idemflow) -> None:
    began = time.monotonic()
    with held(command, "nifi"):
        (line,) = command.ok("status", "--check", code=3).stdout.splitlines()
    assert time.monotonic() - began < 5
    assert line.startswith(f"FAILED {NAME}: NiFi does not answer; next: kill -CONT ")
    assert "records=4;;4:" in line, "Elasticsearch tells all the same"


def test_the_live_table_goes_on(command: Idemflow) -> None:
    refused = command.fail("status", "--watch")
    assert refused.code == 2
    assert "--check" in refused.stderr
    terminal = Terminal(command, "status", "--watch")
    terminal.shows(rf"{NAME} running 0 0 0 1 \d+ s 4: 1 record could not go in")
    with held(command, "nifi"):
        terminal.shows(rf"NiFi not answering, Elasticsearch running .*{NAME} \? \d+ \? \? 1")
    terminal.shows(rf"NiFi running, Elasticsearch running .*{NAME} running")
    command.json("run", NAME, "--set", "count=5000", *UNJUDGED)
    terminal.shows(rf"{NAME} running [1-9][\d,]* 0 0 1 \d+ s 5,001: ")
    assert terminal.end() == 0


def test_plain_status_has_the_records_of_the_last_runs(command: Idemflow) -> None:
    wait_until(lambda: "5,001" in command.ok("status").stdout, "the ledger has the run")
    assert "▂█ 5,001" in command.ok("status", NAME).stdout
    assert command.json("status")["pipelines"][0]["records"] == [4, 5001]


def test_a_replay_is_no_run(command: Idemflow) -> None:
    """However many came after the last run: it would be the last one that brought anything."""
    ledger = command.ledger()
    now, name = datetime.now(UTC), "replayed"
    with closing(ledger):
        for number in range(8):
            run = f"{now - timedelta(hours=9 - number):%Y%m%dT%H%M%S}000-3f8a12c{number}"
            summary = {"pipeline": name, "run": run, "records": number, "folded": True}
            summary |= {"replay": True} if number else {"report": {"exit_code": 7}}
            ledger.bulk([{"index": {"_index": RUNS, "_id": run}}, summary])
        (found,) = newest_runs(ledger, [name, "other"], 3)[name]
        assert (found.records, found.ended) == (0, True)
        counted = outcomes(ledger, [name, "other"], now - timedelta(hours=10))
        assert counted == {name: {7: 1}, "other": {}}
        assert outcomes(ledger, [name], now - timedelta(hours=8)) == {name: {}}


def test_metrics_are_what_the_commands_say(command: Idemflow) -> None:
    found = {
        (family.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(  # type: ignore[no-untyped-call]
            command.ok("metrics").stdout
        )
        for sample in family.samples
    }
    assert found["idemflow_up", "nifi"] == found["idemflow_up", "elasticsearch"] == 1
    assert found["idemflow_dead_letters", NAME] == 1
    assert found["idemflow_last_run_sent_records", NAME] == 5001
    assert found["idemflow_last_run_records", "created", NAME] == 4997
    assert found["idemflow_last_run_records", "overwritten", NAME] == 3
    assert found["idemflow_runs", "dead_letters", NAME] == 2
    assert found["idemflow_runs", "not_counted", NAME] == 0
    assert found["idemflow_queued_flowfiles", NAME] == 0
    assert 0 < found["idemflow_freshness_seconds", "run", NAME] < 600
    with held(command, "elasticsearch"):
        began = time.monotonic()
        told = command.json("metrics")["metrics"]
        assert time.monotonic() - began < 12
    up = {one["labels"]["server"]: one["value"] for one in told if one["name"] == "idemflow_up"}
    assert up["elasticsearch"] == 0
    assert not [one for one in told if one["name"] == "idemflow_dead_letters"]

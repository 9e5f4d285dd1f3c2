"""OpenLineage events: what is told, to whom, and that nobody waits for who takes them."""

from __future__ import annotations

import json
import logging
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from idemflow.commands import _lineage
from idemflow.commands._session import Session
from idemflow.config import settings
from idemflow.config.pip import pip
from idemflow.errors import CanvasError, SettingError, Stopped
from idemflow.pipeline import spec
from idemflow.servers.ports import any_free_port
from tests.serving import serving
from tests.unit.pipeline.test_expect import load

pytest.importorskip("openlineage.client", reason="the extra lineage is not installed")

REPORT: dict[str, Any] = {
    "run": "20260131T060000000-3f8a12cd",
    "sent": 12,
    "created": 7,
    "overwritten": 2,
    "dead_letters": 3,
    "lost": 0,
    "bytes": 900,
    "published": None,
    "flow": {"commit": "b47465615a96", "of": "project", "changed": True},
    "verdict": "nothing twice, nothing lost",
    "exit_code": 0,
}


def session(project: Path, to: str | None) -> Session:
    """What the events are made of; no server is asked."""
    pipeline = load(project, "description: some things\n")
    found = settings.resolve({"project": str(project), "lineage": to})
    url = SimpleNamespace(url="https://localhost:9200")
    target = SimpleNamespace(elasticsearch=url, nifi=SimpleNamespace(url="https://localhost:8443"))
    made = SimpleNamespace(name="things", pipeline=pipeline, settings=found, target=target)
    return cast(Session, made)


@contextmanager
def taking(events: list[dict[str, Any]]) -> Iterator[str]:
    """An endpoint; its address."""

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            events.append({"path": self.path, **json.loads(self.rfile.read(length))})
            self.send_response(201)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Taker)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


def tags(event: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in event["run"]["facets"]["tags"]["tags"]}


def test_a_run_that_ended_well(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    with (
        taking(events) as url,
        _lineage.told(session(tmp_path, url)) as lineage,
        lineage.run() as run,
    ):
        run.ended(REPORT)
    start, complete = events
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert complete["path"] == "/api/v1/lineage"
    assert (complete["job"]["namespace"], complete["job"]["name"]) == (
        "nifi://localhost:8443",
        "things",
    )
    assert complete["job"]["facets"]["documentation"]["description"] == "some things"
    (output,) = complete["outputs"]
    assert (output["namespace"], output["name"]) == ("elasticsearch://localhost:9200", "things")
    statistics = output["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (9, 900)
    told = tags(complete)
    assert (told["run"], told["dead_letters"], told["commit"], told["changed"]) == (
        REPORT["run"], "3", "b47465615a96", "true",
    )  # fmt: skip


def test_runs_that_ended_badly(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    bad = {**REPORT, "verdict": "3 records could not go in", "exit_code": 7}
    with taking(events) as url, _lineage.told(session(tmp_path, f"{url}/own/path")) as lineage:
        with lineage.run() as run:
            run.ended(bad)
        with pytest.raises(CanvasError), lineage.run():
            raise CanvasError("the script fails")
        with pytest.raises(Stopped), lineage.run():
            raise Stopped("no longer waiting")
    assert [one["eventType"] for one in events] == ["START", "FAIL", "START", "FAIL", "START"]
    assert events[1]["path"] == "/own/path"
    messages = [events[at]["run"]["facets"]["errorMessage"]["message"] for at in (1, 3)]
    assert messages == [bad["verdict"], "the script fails"]


@pytest.mark.parametrize("hangs", [False, True])
def test_nobody_waits_for_a_dead_endpoint(
    tmp_path: Path,
    hangs: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that refuses connections, and one that takes them and never answers: one warning."""
    monkeypatch.setattr(_lineage, "ANSWERS_WITHIN", 0.5)
    with socket.socket() as taker:
        port = any_free_port()
        if hangs:
            taker.bind(("127.0.0.1", port))
            taker.listen()
        began = time.monotonic()
        with (
            caplog.at_level(logging.WARNING, logger="idemflow"),
            _lineage.told(session(tmp_path, f"http://127.0.0.1:{port}")) as lineage,
        ):
            for _ in range(3):
                with lineage.run() as run:
                    run.ended(REPORT)
        assert time.monotonic() - began < _lineage.ANSWERS_WITHIN + 5
    (warning,) = [one.getMessage() for one in caplog.records]
    assert "the lineage of things was not told to http://127.0.0.1:" in warning


def test_a_file(tmp_path: Path) -> None:
    with (
        _lineage.told(session(tmp_path, str(tmp_path / "lineage.jsonl"))) as lineage,
        lineage.run() as run,
    ):
        run.ended(REPORT)
    file = tmp_path / "lineage.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [one["eventType"] for one in lines] == ["START", "COMPLETE"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_read_of_files_is_an_input(tmp_path: Path) -> None:
    opened = session(tmp_path, str(tmp_path / "lineage.jsonl"))
    (tmp_path / "data").mkdir()
    yaml = (tmp_path / "flows/things.yaml").read_text()
    place = yaml.index("collect:"), yaml.index("identity:")
    files = "collect: {files: {directory: data, format: csv}}\n"
    (tmp_path / "flows/things.yaml").write_text(yaml[: place[0]] + files + yaml[place[1] :])
    cast(Any, opened).pipeline = spec.load(tmp_path, "things")
    with _lineage.told(opened) as lineage, lineage.run() as run:
        run.ended(REPORT)
    complete = json.loads((tmp_path / "lineage.jsonl").read_text().splitlines()[-1])
    (read,) = complete["inputs"]
    assert (read["namespace"], read["name"]) == ("file", str(tmp_path / "data"))
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 12


def test_without_the_setting_nothing_is_told(tmp_path: Path) -> None:
    threads = threading.active_count()
    with _lineage.told(session(tmp_path, None)) as lineage, lineage.run() as run:
        run.ended(REPORT)
        assert threading.active_count() == threads


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openlineage.client", None)
    with (
        pytest.raises(SettingError) as caught,
        _lineage.told(session(tmp_path, "http://127.0.0.1:1")),
    ):
        pass
    assert caught.value.next_command == pip("install 'idemflow[lineage]'")


@pytest.mark.parametrize("wrong", ["ftp://host/lineage", "https://user:word@host"])
def test_a_setting_that_is_neither(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(SettingError) as caught:
        session(tmp_path, wrong)
    assert "neither an address" in caught.value.message

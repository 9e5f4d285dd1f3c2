"""Metrics: the text as the library's own parser reads it, and who gets it, within which time."""

from __future__ import annotations

import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from click.testing import CliRunner
from prometheus_client import CollectorRegistry, exposition
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from idemflow.canvas.monitoring import Activity
from idemflow.cli import main
from idemflow.commands import metrics
from idemflow.commands._figures import Figures
from idemflow.commands.live import Look, Row
from idemflow.config import settings
from idemflow.config.settings import Settings
from idemflow.elasticsearch.history import NOT_COUNTED, PastRun
from idemflow.errors import IdemflowError, PortTaken
from idemflow.pipeline.expect import Expect
from idemflow.security.secrets import metrics_token, stored_secrets
from idemflow.servers.ports import any_free_port

YAML = """\
pipeline: one
collect: {script: scripts/one.py, function: records}
identity: id
index: {name: one}
expect: {freshness: 15 min, dead_letters: 0}
"""
REPORT = {"created": 7, "overwritten": 2, "stale": 1, "dead_letters": 0, "lost": 0,
          "duplicates": 0, "seconds": 1.5, "exit_code": 0, "verdict": "nothing lost"}  # fmt: skip
RUN = PastRun(
    "20260131T115500000-3f8a12cd", "people", "command", None, "{}", 10, 10, 0, 0, REPORT
)  # fmt: skip
ROW = Row(
    "people",
    Activity(10, 100, 1, 9, 2, 1, {"try again → Put documents": 2}),
    figures=Figures("people", (RUN,), 4, RUN.time, "version"),
    age=420,
    expect=Expect(freshness="15 min", dead_letters=0, min_records=9),
    outcomes={0: 3, 5: 1, NOT_COUNTED: 20, 1: 1},
)
UP = {"nifi": "running", "elasticsearch": "running"}
LOOK = Look(datetime.now(UTC), UP, (ROW, Row("other")))

Found = dict[tuple[str, ...], float]


def parsed(text: str) -> Found:
    """Name and values of labels to the value, as Prometheus' own library reads the text."""
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    return {
        (one.name, *(one.labels[key] for key in sorted(one.labels, key=_pipeline_first))): one.value
        for family in families
        for one in family.samples
    }


def _pipeline_first(label: str) -> bool:
    return label != "pipeline"


def told(look: Any, within: float = 5) -> Found:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics.Figures(look, within))
    encode, _ = exposition.choose_encoder("application/openmetrics-text; version=1.0.0")
    return parsed(encode(registry).decode())


def test_every_figure_of_a_pipeline() -> None:
    found = told(lambda: LOOK)
    assert found.pop(("idemflow_build_info", "0.1.0")) == 1
    assert RUN.time
    of_people: dict[str, float] = {
        "dead_letters": 4, "last_run_sent_records": 10, "queued_flowfiles": 10,
        "retried_flowfiles": 2, "last_run_timestamp_seconds": RUN.time.timestamp(),
        "last_run_duration_seconds": 1.5, "expected_freshness_seconds": 900,
        "expected_dead_letters": 0, "expected_min_records": 9,
    }  # fmt: skip
    labelled: dict[str, dict[str, float]] = {
        "freshness_seconds": {"version": 420},
        "last_run_records": {
            "created": 7, "overwritten": 2, "stale": 1, "dead_letters": 0, "lost": 0,
            "duplicates": 0,
        },
        "runs": {"ok": 3, "not_idempotent": 1, "dead_letters": 0, "nothing_read": 0,
                 "not_counted": 20, "failed": 1},
        "steps": {"running": 9, "stopped": 2, "invalid": 1},
    }  # fmt: skip
    wanted: Found = {
        ("idemflow_up", "nifi"): 1,
        ("idemflow_up", "elasticsearch"): 1,
        **{(f"idemflow_{name}", "people"): value for name, value in of_people.items()},
        **{
            (f"idemflow_{name}", "people", label): value
            for name, values in labelled.items()
            for label, value in values.items()
        },
    }
    assert found == wanted


def test_what_is_not_known_is_left_out() -> None:
    away = replace(LOOK, servers={"nifi": "dead", "elasticsearch": "not answering"},
                   rows=(replace(ROW, activity=None, figures=None, outcomes={}),))  # fmt: skip
    found = told(lambda: away)
    assert (found["idemflow_up", "nifi"], found["idemflow_up", "elasticsearch"]) == (0, 0)
    assert {name for name, *_ in found} == {
        "idemflow_build_info", "idemflow_up", "idemflow_expected_freshness_seconds",
        "idemflow_expected_dead_letters", "idemflow_expected_min_records",
    }  # fmt: skip


def test_a_look_that_takes_too_long_is_no_figure_and_the_next_is() -> None:
    go, looks = threading.Event(), []

    def look() -> Look:
        looks.append(1)
        go.wait(10)
        return LOOK

    figures = metrics.Figures(look, 0.2)
    for _ in range(2):
        began = time.monotonic()
        found = {tuple(s.labels.values()): s.value for f in figures.collect() for s in f.samples}
        assert time.monotonic() - began < 2
        assert (found["nifi",], found["elasticsearch",]) == (0, 0)
    assert len(looks) == 1, "one that is under way is not begun again"
    go.set()
    deadline = time.monotonic() + 10
    while len([*figures.collect()][2].samples) != 1:
        assert time.monotonic() < deadline


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for folder in ("flows", "scripts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "scripts/one.py").write_text("def records():\n    yield {'id': 1}\n")
    (tmp_path / "flows/one.yaml").write_text(YAML)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDEMFLOW_HOME", str(tmp_path / "home"))
    return settings.resolve({"project": tmp_path})


@contextmanager
def serving(project: Settings) -> Iterator[str]:
    server = metrics.Server(project, any_free_port())
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.url
    finally:
        server.stop()
        thread.join(10)


def listeners() -> list[tuple[str, int]]:
    """Where this process listens."""
    found = psutil.Process().net_connections("tcp")
    return [(one.laddr.ip, one.laddr.port) for one in found if one.status == psutil.CONN_LISTEN]


def test_servers_that_are_down_are_figures(project: Settings) -> None:
    done = CliRunner().invoke(main, ["metrics"])
    assert done.exit_code == 0
    found = parsed(done.output)
    assert (found["idemflow_up", "nifi"], found["idemflow_up", "elasticsearch"]) == (0, 0)
    assert found["idemflow_expected_freshness_seconds", "one"] == 900
    as_json = json.loads(CliRunner().invoke(main, ["metrics", "--json"]).output)["metrics"]
    assert {"name": "idemflow_up", "labels": {"server": "nifi"}, "value": 0.0} in as_json
    assert not (project.folders.secrets / "metrics.json").exists(), "nobody asked for it"


def test_only_who_shows_the_token_gets_the_figures(project: Settings) -> None:
    shown = CliRunner().invoke(main, ["metrics", "--show-token"]).output.strip()
    file = project.folders.secrets / "metrics.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert shown in stored_secrets(project.folders.secrets), "so that no log has it"
    assert metrics_token(project.folders.secrets) == shown, "it stays"
    with serving(project) as url:
        port = int(url.removesuffix("/metrics").rpartition(":")[2])
        assert {ip for ip, listening in listeners() if listening == port} == {"127.0.0.1"}
        for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {shown}"}):
            refused = requests.get(url, headers=header, timeout=10)
            assert (refused.status_code, "idemflow_" in refused.text) == (401, False)
            assert refused.headers["WWW-Authenticate"] == "Bearer"
        login = {"Authorization": f"Bearer {shown}"}
        assert requests.get(
            url.replace("/metrics", "/"), headers=login, timeout=10
        ).status_code == (404)
        accepted = {"Accept": "application/openmetrics-text; version=1.0.0"}
        answer = requests.get(url, headers=login | accepted, timeout=10)
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert parsed(answer.text)["idemflow_up", "nifi"] == 0
        plain = requests.get(url, headers=login, timeout=10)
        assert plain.headers["Content-Type"].startswith("text/plain")
        assert 'idemflow_up{server="nifi"} 0.0' in plain.text


def test_a_pipeline_that_comes_meanwhile(project: Settings) -> None:
    login = {"Authorization": f"Bearer {metrics.token(project)}"}
    with serving(project) as url:
        text = YAML.replace("one", "two").replace("scripts/two", "scripts/one")
        (project.project / "flows/two.yaml").write_text(text)
        assert 'expected_dead_letters{pipeline="two"}' in (
            requests.get(url, headers=login, timeout=10).text
        )


def test_a_token_that_is_damaged(project: Settings) -> None:
    metrics.token(project)
    for content in ("", "[]", '{"metrics_token": ""}', '{"metrics_token": 7}'):
        (project.folders.secrets / "metrics.json").write_text(content)
        with pytest.raises(IdemflowError, match="is damaged"):
            metrics.token(project)


def test_a_port_that_is_taken(project: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} is taken"):
            metrics.Server(project, port)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("more", [["--json"], ["--show-token"]])
def test_what_a_server_does_not_print(more: list[str]) -> None:
    done = CliRunner().invoke(main, ["metrics", "--serve", "9464", *more])
    assert done.exit_code == 2
    assert "next: idemflow metrics --serve 9464" in done.output

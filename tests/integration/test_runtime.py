"""The embedded runtime: started through ``up``, safe, and told apart from everything else."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import requests

from idemflow.config.endpoint import Endpoint, session
from idemflow.errors import LoginRefused
from idemflow.servers import login
from tests.integration.tools import (
    Idemflow,
    Project,
    family,
    free_ports,
    on_free_ports,
    processes,
    readable_folder,
    wait_until,
)

pytestmark = pytest.mark.timeout(900)


def secrets(idemflow: Idemflow) -> dict[str, str]:
    file = idemflow.settings().folders.secrets / "login.json"
    return {str(k): str(v) for k, v in json.loads(file.read_text(encoding="utf-8")).items()}


def get(endpoint: Endpoint, path: str, **options: object) -> requests.Response:
    with session(endpoint) as http:
        return http.get(endpoint.url + path, timeout=30, **options)  # type: ignore[arg-type]


def test_a_second_up_changes_nothing(idemflow: Idemflow) -> None:
    before = {name: process.pid for name, process in processes(idemflow).items()}
    result = idemflow.json("up")
    assert result["started"] == []
    assert set(result["already"]) == {"nifi", "elasticsearch"}
    assert "already run" in idemflow.ok("up").stdout
    assert {name: process.pid for name, process in processes(idemflow).items()} == before


def test_status(idemflow: Idemflow) -> None:
    servers = {s["name"]: s for s in idemflow.json("status")["servers"]}
    assert servers["nifi"]["version"] == "2.3.0"
    assert servers["elasticsearch"]["version"] == "8.17.4"
    assert servers["elasticsearch"]["health"] in ("yellow", "green")
    assert {s["state"] for s in servers.values()} == {"running"}
    table = idemflow.ok("status").stdout
    for server in servers.values():
        assert str(server["pid"]) in table
        assert str(server["port"]) in table


@pytest.mark.parametrize("server", ["nifi", "elasticsearch"])
def test_a_server_that_is_held_is_told_in_time(idemflow: Idemflow, server: str) -> None:
    process = processes(idemflow)[server]
    process.suspend()
    try:
        stopped = psutil.STATUS_STOPPED
        wait_until(lambda: process.status() == stopped, "the process is held")
        began = time.monotonic()
        status = idemflow.run("status", "--json")
        assert time.monotonic() - began < 5
        assert status.code == 3
        states = {s["name"]: s["state"] for s in status.json()["servers"]}
        other = "elasticsearch" if server == "nifi" else "nifi"
        assert states == {server: "not answering", other: "running"}
        assert f"next: kill -CONT {process.pid}" in idemflow.run("status").stdout
        assert f"next: kill -CONT {process.pid}" in idemflow.fail("up").stderr
        for command in ("run", "verify"):
            began = time.monotonic()
            refused = idemflow.fail(command, "people")
            assert time.monotonic() - began < 25, command
            assert refused.code == 3
            assert "does not answer" in refused.stderr
            assert "next: idemflow status" in refused.stderr
    finally:
        process.resume()
    assert idemflow.json("up")["started"] == []


def test_both_servers_stay_below_the_promised_memory(idemflow: Idemflow) -> None:
    resident = sum(process.memory_info().rss for process in family(idemflow))
    assert resident < 3.5 * 1024**3


def test_nothing_listens_elsewhere_than_on_loopback(idemflow: Idemflow) -> None:
    pids = {process.pid for process in family(idemflow)}
    listening = [
        address
        for c in psutil.net_connections("inet")
        if c.pid in pids and c.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
        for address in c.laddr[:1]
    ]
    assert len(listening) >= 2
    assert set(listening) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_the_servers_are_not_root(idemflow: Idemflow) -> None:
    for process in family(idemflow):
        assert process.uids().real != 0
        assert process.uids().effective != 0


def test_secrets_are_in_no_process_list_and_in_no_log(idemflow: Idemflow) -> None:
    values = secrets(idemflow).values()
    for process in family(idemflow):
        shown = "\0".join([*process.cmdline(), *process.environ().values()])
        assert not [value for value in values if value in shown]
    home = idemflow.settings().home
    logs = [file for file in home.glob("*/logs/*") if file.is_file()]
    assert logs
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        assert not [value for value in values if value in text], log


def test_files_with_secrets_are_private(idemflow: Idemflow) -> None:
    home = idemflow.settings().home
    values = secrets(idemflow).values()
    places = (home / "secrets", home / "nifi" / "conf", home / "elasticsearch" / "config")
    files = [file for place in places for file in place.rglob("*") if file.is_file()]
    assert len(files) > 10
    for place in places:
        assert place.stat().st_mode & 0o077 == 0, place
    for file in files:
        if file.name != "elasticsearch.keystore":  # Elasticsearch's own, 0660 in a folder 0700
            assert file.stat().st_mode & 0o077 == 0, file
    users = (home / "elasticsearch" / "config" / "users").read_text(encoding="utf-8")
    providers = home / "nifi" / "conf" / "login-identity-providers.xml"
    for text in (users, providers.read_text(encoding="utf-8")):
        assert not [value for value in values if value in text]


def test_what_is_done_is_on_the_disk_before_it_counts(idemflow: Idemflow) -> None:
    conf = idemflow.settings().home / "nifi" / "conf"
    given = (conf / "nifi.properties").read_text(encoding="utf-8")
    for repository in ("flowfile", "content"):
        assert f"\nnifi.{repository}.repository.always.sync=true\n" in given
    assert '"Always Sync">true<' in (conf / "state-management.xml").read_text(encoding="utf-8")


def test_certificates_are_of_the_runtimes_own_authority(idemflow: Idemflow) -> None:
    chosen = idemflow.settings()
    ca_file = chosen.folders.certificates / "ca.crt"
    for port in (chosen.nifi_port, chosen.elasticsearch_port):
        context = ssl.create_default_context(cafile=str(ca_file))
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            assert secure.version() in ("TLSv1.2", "TLSv1.3")
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


def test_nobody_gets_in_without_the_login(idemflow: Idemflow) -> None:
    servers = idemflow.target()
    assert get(servers.nifi, "/nifi-api/flow/status").status_code == 401
    assert get(servers.elasticsearch, "/_search").status_code == 401
    with pytest.raises(LoginRefused):
        login(replace(servers.nifi, password="wrong"))
    wrong = (servers.elasticsearch.username, "wrong")
    assert get(servers.elasticsearch, "/_search", auth=wrong).status_code == 401
    assert get(servers.elasticsearch, "/_search", auth=("elastic", "changeme")).status_code == 401


def test_open_shows_the_login_on_request_only(idemflow: Idemflow) -> None:
    password = secrets(idemflow)["nifi_password"]
    shown = idemflow.ok("open", "--print").stdout
    assert password not in shown
    assert "User: admin" in shown
    assert str(idemflow.settings().folders.secrets) in shown
    assert password in idemflow.ok("open", "--print", "--show-login").stdout
    assert "password" not in idemflow.json("open")


def test_each_request_is_told_without_secrets(idemflow: Idemflow) -> None:
    shown = idemflow.ok("status", "-vv").stderr
    assert '"POST /nifi-api/access/token HTTP/1.1" 201' in shown
    assert '"GET /_cluster/health HTTP/1.1" 200' in shown
    assert not [secret for secret in secrets(idemflow).values() if secret in shown]
    assert "Bearer" not in shown


def test_logs(idemflow: Idemflow) -> None:
    for server in ("nifi", "elasticsearch"):
        assert len(idemflow.ok("logs", server, "-n", "3").stdout.splitlines()) == 3


def test_the_port_of_another_checkout_is_explained(idemflow: Idemflow, project: Project) -> None:
    place = {"project": project.path, "home": project.path / ".idemflow"}
    other = Idemflow(idemflow.settings().model_copy(update=place))
    result = other.fail("up")
    assert f"port {idemflow.settings().nifi_port}, which nifi needs" in result.stderr
    assert f"the idemflow runtime of {idemflow.settings().project}" in result.stderr
    assert "next: idemflow up --nifi-port " in result.stderr
    assert "Nothing was running" in other.ok("down").stdout
    assert len(processes(idemflow)) == 2


def test_another_port_for_a_running_server_is_refused(idemflow: Idemflow) -> None:
    running = idemflow.settings().nifi_port
    other = Idemflow(idemflow.settings().model_copy(update={"nifi_port": free_ports(1)[0]}))
    result = other.fail("up")
    assert result.code == 2
    assert f"NiFi runs on port {running}" in result.stderr
    assert "next: idemflow down && idemflow up --nifi-port" in result.stderr


def test_an_option_that_running_servers_do_not_have_is_refused(
    idemflow: Idemflow, shared_folder: Path
) -> None:
    result = idemflow.fail("up", "--nifi-heap", "1234m", "--nars", str(shared_folder))
    assert result.code == 2
    assert "nifi_heap: NiFi runs with 1g, not 1234m" in result.stderr
    assert "next: idemflow down && idemflow up --nifi-heap 1234m" in result.stderr
    assert "already" not in result.stdout
    result = idemflow.fail("up", "--nars", str(shared_folder))
    assert result.code == 2
    assert f"nars: NiFi runs with none, not {shared_folder}" in result.stderr


@pytest.fixture
def second() -> Iterator[Idemflow]:
    """A runtime of its own, not started."""
    with readable_folder() as folder:
        (folder / "flows").mkdir()
        command = on_free_ports(project=str(folder))
        yield command
        command.run("down", "--delete", "--yes")


def test_a_server_that_dies_while_it_starts_is_shown_with_its_log(second: Idemflow) -> None:
    result = second.fail("up", "--nifi-heap", "1m")
    assert result.code == 1
    assert "NiFi ended while it started" in result.stderr
    assert "Too small" in result.stderr
    assert "next: idemflow logs nifi" in result.stderr


def test_a_folder_without_nars_is_refused_and_not_remembered(second: Idemflow) -> None:
    home = second.settings().home
    result = second.fail("up", "--nars", str(home))
    assert result.code == 2
    assert f"{home} is not a folder with NARs in it" in " ".join(result.stderr.split())
    assert "idemflow up --no-nars" in " ".join(result.stderr.split())
    assert not (home / "remembered.json").exists()


def test_a_process_that_took_a_recorded_number_is_left_alone(second: Idemflow) -> None:
    home = second.settings().home
    home.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        started = psutil.Process(stranger.pid).create_time()
        record = {"pid": stranger.pid, "create_time": started - 100, "port": 8443, "version": "x"}
        state = {"servers": {"nifi": record}, "grants": []}
        (home / "state.json").write_text(json.dumps(state), encoding="utf-8")
        (home / "lock").touch()
        down = {"stopped": [], "killed": [], "gone": ["nifi"], "supervisor": None}
        assert second.json("down") == down
        assert stranger.poll() is None
        stranger.kill()

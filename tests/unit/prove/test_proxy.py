"""What stands between NiFi and Elasticsearch: what it passes on, and what it does not."""

from __future__ import annotations

import gzip
import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from idemflow.config.endpoint import Endpoint
from idemflow.config.paths import Home
from idemflow.prove.proxy import Proxy, Rule, proxy
from idemflow.security import certificates
from tests.serving import serving


class Receiver(BaseHTTPRequestHandler):
    """Answers a bulk request as Elasticsearch does, and keeps what it got."""

    protocol_version = "HTTP/1.1"
    got: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, body))
        plain = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
        lines = [json.loads(line) for line in plain.splitlines()]
        actions = [
            next(iter(one.items())) for one in lines if next(iter(one)) in ("index", "delete")
        ]
        items = [{name: {**action, "status": 200}} for name, action in actions]
        answer = json.dumps({"errors": False, "items": items}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Elastic-Product", self.headers["Authorization"] or "none")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *given: Any) -> None: ...


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    for folder in (made.secrets, made.certificates):
        folder.mkdir()
    return made


@contextmanager
def receiver(home: Home) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    authority = certificates.ensure_authority(
        home.certificates / "ca.crt", home.secrets / "ca.key", replaceable=False
    )
    issued = certificates.issue(authority, "receiver")
    key = home.secrets / "receiver.key"
    key.write_bytes(issued.key_pem() + issued.pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(key)
    got: list[tuple[str, bytes]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Receiver,), {"got": got}))
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield f"https://localhost:{server.server_address[1]}", got


@pytest.fixture
def between(home: Home) -> Iterator[tuple[Proxy, list[tuple[str, bytes]], requests.Session]]:
    ca = home.certificates / "ca.crt"
    with (
        receiver(home) as (url, got),
        proxy(home, Endpoint(url, "", "", ca)) as made,
        requests.Session() as session,
    ):
        session.trust_env = False  # which may name another CA
        session.verify = str(ca)
        yield made, got, session


def bulk(index: str, count: int = 4) -> bytes:
    lines = "".join(
        f'{{"index":{{"_index":"{index}","_id":"{number}"}}}}\n{{"n":{number}}}\n'
        for number in range(count)
    )
    return (lines + f'{{"delete":{{"_index":"{index}","_id":"gone"}}}}\n').encode()


Between = tuple[Proxy, list[tuple[str, bytes]], requests.Session]


def test_all_is_passed_on_as_it_came(between: Between) -> None:
    made, got, session = between
    made.arm("people", Rule("refuse", times=100))
    body = bulk("idemflow-runs")
    answer = session.post(f"{made.url}/_bulk?x=1", body, headers={"Authorization": "Basic abc"})
    assert (answer.status_code, answer.headers["X-Elastic-Product"]) == (200, "Basic abc")
    assert got == [("/_bulk?x=1", body)]
    assert len(answer.json()["items"]) == 5


def test_requests_with_documents_are_refused_so_often(between: Between) -> None:
    made, got, session = between
    rule = Rule("refuse", times=2, status=503)
    made.arm("people", rule)
    codes = [session.post(f"{made.url}/_bulk", bulk("people")).status_code for _ in range(3)]
    assert (codes, rule.hits, len(got)) == ([503, 503, 200], 2, 1)


def test_a_reply_is_lost_that_elasticsearch_gave(between: Between) -> None:
    made, got, session = between
    made.arm("people", Rule("lose reply"))
    with pytest.raises(requests.ConnectionError):
        session.post(f"{made.url}/_bulk", bulk("people"))
    assert [path for path, _ in got] == ["/_bulk"]
    assert session.post(f"{made.url}/_bulk", bulk("people")).status_code == 200


def test_half_of_a_request_is_refused(between: Between) -> None:
    made, got, session = between
    made.arm("people", Rule("refuse half"))
    packed = gzip.compress(bulk("people"))
    answer = session.post(f"{made.url}/_bulk", packed, headers={"Content-Encoding": "gzip"}).json()
    statuses = [next(iter(item.values()))["status"] for item in answer["items"]]
    assert (answer["errors"], statuses) == (True, [200, 429, 200, 429, 200])
    ids = [json.loads(line)["index"]["_id"] for line in got[0][1].splitlines()[:4:2]]
    assert ids == ["0", "2"]
    assert got[0][1].endswith(b'{"delete":{"_index":"people","_id":"gone"}}\n')


@pytest.mark.parametrize(("action", "arrived"), [("hold", 0), ("hold reply", 1)])
def test_a_request_is_held_until_it_may_go(between: Between, action: str, arrived: int) -> None:
    made, got, session = between
    rule = Rule(action)  # type: ignore[arg-type]
    made.arm("people", rule)
    codes: list[int] = []
    thread = threading.Thread(
        target=lambda: codes.append(session.post(f"{made.url}/_bulk", bulk("people")).status_code)
    )
    thread.start()
    assert rule.reached.wait(10)
    time.sleep(0.1)
    assert (codes, len(got), rule.answered.is_set()) == ([], arrived, bool(arrived))
    made.arm("people", None)
    thread.join(10)
    assert (codes, len(got), rule.answered.is_set()) == ([200], 1, True)


def test_chunks_are_understood(between: Between) -> None:
    made, got, session = between
    answer = session.post(f"{made.url}/_bulk", iter([bulk("people")[:20], bulk("people")[20:]]))
    assert (answer.status_code, got[0][1]) == (200, bulk("people"))


def test_elasticsearch_is_away(home: Home) -> None:
    with receiver(home) as (url, _):
        pass
    ca = home.certificates / "ca.crt"
    with proxy(home, Endpoint(url, "", "", ca)) as made:
        context = ssl.create_default_context(cafile=str(ca))
        port = int(made.url.rpartition(":")[2])
        connection = http.client.HTTPSConnection("localhost", port, context=context)
        connection.request("POST", "/_bulk", bulk("people"))
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()
        connection.close()
    assert not list(home.secrets.glob("tmp*"))

"""What stands between NiFi and Elasticsearch while a pipeline is proved, and can lose a reply.

It speaks TLS with a certificate of the runtime's own CA on a port of loopback, passes all on with
the login that it came with, and keeps none of it. A :class:`Rule` says what is done to the requests
that carry documents of one index.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import logging
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from idemflow.config.endpoint import Endpoint
from idemflow.config.paths import Home
from idemflow.security import certificates
from idemflow.security.owner import write_file

_log = logging.getLogger(__name__)
# How long a request is held at most, and Elasticsearch may take to answer, in seconds.
_HELD = 50.0
_ANSWERS_WITHIN = 120.0
_MAX_BYTES = 256 << 20
# Headers that belong to one connection.
_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "host"}

Action = Literal["hold", "hold reply", "lose reply", "refuse", "refuse half", "slow"]


@dataclass
class Rule:
    """What is done to bulk requests that carry documents.

    Attributes:
        action: ``hold`` it until :attr:`go`; pass it on and ``hold reply``; pass it on and
            ``lose reply``; ``refuse`` all of it with :attr:`status`; pass every second document on
            and ``refuse half``; or pass it on ``slow``.
        times: how many requests it is done to.
        status: of what is refused.
        seconds: of a slow request.
        reached: set once it is done to one, or is about to be.
        go: lets go what is held.
        answered: set once Elasticsearch has answered one.
        hits: how many requests it was done to.
    """

    action: Action
    times: int = 1
    status: int = 429
    seconds: float = 0.0
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    hits: int = 0


class Proxy:
    """The proxy; :func:`proxy` starts one.

    Attributes:
        url: its address, for NiFi.
    """

    def __init__(self, upstream: Endpoint, context: ssl.SSLContext) -> None:
        self._upstream = urlsplit(upstream.url)
        self._trust = ssl.create_default_context(cafile=str(upstream.ca_file))
        self._rule: Rule | None = None
        self._index = b""
        self._lock = threading.Lock()
        self.server = _Server(context, self)
        self.url = f"https://localhost:{self.server.server_address[1]}"

    def arm(self, index: str, rule: Rule | None) -> None:
        """From now on do this to requests with documents of an index; ``None`` for nothing."""
        with self._lock:
            if self._rule is not None:
                self._rule.go.set()
            self._index, self._rule = index.encode(), rule

    def take(self, path: str, body: bytes) -> Rule | None:
        """What is to be done to a request."""
        with self._lock:
            rule = self._rule
            if rule is None or rule.hits >= rule.times or not path.endswith("/_bulk"):
                return None
            if self._index not in body:
                return None
            rule.hits += 1
            return rule

    def forward(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask Elasticsearch.

        Raises:
            OSError: it is away, or goes away meanwhile.
            http.client.HTTPException: the same.
        """
        connection = http.client.HTTPSConnection(
            self._upstream.hostname or "localhost", self._upstream.port or 443,
            timeout=_ANSWERS_WITHIN, context=self._trust,
        )  # fmt: skip
        with contextlib.closing(connection):
            connection.request(method, target, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, proxy: Proxy) -> None:
        self._context = context
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        plain, address = super().get_request()
        # The handshake is the handler's: it must not keep others waiting.
        made = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        return made, address

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        _log.debug("a connection through the proxy ended", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 300

    def setup(self) -> None:
        self.request.settimeout(30)
        self.request.do_handshake()
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's name)
        _log.debug(format, *args)

    def _pass(self) -> None:
        body = self._body()
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
        path = self.path.partition("?")[0]
        plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        proxy = self.server.proxy
        rule = proxy.take(path, plain)
        try:
            if rule is None:
                self._answer(*proxy.forward(self.command, self.path, headers, body))
                return
            self._apply(rule, headers, body, plain)
        except (OSError, http.client.HTTPException) as error:
            _log.debug("the proxy drops a connection: %s", error)
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _pass  # noqa: N815 (the library's names)

    def _apply(self, rule: Rule, headers: dict[str, str], body: bytes, plain: bytes) -> None:
        proxy = self.server.proxy
        if rule.action == "refuse":
            rule.reached.set()
            self._answer(rule.status, [("Content-Type", "application/json")], _refusal(rule.status))
            return
        if rule.action == "refuse half":
            self._half(rule, headers, plain)
            return
        if rule.action in ("hold", "slow"):
            rule.reached.set()
            if rule.action == "slow":
                time.sleep(rule.seconds)
            else:
                rule.go.wait(_HELD)
        answer = proxy.forward(self.command, self.path, headers, body)
        rule.answered.set()
        if rule.action == "hold reply":
            rule.reached.set()
            rule.go.wait(_HELD)
        if rule.action == "lose reply":
            rule.reached.set()
            self.close_connection = True
            return
        self._answer(*answer)

    def _half(self, rule: Rule, headers: dict[str, str], plain: bytes) -> None:
        """Pass every second operation on, and say of the others that there was no room."""
        headers = {k: v for k, v in headers.items() if k.lower() != "content-encoding"}
        operations = list(_operations(plain))
        if len(operations) < 2:  # there is no half of it
            rule.hits -= 1
            self._answer(*self.server.proxy.forward(self.command, self.path, headers, plain))
            return
        passed = operations[::2]
        status, more, answer = self.server.proxy.forward(
            self.command, self.path, headers, b"".join(one for one, _, _ in passed)
        )
        if status != 200:
            rule.hits -= 1
            self._answer(status, more, answer)
            return
        rule.reached.set()
        kept = [(k, v) for k, v in more if k.lower() != "content-encoding"]
        given = gzip.decompress(answer) if len(kept) < len(more) else answer
        found = json.loads(given)
        items: list[Any] = []
        replies = iter(found["items"])
        for number, (_, name, action) in enumerate(operations):
            items.append(
                {name: {**action, "status": 429, "error": _FULL}} if number % 2 else next(replies)
            )
        found |= {"items": items, "errors": True}
        self._answer(status, kept, json.dumps(found).encode())

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            length = int(self.headers.get("Content-Length") or 0)
            return self.rfile.read(min(length, _MAX_BYTES))
        parts = []
        while size := int(self.rfile.readline(100).split(b";")[0], 16):
            parts.append(self.rfile.read(min(size, _MAX_BYTES)))
            self.rfile.readline(100)
        self.rfile.readline(100)
        return b"".join(parts)


_FULL = {
    "type": "es_rejected_execution_exception",
    "reason": "rejected by the proxy of idemflow prove",
}


def _refusal(status: int) -> bytes:
    return json.dumps({"error": {**_FULL, "root_cause": [_FULL]}, "status": status}).encode()


def _operations(plain: bytes) -> Iterator[tuple[bytes, str, dict[str, Any]]]:
    """The operations of a bulk body: their lines, their names, and what they act on."""
    lines = iter(plain.removesuffix(b"\n").split(b"\n"))
    for line in lines:
        ((name, action),) = json.loads(line).items()
        text = line + b"\n"
        if name != "delete":
            text += next(lines) + b"\n"
        kept = {key: action[key] for key in ("_index", "_id") if key in action}
        yield text, name, kept


@contextmanager
def proxy(home: Home, upstream: Endpoint) -> Iterator[Proxy]:
    """Start a proxy before the embedded Elasticsearch.

    Args:
        home: the runtime's folders.
        upstream: Elasticsearch.
    """
    authority = certificates.ensure_authority(
        home.certificates / "ca.crt", home.secrets / "ca.key", replaceable=False
    )
    issued = certificates.issue(authority, "The proxy of idemflow prove")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(dir=home.secrets) as folder:
        key = Path(folder) / "key"
        write_file(key, issued.key_pem() + issued.pem())
        context.load_cert_chain(key)
    made = Proxy(upstream, context)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.arm("", None)
        made.server.shutdown()
        made.server.server_close()
        thread.join()

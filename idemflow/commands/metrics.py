"""``idemflow metrics``: the figures of pipelines as OpenMetrics text, once or for a scraper."""

from __future__ import annotations

import errno
import hmac
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, exposition
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from idemflow.commands._openmetrics import families
from idemflow.commands.live import Live, Look
from idemflow.config.settings import Settings
from idemflow.errors import PortTaken
from idemflow.security.secrets import metrics_token
from idemflow.servers.exclusive import explained_os_errors, make_home

# Seconds that a look may take: Prometheus itself gives up after ten.
WITHIN = 9.0
PATH = "/metrics"
# Seconds that a client may take to ask.
_ASKS_WITHIN = 5.0
_LOOPBACK = "127.0.0.1"
# What Prometheus asks for.
_OPENMETRICS = "application/openmetrics-text; version=1.0.0"

_log = logging.getLogger(__name__)


class Figures(Collector):
    """The figures of a project's pipelines, looked at anew for each collection.

    Args:
        look: what is the case.
        within: seconds that this may take; after that no server counts as up.
    """

    def __init__(self, look: Callable[[], Look], within: float = WITHIN) -> None:
        self._look = look
        self._within = within
        self._lock = threading.Lock()
        self._under_way: Future[Look] | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The metrics; that a server is down, or takes too long, is one of them."""
        return families(self._in_time())

    def _in_time(self) -> Look | None:
        # One look at a time: nipyapi has one session a process. Who comes meanwhile gets the same.
        with self._lock:
            if self._under_way is None or self._under_way.done():
                self._under_way = Future()
                work = threading.Thread(target=self._run, args=(self._under_way,), daemon=True)
                work.start()
            looking = self._under_way
        try:
            return looking.result(self._within)
        except NotInTime:
            return None

    def _run(self, looking: Future[Look]) -> None:
        try:
            looking.set_result(self._look())
        except BaseException as error:
            looking.set_exception(error)


@dataclass(frozen=True)
class Sample:
    """A figure.

    Attributes:
        name: the metric.
        labels: which of it.
        value: the number.
    """

    name: str
    labels: dict[str, str]
    value: float


def text(settings: Settings) -> str:
    """The figures now, as OpenMetrics text.

    Raises:
        UsageError: the project has no pipeline.
    """
    with _registry(settings) as registry:
        encode, _ = exposition.choose_encoder(_OPENMETRICS)
        return encode(registry).decode()


def samples(settings: Settings) -> list[Sample]:
    """The same as data."""
    with _registry(settings) as registry:
        found = (one for family in registry.collect() for one in family.samples)
        return [Sample(one.name, dict(one.labels), float(one.value)) for one in found]


def token(settings: Settings) -> str:
    """What a scraper has to show; made at first use."""
    with explained_os_errors("idemflow metrics"):
        make_home(settings)
        return metrics_token(settings.folders.secrets)


class Server:
    """Gives the figures to whoever shows the token, on loopback.

    Args:
        settings: the resolved settings.
        port: where to listen.

    Raises:
        PortTaken: another program listens there.
        UsageError: the project has no pipeline.
    """

    def __init__(self, settings: Settings, port: int) -> None:
        self._open = ExitStack()
        registry = self._open.enter_context(_registry(settings))
        try:
            self._server = _Quiet((_LOOPBACK, port), _handler(registry, token(settings)))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortTaken(
                "metrics",
                f"port {port} is taken by another program",
                next_command=f"idemflow metrics --serve {port + 1 if port < 65535 else port - 1}",
            ) from error

    @property
    def url(self) -> str:
        """Where the metrics are."""
        return f"http://{_LOOPBACK}:{self._server.server_address[1]}{PATH}"

    def run(self) -> None:
        """Answer until :meth:`stop` is called, or the user stops it."""
        with suppress(KeyboardInterrupt):
            self._server.serve_forever()
        self._server.server_close()
        self._open.close()

    def stop(self) -> None:
        """Let :meth:`run` end, from another thread."""
        self._server.shutdown()


class _Quiet(ThreadingHTTPServer):
    """Says in the log what became of a client that went away."""

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        _log.debug("a scraper went away", exc_info=True)


@contextmanager
def _registry(settings: Settings) -> Iterator[CollectorRegistry]:
    live = Live(settings, (), count_outcomes=True)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(live.look))
    try:
        yield registry
    finally:
        live.close()


def _handler(registry: CollectorRegistry, expected: str) -> type[BaseHTTPRequestHandler]:
    wanted = f"Bearer {expected}".encode()

    class Handler(BaseHTTPRequestHandler):
        timeout = _ASKS_WITHIN
        server_version, sys_version = "idemflow", ""

        def do_GET(self) -> None:
            shown = self.headers.get("Authorization", "").encode("latin-1", "replace")
            if not hmac.compare_digest(shown, wanted):
                self._say(HTTPStatus.UNAUTHORIZED, challenge="Bearer")
            elif self.path.partition("?")[0] != PATH:
                self._say(HTTPStatus.NOT_FOUND)
            else:
                self._give()

        def _give(self) -> None:
            encode, content_type = exposition.choose_encoder(self.headers.get("Accept", ""))
            try:
                body = encode(registry)
            except Exception:
                _log.exception("the figures could not be told")
                self._say(HTTPStatus.INTERNAL_SERVER_ERROR)
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _say(self, status: HTTPStatus, challenge: str | None = None) -> None:
            body = f"{status.phrase}\n".encode()
            self.send_response(status)
            if challenge:
                self.send_header("WWW-Authenticate", challenge)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's)
            _log.debug(format, *args)

    return Handler

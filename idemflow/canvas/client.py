"""The connection to NiFi: the one place that sets up nipyapi and reads its errors."""

from __future__ import annotations

import json
import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import nipyapi
import urllib3
from nipyapi.nifi.rest import ApiException

from idemflow.config.endpoint import Endpoint
from idemflow.errors import CanvasError, LoginRefused, Unreachable

# How long a component may take to start or stop, in seconds.
_DEADLINE = 60
# A change of a flow waits for running tasks to end: one of them may hold a whole run.
_CHANGE_DEADLINE = 300
# How long NiFi may take to accept a connection, and to answer a request, in seconds.
_TIMEOUT = (10, 60)
# The header with the login, and the status of NiFi's answer to one that it does not know.
_LOGIN = "Authorization"
_UNKNOWN = 401


# Each thread that connects has a connection of its own; the others work with the newest.
own = threading.local()
_newest: dict[str, Any] = {}


def _of_thread(name: str, default: object = None) -> property:
    def read(_: object) -> Any:
        return getattr(own, name, _newest.get(name, default))

    def write(_: object, value: object) -> None:
        _newest[name] = value
        setattr(own, name, value)

    return property(read, write)


class _Configuration(type(nipyapi.config.nifi_config)):  # type: ignore[misc]
    """nipyapi's configuration, of which there is one a process, with a connection a thread."""

    host = _of_thread("host", "/")
    ssl_ca_cert = _of_thread("ssl_ca_cert")
    api_client = _of_thread("api_client")
    idemflow_project = _of_thread("idemflow_project")


nipyapi.config.nifi_config.__class__ = _Configuration


class _Retry(urllib3.Retry):
    """Tries again what failed, but not what has taken its time already."""

    def increment(  # urllib3's signature
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> Self:
        if isinstance(error, urllib3.exceptions.TimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


class _Client(nipyapi.nifi.ApiClient):  # type: ignore[misc]
    """nipyapi's client, which by itself waits for an answer for ever, and never logs in again."""

    def __init__(self, nifi: Endpoint, until: float | None) -> None:
        super().__init__()
        self._nifi = nifi
        self._authorization = ""
        self.until = until
        self.rest_client.pool_manager.connection_pool_kw["retries"] = _Retry(3)

    def log_in(self) -> str:
        """Log in: a session lasts some hours, and no longer than its NiFi runs.

        Returns:
            The header that the requests to come carry as well.
        """
        token = nipyapi.nifi.AccessApi(self).create_access_token(
            username=self._nifi.username, password=self._nifi.password
        )
        self._authorization = f"Bearer {token}"
        return self._authorization

    def update_params_for_auth(
        self,
        headers: dict[str, str],
        querys: object,  # noqa: ARG002 (nipyapi's signature)
        auth_settings: object,
    ) -> None:
        """Let a request carry the login, where it needs one."""
        if auth_settings:
            headers[_LOGIN] = self._authorization

    def request(self, *given: Any, headers: Any, _request_timeout: Any = None, **named: Any) -> Any:
        named["_request_timeout"] = self._left(_request_timeout or _TIMEOUT)
        try:
            return super().request(*given, headers=headers, **named)
        except ApiException as error:
            if error.status != _UNKNOWN or _LOGIN not in headers:
                raise
            try:
                again = {**headers, _LOGIN: self.log_in()}
            except ApiException as refused:
                raise error from refused
        return super().request(*given, headers=again, **named)

    def _left(self, timeout: tuple[float, float]) -> tuple[float, float]:
        """How long a request may take, of the time that all have together."""
        if self.until is None:
            return timeout
        left = self.until - time.monotonic()
        if left <= 0:
            raise urllib3.exceptions.TimeoutError("not all was answered in time")
        connecting, reading = timeout
        return min(connecting, left), min(reading, left)


def connect(nifi: Endpoint, project: str | None = None, *, within: float | None = None) -> None:
    """Log in to NiFi. The connection is the thread's own.

    Args:
        nifi: NiFi's address and login.
        project: id of the project whose pipelines are worked on; ``None`` for those of all.
        within: seconds that all that is asked may take; see :func:`limit`.

    Raises:
        Unreachable: nothing answers there.
        LoginRefused: the login is wrong.
    """
    # nipyapi logs a line for each call, and the login's arguments among them.
    logging.getLogger("nipyapi").setLevel(logging.ERROR)
    # It reads times, which idemflow does not use, and knows the zone of no clock but its own.
    warnings.filterwarnings("ignore", "tzname .* identified but not understood", RuntimeWarning)
    # Its waits for a component to change state are made for an idle machine.
    nipyapi.config.short_max_wait = _DEADLINE
    nipyapi.config.short_retry_delay = 0.1
    configuration = nipyapi.config.nifi_config
    configuration.idemflow_project = project
    configuration.host = f"{nifi.url.rstrip('/')}/nifi-api"
    configuration.verify_ssl = True
    configuration.ssl_ca_cert = str(nifi.ca_file) if nifi.ca_file else None
    until = None if within is None else time.monotonic() + within
    configuration.api_client = made = _Client(nifi, until)
    try:
        with errors():
            made.log_in()
    except CanvasError as error:
        # NiFi answers 400 to a wrong password.
        raise LoginRefused(
            f"NiFi at {nifi.url} refused the login of {nifi.username!r}",
            next_command="check the user and the password (idemflow open --show-login)",
        ) from error


def limit(within: float) -> None:
    """Let all that is asked of NiFi from now on take no longer than so many seconds, together.

    What takes longer is :class:`Unreachable`.
    """
    nipyapi.config.nifi_config.api_client.until = time.monotonic() + within


def project() -> str | None:
    """The project whose pipelines are worked on; ``None`` for those of all."""
    found: str | None = nipyapi.config.nifi_config.idemflow_project
    return found


@contextmanager
def errors() -> Iterator[None]:
    """Turn what nipyapi raises into errors of ours.

    Raises:
        Unreachable: nothing answers.
        LoginRefused: NiFi answered 401 or 403.
        CanvasError: NiFi refused a request, with its own words.
    """
    try:
        yield
    except ApiException as error:
        text = _message(error)
        if error.status in (401, 403):
            raise LoginRefused(
                f"NiFi refused the login or the right to do this: {text}",
                next_command="idemflow open --show-login",
            ) from error
        raise CanvasError(
            f"NiFi refused a change ({error.status}): {text}", status=error.status
        ) from error
    except urllib3.exceptions.HTTPError as error:
        late = isinstance(error, urllib3.exceptions.TimeoutError)
        raise Unreachable(
            f"NiFi does not answer at {nipyapi.config.nifi_config.host}: {error}",
            next_command="idemflow status" if late else "idemflow up",
        ) from error
    except ValueError as error:
        # nipyapi's own helpers raise this, with NiFi's words, for a refused or late request.
        raise CanvasError(f"NiFi refused a change: {error}") from error


def finish(
    started: Any, read: Callable[[str], Any], delete: Callable[[str], Any], *, every: float = 0.3
) -> None:
    """Wait for a change that NiFi makes step by step, such as one of a version.

    Args:
        started: NiFi's answer to the request.
        read: asks for its state, by its id.
        delete: makes NiFi forget it.
        every: how often it is asked, in seconds.
    """
    request = started.request.request_id
    nipyapi.utils.wait_for_request(
        lambda: read(request),
        lambda: delete(request),
        nipyapi_delay=every,
        nipyapi_max_wait=_CHANGE_DEADLINE,
    )


def _message(error: ApiException) -> str:
    body = error.body
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    try:
        found = json.loads(body).get("message", body) if body else error.reason
    except (ValueError, AttributeError):
        found = body
    return str(found or "no reason given").strip()

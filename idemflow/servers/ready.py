"""Stage four: whether a person could use the servers now.

Apart from the stages before, whose packages take long to import: ``down`` and ``status`` need this.
"""

from __future__ import annotations

import psutil
import requests

from idemflow.config.endpoint import Endpoint, session
from idemflow.config.paths import Home
from idemflow.errors import LoginRefused, Unreachable

TIMEOUT = 10.0  # seconds for one request


def health(elasticsearch: Endpoint) -> str | None:
    """The cluster's health: ``green``, ``yellow`` or ``red``; ``None`` without an answer."""
    try:
        with session(elasticsearch) as http:
            reply = http.get(
                f"{elasticsearch.url}/_cluster/health",
                auth=(elasticsearch.username, elasticsearch.password),
                timeout=TIMEOUT,
            )
            return str(reply.json()["status"]) if reply.status_code == 200 else None
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return None


def is_ready(nifi: Endpoint) -> bool:
    """Whether a person could use the canvas now: the login works and the flow answers.

    Raises:
        LoginRefused: NiFi answers, and refuses the runtime's own login.
    """
    try:
        with session(nifi) as http:
            # Without a login: cheap, and 401 as soon as the API is there.
            if http.get(f"{nifi.url}/nifi-api/flow/status", timeout=TIMEOUT).status_code != 401:
                return False
            token = login(nifi)
            reply = http.get(
                f"{nifi.url}/nifi-api/flow/status",
                headers={"Authorization": f"Bearer {token}"},
                timeout=TIMEOUT,
            )
            return reply.status_code == 200
    except (requests.RequestException, Unreachable):
        return False


def login(nifi: Endpoint) -> str:
    """A token for NiFi's API.

    Raises:
        LoginRefused: wrong user or password.
        Unreachable: no or another answer.
    """
    try:
        with session(nifi) as http:
            reply = http.post(
                f"{nifi.url}/nifi-api/access/token",
                data={"username": nifi.username, "password": nifi.password},
                timeout=TIMEOUT,
            )
    except requests.RequestException as error:
        raise Unreachable(
            f"NiFi at {nifi.url} does not answer: {type(error).__name__}",
            next_command="idemflow status",
        ) from error
    if reply.status_code in (400, 401, 403):
        raise LoginRefused(
            f"NiFi at {nifi.url} refuses the login of {nifi.username}",
            next_command="idemflow status",
        )
    if reply.status_code != 201:
        raise Unreachable(
            f"NiFi at {nifi.url} answers {reply.status_code} to a login",
            next_command="idemflow logs nifi",
        )
    return reply.text


def server_process(home: Home, launcher: psutil.Process) -> psutil.Process:
    """The server that a launcher has started; the launcher itself where there is none yet."""
    try:
        noted = int(home.elasticsearch_pid.read_text(encoding="ascii"))
        return next((c for c in launcher.children() if c.pid == noted), launcher)
    except (OSError, ValueError, psutil.Error):
        return launcher

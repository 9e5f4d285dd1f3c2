"""Stage four: whether a person could use the servers now.

Apart from the stages before, whose packages take long to import: ``down`` and ``status`` need this.
"""

from __future__ import annotations

import re

import psutil

from idemflow.config.combinations import ServerName
from idemflow.config.endpoint import Endpoint, session
from idemflow.config.paths import Home
from idemflow.errors import LoginRefused, Unreachable

TIMEOUT = 10.0  # seconds for one request


class Silent(Exception):
    """A server takes a connection, and says nothing in time."""


def health(server: ServerName, endpoint: Endpoint, timeout: float = TIMEOUT) -> str | None:
    """How a server is.

    Args:
        timeout: seconds for one request.

    Returns:
        ``ok`` of a NiFi that a person could use now; the cluster's health of Elasticsearch:
        ``green``, ``yellow`` or ``red``; ``None`` of what is not there, or not ready.

    Raises:
        Silent: it does not answer in time.
        LoginRefused: NiFi answers, and refuses the login.
    """
    import requests  # noqa: PLC0415  # slow to import, and not needed where no server runs

    try:
        if server == "nifi":
            return "ok" if _is_ready(endpoint, timeout) else None
        return _cluster_health(endpoint, timeout)
    except requests.Timeout as error:
        raise Silent(str(error)) from error
    except Unreachable as error:
        if isinstance(error.__cause__, requests.Timeout):
            raise Silent(str(error)) from error
        return None
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return None


def _cluster_health(elasticsearch: Endpoint, timeout: float) -> str | None:
    with session(elasticsearch) as http:
        reply = http.get(
            f"{elasticsearch.url}/_cluster/health",
            auth=(elasticsearch.username, elasticsearch.password),
            timeout=timeout,
        )
        return str(reply.json()["status"]) if reply.status_code == 200 else None


def unreadable(elasticsearch: Endpoint, timeout: float = TIMEOUT) -> dict[str, str]:
    """The indices of a red Elasticsearch that it has given up on, and what it says of each.

    Empty while it still tries, and where it does not answer.
    """
    import requests  # noqa: PLC0415

    try:
        with session(elasticsearch) as http:
            reply = http.get(
                f"{elasticsearch.url}/_cat/shards",
                params={"h": "index,prirep,state,unassigned.details", "format": "json"},
                auth=(elasticsearch.username, elasticsearch.password),
                timeout=timeout,
            )
            shards = [shard for shard in reply.json() if shard["prirep"] == "p"]
            if any(shard["state"] == "INITIALIZING" for shard in shards):
                return {}
            return {
                str(shard["index"]): cause(str(shard["unassigned.details"] or ""))
                for shard in shards
                if shard["state"] == "UNASSIGNED"
            }
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return {}


def cause(details: str) -> str:
    """The innermost error of those that Elasticsearch tells, of which each has a stack trace."""
    found = re.findall(r"^Caused by: (?:[\w$]+\.)*([^\n]+)", details, re.MULTILINE)
    first = details.strip().partition("\n")[0]
    return (found[-1] if found else first)[:300]


def _is_ready(nifi: Endpoint, timeout: float) -> bool:
    """Whether the login works and the flow answers."""
    with session(nifi) as http:
        # Without a login: cheap, and 401 as soon as the API is there.
        if http.get(f"{nifi.url}/nifi-api/flow/status", timeout=timeout).status_code != 401:
            return False
        token = login(nifi, timeout)
        reply = http.get(
            f"{nifi.url}/nifi-api/flow/status",
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
        )
        return reply.status_code == 200


def login(nifi: Endpoint, timeout: float = TIMEOUT) -> str:
    """A token for NiFi's API.

    Args:
        timeout: seconds that it may take.

    Raises:
        LoginRefused: wrong user or password.
        Unreachable: no or another answer.
    """
    import requests  # noqa: PLC0415

    try:
        with session(nifi) as http:
            reply = http.post(
                f"{nifi.url}/nifi-api/access/token",
                data={"username": nifi.username, "password": nifi.password},
                timeout=timeout,
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

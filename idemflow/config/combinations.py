"""Two servers, each of them idemflow's or the user's own: which settings say nothing then."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

ServerName = Literal["nifi", "elasticsearch"]
SERVERS: tuple[ServerName, ...] = ("nifi", "elasticsearch")
TITLES: dict[str, str] = {"nifi": "NiFi", "elasticsearch": "Elasticsearch"}

_OF_OWN = ("username", "password", "ca")
OF_EMBEDDED = {
    "nifi": ("nifi_port", "nifi_heap", "nifi_java_options", "nars", "login_minutes"),
    "elasticsearch": ("elasticsearch_port", "elasticsearch_heap", "elasticsearch_java_options"),
}
# What a server is started with: the same, and what indices elsewhere are made by as well.
STARTED_WITH = {**OF_EMBEDDED, "nifi": (*OF_EMBEDDED["nifi"], "durability")}
# What says nothing alone.
_BESIDE = {
    "loader_password": "loader_username",
    "loader_truststore_password": "loader_truststore",
}


def without_effect(given: Collection[str]) -> Iterator[tuple[str, str | None, str]]:
    """The settings that say nothing beside the others.

    Args:
        given: the names of those that were given.

    Returns:
        The name of each, the name of the setting that takes its effect (``None`` where one is
        missing), and why.
    """
    own = [server for server in SERVERS if f"{server}_url" in given]
    idle: dict[str, tuple[str | None, str]] = {}
    for server in SERVERS:
        url, title = f"{server}_url", TITLES[server]
        if server in own:
            why = f"it is of the embedded {title}, and {url} names your own"
            idle |= dict.fromkeys(OF_EMBEDDED[server], (url, why))
        else:
            why = f"it goes with your own {title}, and {url} names none"
            idle |= dict.fromkeys((f"{server}_{what}" for what in _OF_OWN), (None, why))
    if "elasticsearch" not in own:
        why = "the embedded Elasticsearch has a user for NiFi, and elasticsearch_url names no other"
        idle |= dict.fromkeys(("loader_username", "loader_password"), (None, why))
    if not own:
        why = "both servers are the embedded ones, which know each other"
        names = ("loader_url", "loader_truststore", "loader_truststore_password")
        idle |= dict.fromkeys(names, (None, why))
    for name, beside in _BESIDE.items():
        if beside not in given:
            idle.setdefault(name, (None, f"it needs {beside} beside it"))
    return ((name, *idle[name]) for name in given if name in idle)

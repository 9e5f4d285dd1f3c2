"""What NiFi's own user may do in Elasticsearch."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import replace

import requests

from idemflow.config.endpoint import Endpoint, session
from idemflow.config.settings import Settings
from idemflow.errors import NotReady, UsageError
from idemflow.security.locks import LockFile
from idemflow.servers import Target, elasticsearch
from idemflow.servers.state import read_state, write_state

_log = logging.getLogger(__name__)
GRANT_SECONDS = 30.0
# Elasticsearch's rules for index names, and wildcards behind the beginning.
_INDEX = re.compile(r"[a-z0-9][a-z0-9._+@*?-]{0,254}")


def grant_indices(target: Target, settings: Settings, patterns: Sequence[str]) -> None:
    """Lets NiFi's user send documents to these indices, in addition to earlier ones.

    It may read the dead letters, too. The administrator of a user's own Elasticsearch grants.

    Args:
        target: from :func:`idemflow.servers.connect`.
        settings: the settings.
        patterns: names of indices, in which ``*`` stands for any text and ``?`` for a
            character.

    Raises:
        UsageError: a pattern is not a name that Elasticsearch allows.
        NotReady: Elasticsearch did not take it over in time.
    """
    for pattern in patterns:
        if not _INDEX.fullmatch(pattern):
            raise UsageError(
                f"{pattern!r} cannot be an index: lower-case letters, digits and . _ + @ -, "
                "the first a letter or digit; * for any text, ? for a character"
            )
    if "elasticsearch" not in settings.embedded:
        return
    home = settings.folders
    loader = replace(target.loader, url=target.elasticsearch.url)  # as it is reached from here
    with LockFile(home.lock):
        state = read_state(home.state)
        grants = tuple(sorted({*state.grants, *patterns}))
        current = grants == state.grants and elasticsearch.has_roles(home, grants)
        if not current or not _may(loader, patterns):
            _log.info("NiFi's user may now write %s", ", ".join(grants))
            elasticsearch.write_roles(home, grants)
            write_state(home.state, replace(state, grants=grants))
    deadline = time.monotonic() + GRANT_SECONDS
    while not _may(loader, patterns):
        if time.monotonic() > deadline:
            raise NotReady(
                "elasticsearch",
                f"Elasticsearch did not take over {home.elasticsearch / 'config' / 'roles.yml'}",
                next_command="idemflow logs elasticsearch",
            )
        time.sleep(0.2)


def _may(loader: Endpoint, patterns: Sequence[str]) -> bool:
    try:
        with session(loader) as http:
            reply = http.post(
                f"{loader.url}/_security/user/_has_privileges",
                json={"index": elasticsearch.loader_privileges(patterns)},
                auth=(loader.username, loader.password),
                timeout=10,
            )
            return reply.status_code == 200 and bool(reply.json()["has_all_requested"])
    except (requests.RequestException, ValueError, KeyError):
        return False

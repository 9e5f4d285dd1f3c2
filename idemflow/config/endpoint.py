"""Where a server is reached, and with which login."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True)
class Endpoint:
    """A server's address and a login on it.

    Attributes:
        url: e.g. ``https://localhost:8443``, without a slash at the end.
        username: the user.
        password: the user's password.
        ca_file: the PEM of the CA to trust; the system's CAs if there is none.
    """

    url: str
    username: str
    password: str = field(repr=False)
    ca_file: Path | None


def session(endpoint: Endpoint) -> requests.Session:
    """An HTTP session that trusts the endpoint's CA, and sends nothing through a proxy."""
    import requests  # noqa: PLC0415  # slow to import, and not needed where no server runs

    http = requests.Session()
    http.trust_env = False
    http.verify = str(endpoint.ca_file) if endpoint.ca_file else True
    return http

"""``idemflow open``."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass, field
from pathlib import Path

from idemflow import servers
from idemflow.config.settings import Settings
from idemflow.security.secrets import login_file


@dataclass(frozen=True)
class Canvas:
    """Where the canvas is and how to log in.

    Attributes:
        url: its address.
        username: the user.
        password: the user's password.
        login_file: the file that keeps it, for the embedded runtime.
        ca_file: the CA certificate that a browser would have to trust.
    """

    url: str
    username: str
    password: str = field(repr=False)
    login_file: Path | None
    ca_file: Path | None


def open_canvas(settings: Settings, *, has_display: bool) -> Canvas:
    """Finds the canvas, and opens it in a browser where there is a display.

    Raises:
        RuntimeNotUp: NiFi does not run.
    """
    nifi = servers.connect(settings).nifi
    url = f"{nifi.url}/nifi/"
    embedded = "nifi" in settings.embedded
    if has_display:
        webbrowser.open(url)
    return Canvas(
        url=url,
        username=nifi.username,
        password=nifi.password,
        login_file=login_file(settings.folders.secrets) if embedded else None,
        ca_file=nifi.ca_file,
    )

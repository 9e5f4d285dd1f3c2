"""``idemflow open``."""

from __future__ import annotations

import shlex
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from idemflow import servers
from idemflow.config.settings import Settings
from idemflow.security.secrets import login_file

# They would take the terminal, and know no JavaScript, which the canvas is made of.
_TEXT_BROWSERS = {"www-browser", "links", "links2", "elinks", "lynx", "w3m", "browsh"}


@dataclass(frozen=True)
class Canvas:
    """Where the canvas is and how to log in.

    Attributes:
        url: its address, or that of a pipeline on it.
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


def canvas(settings: Settings, name: str | None = None) -> Canvas:
    """Find the canvas, or a pipeline on it.

    Args:
        settings: the resolved settings.
        name: the pipeline.

    Raises:
        RuntimeNotUp: NiFi does not run.
        UsageError: there is no such pipeline, or it is not deployed.
    """
    nifi = servers.connect(settings).nifi
    url = f"{nifi.url}/nifi/"
    if name is not None:
        # Slow to import, and not needed for the whole canvas.
        from idemflow.canvas import client, process_groups  # noqa: PLC0415
        from idemflow.pipeline import spec  # noqa: PLC0415

        if not spec.is_there(settings.project, name):
            spec.load(settings.project, name)  # raises: it says which there are
        client.connect(nifi)
        url += f"#/process-groups/{process_groups.find_id(name)}"
    embedded = "nifi" in settings.embedded
    return Canvas(
        url=url,
        username=nifi.username,
        password=nifi.password,
        login_file=login_file(settings.folders.secrets) if embedded else None,
        ca_file=nifi.ca_file,
    )


def browse(url: str, environment: Mapping[str, str]) -> bool:
    """Open an address in the person's browser, where there is one; does not wait for it.

    Args:
        url: the address.
        environment: the variables of the person's session. ``BROWSER`` is the person's own choice,
            and may open the browser of another machine; without it there must be a desktop.

    Returns:
        Whether a browser was called.
    """
    chosen = environment.get("BROWSER")
    desktop = sys.platform == "darwin" or any(
        environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if not (chosen or desktop):
        return False
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    if _program(browser) in _TEXT_BROWSERS:
        return False
    if type(browser) is webbrowser.GenericBrowser:
        # It would wait until the browser is closed.
        browser = webbrowser.BackgroundBrowser([browser.name, *browser.args])
    browser.open(url)
    return True


def _program(browser: webbrowser.BaseBrowser) -> str:
    return Path(next(iter(shlex.split(browser.name)), "")).name

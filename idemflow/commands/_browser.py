"""The person's browser, where there is one."""

from __future__ import annotations

import shlex
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path

# They would take the terminal, and know no JavaScript, which the canvas is made of.
_TEXT_BROWSERS = {"www-browser", "links", "links2", "elinks", "lynx", "w3m", "browsh"}


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

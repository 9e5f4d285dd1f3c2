"""A real Chromium on the running runtime's canvas."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.page import Canvas
from tests.integration.tools import Idemflow

# The first page after a start has NiFi load its user interface.
_PATIENCE = 60_000.0  # milliseconds
# The window is wide and low: all of ``people`` fits in it, right of NiFi's folded panels.
WINDOW = (1440, 640)
_FLAGS = [
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, headless=True, args=_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def deployed(idemflow: Idemflow) -> Idemflow:
    """The command, with the pipeline ``people`` on the canvas and run once."""
    idemflow.ok("deploy", "people")
    idemflow.ok("run", "people")
    return idemflow


@contextmanager
def visit(browser: Browser, url: str, width: int, height: int) -> Iterator[Canvas]:
    """A new browser session on NiFi's login form, in a window of that size."""
    context = browser.new_context(
        # The runtime's own CA is not in Chromium's store; the other tests verify the certificate.
        ignore_https_errors=True,
        viewport={"width": width, "height": height},
    )
    context.set_default_timeout(_PATIENCE)
    expect.set_options(timeout=_PATIENCE)
    page = context.new_page()
    page.goto(f"{url}/nifi/")
    yield Canvas(page)
    context.close()


@pytest.fixture
def login_page(browser: Browser, deployed: Idemflow) -> Iterator[Canvas]:
    """NiFi's login form."""
    with visit(browser, deployed.target().nifi.url, *WINDOW) as canvas:
        yield canvas


@pytest.fixture(scope="module")
def session(browser: Browser, deployed: Idemflow) -> Iterator[Canvas]:
    """The canvas, logged in as the generated user, its panels folded."""
    nifi = deployed.target().nifi
    with visit(browser, nifi.url, *WINDOW) as canvas:
        canvas.log_in(nifi.username, nifi.password)
        canvas.put_panels_away()
        yield canvas


@pytest.fixture
def canvas(session: Canvas) -> Canvas:
    """The same with all pipelines in view: a test goes on from there."""
    session.leave_to_root()
    expect(session.group("people")).to_be_visible()
    return session

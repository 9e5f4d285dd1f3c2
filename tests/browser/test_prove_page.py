"""The page of a proof in a real browser: on a wide and a narrow screen, light and dark."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, FloatRect

from idemflow.prove import report
from idemflow.prove.methods import METHODS
from tests.unit.prove.journals import journal

DOCS = Path(__file__).parents[2] / "docs"
PICTURE = DOCS / "images/proof.png"
WIDTH = 1280


@pytest.mark.parametrize("width", [WIDTH, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_loads_nothing(
    browser: Browser, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    report.write(journal(), tmp_path)
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: said.append(request.url))
    address = (tmp_path / report.PAGE).as_uri()
    page.goto(address)
    assert said == [address]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # Dark text on light ground, or the other way round.
    light = "getComputedStyle(document.body).{}.match(/\\d+/g).slice(0, 3).every(n => n > {})"
    assert page.evaluate(light.format("backgroundColor", 127)) == (scheme == "light")
    assert page.evaluate(light.format("color", 127)) == (scheme == "dark")
    lanes = page.locator("svg")
    assert lanes.count() == 3
    for number in range(3):
        box = lanes.nth(number).bounding_box()
        assert box is not None
        assert box["width"] > width * 0.7
    assert page.get_by_role("row", name="rerun failed 1 2").is_visible()
    assert page.get_by_text("kill -9 of NiFi", exact=True).first.is_visible()
    context.close()


def test_the_picture_of_the_last_full_proof(browser: Browser) -> None:
    """Takes the README's picture; ``SCREENSHOTS=1`` keeps it."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
    page.goto((DOCS / "proof.html").as_uri())
    assert page.get_by_role("heading", level=1).inner_text() == "9 proofs: passed"
    methods = page.get_by_role("table").nth(1)
    rows = [text.split("\t")[:2] for text in methods.locator("tbody tr").all_inner_texts()]
    assert {tuple(row) for row in rows} == {(method.name, "passed") for method in METHODS}
    readme = (DOCS.parent / "README.md").read_text()
    assert f"![{len(rows)} methods, each passed: " in readme
    box = methods.bounding_box()
    assert box is not None
    if os.environ.get("SCREENSHOTS"):
        clip: FloatRect = {"x": 0, "y": 0, "width": WIDTH, "height": box["y"] + box["height"] + 20}
        page.screenshot(path=PICTURE, full_page=True, clip=clip)
    assert PICTURE.read_bytes().startswith(b"\x89PNG"), "make it with SCREENSHOTS=1"
    page.close()

"""Tables that people read, and look for names in."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console, RenderableType

from idemflow.canvas.difference import Change
from idemflow.cli.tables.differences import changes_table
from idemflow.cli.tables.pipelines import verification_table
from idemflow.elasticsearch.verify import Verification

NAME = "a-pipeline / Load / Put documents"
LONG = "https://elasticsearch.example.com:9200/and/so/on"


def printed(thing: RenderableType, width: int) -> str:
    console = Console(width=width, soft_wrap=True, highlight=False)
    with console.capture() as captured:
        console.print(thing)
    return captured.get()


@pytest.mark.parametrize("width", [80, 90, 100, 200])
def test_names_of_components_stay_on_their_line(width: int) -> None:
    """They were broken within their cell, so that nobody found them in what was printed."""
    changes = [
        Change("a-pipeline / Load", "", None, "process group"),
        Change(NAME, "Concurrent Tasks", "1", "4"),
        Change("parameter context idemflow a-pipeline", "elasticsearch.url", LONG, LONG),
    ]
    text = printed(changes_table(changes), width)
    assert f"│ {NAME} " in text or width == 80
    assert max(map(len, text.splitlines())) <= width
    assert "on the canvas" in text


def test_a_column_in_which_nothing_is_is_left_out() -> None:
    longer = f"{NAME} → Sort refusals (errors, failure)"
    text = printed(changes_table([Change(longer, "", None, "connection")]), 100)
    assert f"│ {longer} │ connection " in text
    assert "property" not in text
    assert "on the canvas" not in text
    assert "in the files" in text


def verification(**changes: Any) -> Verification:
    values: dict[str, Any] = dict.fromkeys(Verification.__dataclass_fields__, 0)
    values |= {"pipeline": "people", "index": "people", "unique": "fail", "ran": True}
    values |= {name: [] for name in ("missing", "extra", "different", "behind", "examples")}
    values |= {"expected_checksum": "00", "checksum": "00", "running": False}
    return Verification(**values | changes)


def test_verify_calls_nothing_exact_that_was_never_sent() -> None:
    assert "exactly what was sent" in printed(verification_table(verification(runs=1)), 100)
    text = printed(verification_table(verification(ran=False)), 100)
    assert "people never ran: there is nothing to compare yet." in text
    assert "exactly" not in text

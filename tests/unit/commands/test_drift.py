"""What ``idemflow drift`` says of what it found."""

from __future__ import annotations

import pytest
from rich.console import Console

from idemflow.canvas.difference import Change
from idemflow.cli.tables.flow import drift_tables
from idemflow.commands.drift import Drift

CHANGE = Change("people / Load / Put documents", "tasks", "1", "4")


@pytest.mark.parametrize(
    ("version", "yaml", "said"),
    [
        ("people@v3", True, "people: no drift from people@v3 and the YAML"),
        ("people@v3", False, "people: no drift from people@v3"),
        (None, True, "people: no drift from the YAML"),
        (None, False, "people: not under version control, nothing to compare with"),
    ],
)
def test_it_names_what_was_compared(version: str | None, yaml: bool, said: str) -> None:
    console = Console(width=100)
    with console.capture() as printed:
        console.print(drift_tables([Drift("people", True, version, yaml, [], [])]))
    assert printed.get().rstrip() == said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Drift("people", False, None, True, [], []), "idemflow deploy people"),
        (Drift("people", True, "v3", True, [CHANGE], [CHANGE]), "flow commit people"),
        (Drift("people", True, None, True, [], [CHANGE]), "idemflow deploy people --force"),
        # What is committed needs no commit, and nothing is lost without --force.
        (Drift("people", True, "v3", True, [], [CHANGE]), "say the same in flows/people.yaml"),
    ],
)
def test_it_names_a_way_out_that_ends_it(found: Drift, said: str) -> None:
    assert found.found
    assert said in found.way_out
    assert ("--force" in found.way_out) == ("flow commit" in found.way_out)

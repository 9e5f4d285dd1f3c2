"""What a person arranged is taken over into a definition, and told from a change."""

from __future__ import annotations

from typing import Any

from idemflow.canvas import arrangement
from idemflow.canvas.difference import Change, compare


def at(x: float, y: float) -> dict[str, float]:
    return {"x": x, "y": y}


def group(**parts: Any) -> dict[str, Any]:
    empty: dict[str, list[Any]] = {
        key: [] for key in ("processors", "connections", "labels", "processGroups")
    }
    return {"identifier": "top", "name": "people", "position": at(0, 0), **empty, **parts}


def definition(**parts: Any) -> dict[str, Any]:
    return {"flowContents": group(**parts), "parameterContexts": {}}


STEP = {"identifier": "step", "name": "Step", "position": at(1, 1), "style": {}, "tasks": 2}
LINE = {"identifier": "line", "bends": [], "labelIndex": 0, "zIndex": 0}
DRAWN = definition(
    processors=[STEP, {**STEP, "identifier": "new"}],
    connections=[LINE],
    processGroups=[group(identifier="inner", name="Load", processors=[STEP])],
)
RED = {"background-color": "#ff0000"}
MOVED = {**STEP, "position": at(7, 8), "style": RED, "tasks": 1}
MINE = {"identifier": "mine", "groupIdentifier": "there", "label": "mine", "componentType": "LABEL"}
LIVE = definition(
    position=at(9, 9),
    processors=[MOVED],
    connections=[{**LINE, "bends": [at(3, 4)], "labelIndex": 1}],
    labels=[MINE],
    processGroups=[group(identifier="inner", name="Load", position=at(5, 5), processors=[MOVED])],
)


def test_all_that_was_arranged_stays_and_the_rest_is_the_definitions() -> None:
    kept = arrangement.keep(DRAWN, LIVE)["flowContents"]
    assert kept["position"] == at(9, 9)
    step = {**MOVED, "tasks": 2}
    assert kept["processors"] == [step, {**STEP, "identifier": "new"}]
    assert kept["connections"] == [{**LINE, "bends": [at(3, 4)], "labelIndex": 1}]
    assert kept["labels"] == [{**MINE, "groupIdentifier": "top"}]
    (inner,) = kept["processGroups"]
    assert (inner["position"], inner["processors"]) == (at(5, 5), [step])
    assert DRAWN["flowContents"]["labels"] == []


def test_an_arrangement_is_no_change_of_the_drawing_but_one_of_a_version() -> None:
    live, drawn = LIVE["flowContents"], arrangement.keep(DRAWN, LIVE)["flowContents"]
    changes = compare(live, {**drawn, "labels": [], "processors": drawn["processors"][:1]}, {})
    assert changes == [
        Change(f"people{inner} / Step", "tasks", "1", "2") for inner in (" / Load", "")
    ]
    versions = compare(DRAWN["flowContents"], live)
    looks = [one for one in versions if arrangement.is_arrangement(one)]
    assert {(one.component, one.property) for one in looks} == {
        ("people / label", ""), ("people / Step", "style"), ("people / Load / Step", "style"),
    }  # fmt: skip


def test_what_was_deployed_is_the_same_however_it_is_arranged() -> None:
    plain = definition(
        processors=[{**STEP, "tasks": 1}], processGroups=[group(identifier="inner", name="Load")]
    )
    looked = arrangement.without(LIVE, plain)["flowContents"]
    assert looked["labels"] == []
    assert looked["processors"][0]["style"] is None
    assert looked["processGroups"][0]["processors"][0]["style"] is None

"""The group Replay, without a NiFi."""

from __future__ import annotations

from pathlib import Path

import pytest

from idemflow.canvas import replay
from idemflow.drawing import catalog
from idemflow.drawing.boxes import Group, Json
from idemflow.drawing.catalog import Component
from idemflow.pipeline import spec

ROOT = Path(__file__).parents[3]
DISPLAY_NAMES = {
    catalog.GENERATE: ["File Size", "Batch Size"],
    catalog.INVOKE: [
        "HTTP Method", "HTTP URL", "Request Username", "Request Password", "SSL Context Service",
        "Socket Read Timeout", "Request Failure Penalization Enabled",
    ],
    catalog.SCRIPT: ["Script Engine", "Script Body"],
}  # fmt: skip
TYPES = {
    kind: Component(
        type=kind,
        bundle={"group": "g", "artifact": "a", "version": "1"},
        names={name: name for name in names},
        defaults=dict.fromkeys(names),
        sensitive=frozenset(),
        relationships=(),
    )
    for kind, names in DISPLAY_NAMES.items()
}


def drawn(tls: Json | None = None) -> Json:
    top = Group("people", "people", "people", (0.0, 0.0))
    group, out = replay.draw(top, spec.load(ROOT, "people"), TYPES, tls, (0.0, 0.0))
    assert out["name"] == "records"
    return group.close("context")


def test_no_relationship_loses_anything() -> None:
    """What Elasticsearch could not answer is asked again; only the question itself ends."""
    group = drawn()
    names = {item["identifier"]: item["name"] for item in group["processors"]}
    (ask,) = [item for item in group["processors"] if item["name"] == replay.ASK]
    assert ask["autoTerminatedRelationships"] == ["Original"]
    joined = {
        (names[item["source"]["id"]], relationship, item["destination"]["name"])
        for item in group["connections"]
        for relationship in item["selectedRelationships"]
    }
    assert joined == {
        (replay.REPLAY_TRIGGER, "success", replay.ASK),
        (replay.ASK, "Retry", replay.ASK),
        (replay.ASK, "No Retry", replay.ASK),
        (replay.ASK, "Failure", replay.ASK),
        (replay.ASK, "Response", replay.UNPACK),
        (replay.UNPACK, "failure", replay.ASK),
        (replay.UNPACK, "success", "records"),
    }


def test_the_login_is_the_parameter_contexts() -> None:
    (ask,) = [item for item in drawn()["processors"] if item["name"] == replay.ASK]
    assert ask["properties"]["Request Password"] == "#{elasticsearch.password}"
    assert "SSL Context Service" not in ask["properties"]
    secure = {"identifier": "the service"}
    (ask,) = [item for item in drawn(secure)["processors"] if item["name"] == replay.ASK]
    assert ask["properties"]["SSL Context Service"] == "the service"


@pytest.mark.parametrize("part", ["size=1000", "q=replay:", "allow_partial_search_results=false"])
def test_the_question_is_in_the_url(part: str) -> None:
    (ask,) = [item for item in drawn()["processors"] if item["name"] == replay.ASK]
    assert part in ask["properties"]["HTTP URL"]

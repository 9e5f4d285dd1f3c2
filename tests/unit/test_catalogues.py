"""Every example pipeline is drawn for each NiFi of which there is a catalogue in tests/compat."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from idemflow.canvas import flow
from idemflow.drawing import catalog
from idemflow.pipeline import spec
from tests.compat import catalogue
from tests.unit.canvas.test_flow import ROOT

EXAMPLES = spec.names(ROOT)
# Types whose dynamic properties mean something that idemflow wants; of services none has.
DYNAMIC = {
    catalog.GENERATE: re.compile(r"idemflow\.\w+"),
    catalog.SCRIPT: re.compile(r"[\w.]+"),
    catalog.PUT: re.compile(r"BULK:\w+"),
}


@pytest.fixture(params=catalogue.NIFIS)
def types(request: pytest.FixtureRequest) -> catalogue.Catalogue:
    official = catalogue.read("nifi-2.3.0")
    return {**official, **catalogue.read(request.param)}


@pytest.fixture(params=EXAMPLES)
def drawn(request: pytest.FixtureRequest, types: catalogue.Catalogue) -> dict[str, Any]:
    pipeline = spec.load(ROOT, request.param)
    definition = flow.build(
        pipeline, spec.sources(ROOT, pipeline), catalogue.components(types), tls=True
    )
    contents: dict[str, Any] = definition["flowContents"]
    return contents


def boxes(group: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from group["processors"]
    yield from group["controllerServices"]
    for child in group["processGroups"]:
        yield from boxes(child)


def lines(group: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from group["connections"]
    for child in group["processGroups"]:
        yield from lines(child)


def applies(described: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    """Whether NiFi looks at a property at all: what it depends on has one of certain values."""
    return all(
        name in values and (not wanted or values[name] in wanted)
        for name, wanted in described.get("dependsOn", {}).items()
    )


def test_what_is_no_property_of_the_type_is_meant_to_be_dynamic(
    drawn: dict[str, Any], types: catalogue.Catalogue
) -> None:
    for box in boxes(drawn):
        known = {one["name"] for one in types[box["type"]]["properties"]}
        for name in set(box["properties"]) - known:
            assert box["type"] in DYNAMIC, (box["name"], name)
            assert DYNAMIC[box["type"]].fullmatch(name), (box["name"], name)


def test_each_value_is_one_that_the_type_takes(
    drawn: dict[str, Any], types: catalogue.Catalogue
) -> None:
    for box in boxes(drawn):
        values = box["properties"]
        for described in types[box["type"]]["properties"]:
            name, allowed = described["name"], described.get("allowableValues")
            if not applies(described, values):
                continue
            assert not described.get("required") or values.get(name), (box["name"], name)
            if allowed and name in values and not re.search(r"[#$]\{", values[name]):
                assert values[name] in allowed, (box["name"], name)


def test_each_relationship_is_connected_or_ended_and_no_other_is(
    drawn: dict[str, Any], types: catalogue.Catalogue
) -> None:
    taken: dict[str, set[str]] = {}
    for line in lines(drawn):
        taken.setdefault(line["source"]["id"], set()).update(line["selectedRelationships"])
    for box in boxes(drawn):
        ended = set(box.get("autoTerminatedRelationships", ()))
        connected = taken.get(box["identifier"], set())
        assert not ended & connected
        assert ended | connected == set(types[box["type"]]["relationships"]), box["name"]


@pytest.mark.parametrize("nifi", [name for name in catalogue.NIFIS if name != "nifi-2.3.0"])
def test_a_property_of_2_3_0_is_known_by_its_later_name(nifi: str) -> None:
    later = catalogue.components(catalogue.read(nifi))
    for kind, before in catalogue.components(catalogue.read("nifi-2.3.0")).items():
        if kind in later:
            gone = [name for name in before.names if not later[kind].has(name)]
            assert gone == [], kind


@pytest.mark.parametrize("nifi", ["nifi-2.9.0", "nifi-2.11.0"])
def test_a_database_is_read_by_a_nifi_that_renamed_its_properties(nifi: str) -> None:
    types = catalogue.components(catalogue.read(nifi))
    pipeline = spec.load(ROOT, "orders")
    drawn = flow.build(pipeline, spec.sources(ROOT, pipeline), types, tls=True)["flowContents"]
    of: dict[str, dict[str, str]] = {box["name"]: box["properties"] for box in boxes(drawn)}
    assert of["Read rows"]["Max Rows Per FlowFile"] == "5000"
    assert of["Database"]["Database Driver Locations"] == "#{database.driver}"


def test_what_not_every_nifi_has_is_known() -> None:
    base = catalogue.components(catalogue.read("nifi-2.3.0"))[catalog.PUT]
    named = {*base.names, *base.names.values(), "Treat Not Found as Success"}
    added = set[str]()
    for nifi in catalogue.NIFIS:
        types = catalogue.components(catalogue.read(nifi))
        added |= {*types[catalog.PUT].names.values()} - named
    assert added == catalog.NOT_EVERYWHERE[catalog.PUT]


def test_what_the_bundle_adds_is_in_no_flow_unless_it_is_set() -> None:
    """NiFi writes defaults into the flow, and the official type would send them as parameters."""
    official = {one["name"] for one in catalogue.read("nifi-2.3.0")[catalog.PUT]["properties"]}
    for one in catalogue.read("nifi-2.3.0-embedded")[catalog.PUT]["properties"]:
        if one["name"] in official:
            assert not one.get("dependsOn"), one
        else:
            assert not one.keys() & {"default", "required"}, one


def test_the_bundle_has_each_property_and_relationship_of_the_official_types() -> None:
    ours = catalogue.components(catalogue.read("nifi-2.3.0-embedded"))
    for kind, official in catalogue.components(catalogue.read("nifi-2.3.0")).items():
        if kind in ours:
            assert official.names.items() <= ours[kind].names.items(), kind
            assert official.sensitive <= ours[kind].sensitive
            assert set(official.relationships) == set(ours[kind].relationships)

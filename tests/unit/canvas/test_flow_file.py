"""Versions as files, and what differs between two of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from idemflow.canvas import flow_file
from idemflow.canvas.difference import Change, compare
from idemflow.errors import UsageError


def definition() -> dict[str, Any]:
    step = {
        "identifier": "p", "componentType": "PROCESSOR", "name": "Step", "type": "org.example.Step",
        "groupIdentifier": "g", "position": {"x": 1.0, "y": 2.0},
        "properties": {"body": "a\nb", "plain": "x"},
        "propertyDescriptors": {"body": {"name": "body", "displayName": "Script Body"}},
        "autoTerminatedRelationships": ["b", "a"],
    }  # fmt: skip
    line = {
        "identifier": "c", "componentType": "CONNECTION", "name": "", "groupIdentifier": "g",
        "source": {"id": "p", "groupId": "g", "type": "PROCESSOR", "name": "Step"},
        "destination": {"id": "p", "groupId": "g", "type": "PROCESSOR", "name": "Step"},
        "selectedRelationships": ["success"],
    }  # fmt: skip
    contents = {"identifier": "g", "name": "people", "processors": [step], "connections": [line]}
    return {"flowContents": contents}


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    return compare(flow_file.contents(before), flow_file.contents(after))


def test_texts_in_lines_are_joined() -> None:
    text = """{"flowContents": {"comments": ["a", ""], "processors": [
        {"type": "t", "properties": {"Script Body": ["x", "", "y"]},
         "autoTerminatedRelationships": ["a", "b"]}]}}"""
    contents = flow_file.read(text, "it")["flowContents"]
    assert contents["comments"] == "a\n"
    assert contents["processors"][0]["properties"]["Script Body"] == "x\n\ny"
    assert contents["processors"][0]["autoTerminatedRelationships"] == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"flowContents": []}', "<<<<<<< HEAD",
        *(f'{{"flowContents": {{"a": {"[" * deep}{"]" * deep}}}}}' for deep in (700, 100_000)),
        '{"flowContents": {"a": %s}}' % ("9" * 5000),
    ],
)  # fmt: skip
def test_what_is_no_flow(text: str) -> None:
    with pytest.raises(UsageError, match=r"it\.json is no flow"):
        flow_file.read(text, "it.json")


def test_another_nifi_and_another_place_are_no_difference() -> None:
    other = definition()
    contents = other["flowContents"]
    contents["identifier"] = "root"
    contents["versionedFlowCoordinates"] = {"version": "1"}
    for part in (*contents["processors"], *contents["connections"]):
        part["groupIdentifier"] = "root"
        part["instanceIdentifier"] = "i"
    for end in ("source", "destination"):
        contents["connections"][0][end]["groupId"] = "root"
        contents["connections"][0][end]["instanceIdentifier"] = "i"
    contents["processors"][0]["position"] = {"x": 9.0, "y": 9.0}
    contents["processors"][0]["autoTerminatedRelationships"] = ["a", "b"]
    assert changes(definition(), other) == []
    assert flow_file.digest(definition()) == flow_file.digest(other)


def test_each_change_is_named() -> None:
    other = copy.deepcopy(definition())
    step = other["flowContents"]["processors"][0]
    step["properties"]["body"] = "a\nc"
    step["comments"] = "new"
    del step["autoTerminatedRelationships"]
    del other["flowContents"]["connections"]
    assert changes(definition(), other) == [
        Change("people / Step", "autoTerminatedRelationships", "['a', 'b']", "None"),
        Change("people / Step", "comments", "None", "new"),
        Change("people / Step", "Script Body", "a\nb", "a\nc"),
        Change("people / Step → Step (success)", "", "connection", None),
    ]
    assert flow_file.digest(definition()) != flow_file.digest(other)


def test_parameters_without_secrets() -> None:
    made = {
        "parameterContexts": {
            "c": {"parameters": [{"name": "a", "value": "1"}, {"name": "b", "sensitive": True}]}
        }
    }
    assert flow_file.parameters(made) == {"c / a": "1", "c / b": "********"}

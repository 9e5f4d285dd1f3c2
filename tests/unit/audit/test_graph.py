"""Reading a flow definition."""

from __future__ import annotations

from idemflow.audit.graph import read
from tests.unit.audit.draft import Draft


def test_properties_by_display_name_with_descriptors_or_without() -> None:
    flow = Draft()
    described = flow.box("PutElasticsearchJson", {"other-name": "id"})
    described["propertyDescriptors"] = {
        "other-name": {"name": "other-name", "displayName": "Identifier Attribute"}
    }
    flow.box("PutElasticsearchJson", {"put-es-json-id-attr": "id"})
    flow.box("PutElasticsearchJson", {"Identifier Attribute": "id"})
    flow.box("PutElasticsearchJson", {"Identifier Attribute": ""})
    nodes = read(flow.definition()).processors
    assert [node.get("Identifier Attribute", "none") for node in nodes] == ["id"] * 3 + ["none"]


def test_dynamic_properties_with_descriptors_or_without() -> None:
    flow = Draft()
    flow.box("UpdateAttribute", {"id": "${x}", "Store State": "Do not store state"})
    described = flow.box("UpdateAttribute", {"id": "${x}", "New in 3.0": "y"})
    described["propertyDescriptors"] = {
        "id": {"displayName": "id", "dynamic": True},
        "New in 3.0": {"displayName": "New in 3.0", "dynamic": False},
    }
    assert [node.dynamic for node in read(flow.definition()).processors] == [{"id"}, {"id"}]


def test_parameters_are_filled_in_by_group_and_inherited() -> None:
    outer = Draft("outer", parameters={"index": "people"})
    inner = outer.group("inner")
    inner.box("PutElasticsearchJson", {"Index": "#{index}-##{index}-#{unknown}"})
    definition = outer.definition()
    (node,) = read(definition).processors
    assert node.get("Index") == "people-##{index}-#{unknown}"
    definition["parameterContexts"]["base"] = {
        "parameters": [{"name": "unknown", "value": "x"}, {"name": "index", "value": "y"}]
    }
    definition["parameterContexts"]["here"]["inheritedParameterContexts"] = ["base"]
    (node,) = read(definition).processors
    assert node.get("Index") == "people-##{index}-x"


def test_a_definition_with_remote_groups_and_connections_to_nowhere() -> None:
    flow = Draft()
    box = flow.box("ExecuteSQL")
    flow.join(box, {"identifier": "gone", "componentType": "PROCESSOR"}, "success")
    remote = {"identifier": "r", "name": "other site",
              "inputPorts": [{"identifier": "rp", "name": "in"}]}  # fmt: skip
    flow.parts["remoteProcessGroups"] = [remote]
    flow.join(box, {"identifier": "rp", "componentType": "PORT"}, "success")
    report = flow.audit()
    sinks = ["other site: in", "gone (not in this definition)"]
    assert [one.path.sink.name for one in report.paths] == sinks
    assert {one.rule for one in report.findings} == {"to-outside"}


def test_a_group_that_is_kept_in_a_file_of_its_own_is_no_way_to_pass_unseen() -> None:
    """NiFi leaves the contents of a group under version control out of the group around it."""
    flow = Draft()
    inner = {"identifier": "in", "componentType": "INPUT_PORT"}
    outer = {"identifier": "out", "componentType": "OUTPUT_PORT"}
    put = flow.box("PutElasticsearchRecord", {"Index": "x", "ID Record Path": "/id"})
    flow.join(flow.box("ExecuteSQL"), inner)
    flow.join(outer, put)
    report = flow.audit()
    assert [(one.path.source.name, one.path.sink.name) for one in report.paths] == [
        ("ExecuteSQL", "in (not in this definition)"),
        ("out (not in this definition)", "PutElasticsearchRecord"),
    ]
    assert {one.verdict.value for one in report.paths} == {"unknown"}

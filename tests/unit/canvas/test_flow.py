"""The flow definition and its comparison, without a NiFi."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idemflow import __version__
from idemflow.canvas import flow, installed_steps
from idemflow.canvas.difference import Change, additions, compare
from idemflow.drawing import catalog
from idemflow.drawing.catalog import Component
from idemflow.drawing.collect import arguments_template
from idemflow.errors import CanvasError
from idemflow.pipeline import spec
from idemflow.pipeline.model import Transform
from idemflow.pipeline.spec import Sources
from idemflow.sources.files.model import FilesSource
from idemflow.sources.sql import draw as sql
from idemflow.sources.sql.model import SqlSource

ROOT = Path(__file__).parents[3]
# What a processor group, a processor, a port take on the canvas, in pixels.
SIZES = {
    "PROCESS_GROUP": (384, 176),
    "PROCESSOR": (352, 128),
    "INPUT_PORT": (240, 48),
    "OUTPUT_PORT": (240, 48),
}
DISPLAY_NAMES = {
    catalog.GENERATE: ["File Size", "Batch Size", "Data Format"],
    catalog.INVOKE: [
        "HTTP Method", "HTTP URL", "Request Username", "Request Password", "SSL Context Service",
        "Socket Read Timeout", "Request Failure Penalization Enabled",
    ],
    catalog.SCRIPT: ["Script Engine", "Script File", "Script Body", "Module Directory"],
    catalog.PUT: [
        "Identifier Attribute", "Index Operation", "Index", "Batch Size", "Client Service",
        "Input Content Format", "Identifier Field", "Retain Identifier Field",
        "Version Field", "Operation Field",
    ],
    sql.SQL_TYPE: [
        "Database Connection Pooling Service", "Record Writer", "SQL Query",
        "Max Rows Per Flow File", "Output Batch Size", "Fetch Size", "Set Auto Commit",
        "Use Avro Logical Types",
    ],
    sql.POOL_TYPE: [
        "Database Connection URL", "Database Driver Class Name", "Database Driver Location(s)",
        "Database User", "Password", "Max Total Connections",
    ],
    sql.WRITER_TYPE: [
        "Output Grouping", "Timestamp Format", "Date Format", "Time Format",
        "Schema Write Strategy", "Schema Access Strategy", "Suppress Null Values",
        "Pretty Print JSON",
    ],
    catalog.CLIENT_SERVICE: [
        "HTTP Hosts", "Authorization Scheme", "Username", "Password", "SSL Context Service",
        "Suppress Null/Empty Values",
    ],
    catalog.SSL_SERVICE: ["Truststore Filename", "Truststore Password", "Truststore Type"],
}  # fmt: skip


def component(kind: str, *, prefix: str = "internal ") -> Component:
    names = {name: prefix + name for name in DISPLAY_NAMES[kind]}
    return Component(
        type=kind,
        bundle={"group": "g", "artifact": "a", "version": "1"},
        names=names,
        defaults=dict.fromkeys(names.values()),
        sensitive=frozenset(),
        relationships=(),
    )


SCRIPTS = Sources("def people(records, seed): ...\n", None)
TYPES = {kind: component(kind) for kind in DISPLAY_NAMES}


def built(**changes: Any) -> dict[str, Any]:
    pipeline = spec.load(ROOT, "people").model_copy(update=changes)
    return flow.build(pipeline, SCRIPTS, TYPES, tls=True)


def components(group: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for kind in ("processors", "inputPorts", "outputPorts", "connections", "controllerServices"):
        yield from group[kind]
    for child in group["processGroups"]:
        yield child
        yield from components(child)


def test_the_same_pipeline_gives_the_same_definition() -> None:
    assert json.dumps(built()) == json.dumps(built())


def test_ids_are_unique(changes: dict[str, Any]) -> None:
    ids = [item["identifier"] for item in components(built(**changes)["flowContents"])]
    assert len(ids) == len(set(ids)) > 20


def test_a_new_group_brings_all_that_is_in_it() -> None:
    group = built()["flowContents"]
    found = [*additions(group)]
    assert found[0] == Change("people", "", None, "process group")
    assert Change("people / Load", "", None, "process group") in found
    assert Change("people / Load / Put documents", "", None, "processor") in found
    assert Change("people / Elasticsearch", "", None, "controller service") in found
    without_labels = [one for one in found if one.after != "label"]
    assert len(without_labels) == 1 + len([*components(group)])


def test_no_secret_is_in_the_definition() -> None:
    service = built()["flowContents"]["controllerServices"][1]
    assert service["properties"]["internal Password"] == "#{elasticsearch.password}"


def test_internal_names_come_from_the_descriptors() -> None:
    other = {kind: component(kind, prefix="v3-") for kind in DISPLAY_NAMES}
    pipeline = spec.load(ROOT, "people")
    group = flow.build(pipeline, SCRIPTS, other, tls=True)["flowContents"]
    put = next(item for item in components(group) if item["name"] == flow.PUT)
    assert put["properties"]["v3-Identifier Attribute"] == "idemflow.id"


def test_a_property_that_another_nifi_calls_differently_is_found() -> None:
    names = [*DISPLAY_NAMES[catalog.PUT], "Max FlowFiles Per Batch"]
    names.remove("Batch Size")
    later = replace(TYPES[catalog.PUT], names={name: name for name in names})
    group = flow.build(spec.load(ROOT, "people"), SCRIPTS, {**TYPES, catalog.PUT: later}, tls=True)[
        "flowContents"
    ]
    put = next(item for item in components(group) if item["name"] == flow.PUT)
    assert put["properties"]["Max FlowFiles Per Batch"] == "1000"


def test_a_nifi_that_lacks_a_property_is_told() -> None:
    with pytest.raises(CanvasError, match="has no property 'Identifier Attribute'"):
        flow.build(
            spec.load(ROOT, "people"),
            SCRIPTS,
            {**TYPES, catalog.PUT: component(catalog.SCRIPT)},
            tls=True,
        )


SQL = {"database": "shop", "table": "orders"}
SOURCES: dict[str, dict[str, Any]] = {
    "script": {},
    "table": {"collect": SqlSource.model_validate({"sql": SQL})},
    "incremental": {
        "collect": SqlSource.model_validate({"sql": SQL | {"incremental": {"column": "at"}}})
    },
    "files": {
        "collect": FilesSource.model_validate({"files": {"directory": "d", "format": "csv"}})
    },
}


@pytest.fixture(params=SOURCES)
def changes(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What makes another pipeline of ``people``: one of each source."""
    return SOURCES[request.param]


def test_every_connection_joins_components_that_are_there(changes: dict[str, Any]) -> None:
    contents = built(**changes)["flowContents"]
    ids = {item["identifier"] for item in components(contents)}
    connections = [item for item in components(contents) if "selectedRelationships" in item]
    assert len(connections) >= 24
    for connection in connections:
        assert {connection["source"]["id"], connection["destination"]["id"]} <= ids


def test_the_canvas_reads_from_left_to_right_with_nothing_overlapping(
    changes: dict[str, Any],
) -> None:
    contents = built(**changes)["flowContents"]
    for group in [contents, *contents["processGroups"]]:
        boxes = []
        for kind in ("processGroups", "processors", "inputPorts", "outputPorts"):
            for item in group[kind]:
                x, y = item["position"]["x"], item["position"]["y"]
                width, height = SIZES[item["componentType"]]
                boxes.append((item["name"], x, y, x + width, y + height))
        for index, (_, left, top, right, bottom) in enumerate(boxes):
            for _, left2, top2, right2, bottom2 in boxes[index + 1 :]:
                apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
                assert apart, boxes
    columns = {group["name"]: group["position"]["x"] for group in contents["processGroups"]}
    assert columns["Collect"] < columns["Identify"] < columns["Load"] <= columns["Dead letters"]


def test_arguments_become_json_from_parameters() -> None:
    template = arguments_template({"records": 5, "name": 'a"b', "flag": True})
    assert template == (
        '{"records":#{records},"name":"${#{name}:escapeJson()}","flag":#{flag}}'
    )  # fmt: skip


def exported(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition as NiFi gives it back: instance ids, other orders, floats."""
    live: dict[str, Any] = json.loads(json.dumps(definition["flowContents"]))
    live["instanceIdentifier"] = "x"
    for item in components(live):
        item["instanceIdentifier"] = "y"
        if "autoTerminatedRelationships" in item:
            item["autoTerminatedRelationships"].reverse()
    live["processGroups"].reverse()
    return live


def test_nothing_differs_from_what_was_deployed() -> None:
    definition = built()
    assert compare(exported(definition), definition["flowContents"], TYPES) == []


def test_a_changed_property_is_named_by_its_display_name() -> None:
    definition = built()
    live = exported(definition)
    put = next(item for item in components(live) if item["name"] == flow.PUT)
    put["properties"]["internal Batch Size"] = "7"
    assert compare(live, definition["flowContents"], TYPES) == [
        Change("people / Load / Put documents", "Batch Size", "7", "1000")
    ]


def test_a_dynamic_property_an_operator_added_is_a_difference() -> None:
    definition = built()
    live = exported(definition)
    put = next(item for item in components(live) if item["name"] == flow.PUT)
    put["properties"]["BULK:routing"] = "x"
    assert compare(live, definition["flowContents"], TYPES) == [
        Change("people / Load / Put documents", "BULK:routing", "x", None)
    ]


def test_components_that_came_and_went_are_differences() -> None:
    definition = built()
    live = exported(definition)
    load = next(item for item in live["processGroups"] if item["name"] == "Load")
    extra = copy.deepcopy(load["processors"][0]) | {"identifier": "new", "name": "Mine"}
    load["processors"].append(extra)
    gone = load["outputPorts"].pop()
    changes = compare(live, definition["flowContents"], TYPES)
    assert Change("people / Load / Mine", "", "processor", None) in changes
    assert Change(f"people / Load / {gone['name']}", "", None, "output port") in changes


def test_moved_boxes_are_no_difference() -> None:
    definition = built()
    live = exported(definition)
    for item in components(live):
        if "position" in item:
            item["position"] = {"x": 1.0, "y": 2.0}
    assert compare(live, definition["flowContents"], TYPES) == []


def named(definition: dict[str, Any], name: str) -> dict[str, Any]:
    """The properties of the component of that name, by display name."""
    found = next(
        item for item in components(definition["flowContents"])
        if item["name"] == name and "properties" in item
    )  # fmt: skip
    return {key.removeprefix("internal "): value for key, value in found["properties"].items()}


def test_one_document_a_flow_file_or_many() -> None:
    load = spec.load(ROOT, "people").load
    one = named(built(load=load.model_copy(update={"batch": 1})), flow.PUT)
    assert one["Identifier Attribute"] == "idemflow.id"
    assert "Input Content Format" not in one
    many = named(built(load=load.model_copy(update={"batch": 5000})), flow.PUT)
    assert (many["Input Content Format"], many["Identifier Field"]) == ("NDJSON", "_id")


def test_a_nifi_without_json_lines_gets_one_document_a_flow_file() -> None:
    put = TYPES[catalog.PUT]
    names = {key: value for key, value in put.names.items() if key != "Version Field"}
    types = {**TYPES, catalog.PUT: replace(put, names=names)}
    pipeline = spec.load(ROOT, "people")
    pipeline = pipeline.model_copy(update={"load": pipeline.load.model_copy(update={"batch": 50})})
    found = named(flow.build(pipeline, SCRIPTS, types, tls=True), flow.PUT)
    assert found["Identifier Attribute"] == "idemflow.id"


def test_a_query_keeps_its_text() -> None:
    query = {"database": "shop", "query": "SELECT '${x}', '#{y}' FROM t;"}
    changes = {"collect": SqlSource.model_validate({"sql": query})}
    assert named(built(**changes), sql.READ)["SQL Query"] == "SELECT '$${x}', '##{y}' FROM t"
    incremental = {
        "collect": SqlSource.model_validate({"sql": query | {"incremental": {"column": "at"}}})
    }
    assert named(built(**incremental), sql.READ)["SQL Query"] == (
        "SELECT * FROM (SELECT '$${x}', '##{y}' FROM t) AS source ${idemflow.condition}"
    )


def test_a_transform_stands_before_the_step() -> None:
    definition = flow.build(
        spec.load(ROOT, "people").model_copy(
            update={"transform": Transform(script="scripts/t.py", function="clean")}
        ),
        Sources("def people(): ...\n", "def clean(record):\n    return record\n"),
        TYPES,
        tls=True,
    )
    assert named(definition, flow.IDENTIFY)["Script Body"].startswith("def clean(record):")


@pytest.mark.parametrize("name", ["people", "orders", "files"])
def test_no_body_of_the_shipped_pipelines_has_more_than_five_lines_of_ours(name: str) -> None:
    pipeline = spec.load(ROOT, name)
    scripts = spec.sources(ROOT, pipeline)
    definition = flow.build(pipeline, scripts, TYPES, tls=True)
    bodies = [
        item["properties"]["internal Script Body"]
        for item in components(definition["flowContents"])
        if item.get("type") == catalog.SCRIPT
    ]
    assert len(bodies) == {"people": 6, "orders": 7, "files": 6}[name]
    for body in bodies:
        assert len(body.removeprefix(scripts.collect or "\0").splitlines()) <= 5
    assert len(installed_steps.calls(definition)) == len(bodies)


def test_the_calls_of_a_definition_are_those_that_idemflow_drew() -> None:
    definition = built()
    called = {call.step for call in installed_steps.calls(definition)}
    assert "idemflow.steps.identify:identify" in called
    assert {call.drawn_by for call in installed_steps.calls(definition)} == {__version__}
    for item in components(definition["flowContents"]):
        if item.get("type") == catalog.SCRIPT:
            item["properties"]["internal Script Body"] += "print(1)\n"
    assert installed_steps.calls(definition) == installed_steps.calls(None) == set()

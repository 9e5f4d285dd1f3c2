"""What NiFi answers for *View Documentation* of the bundle's types."""

from __future__ import annotations

import re
from typing import Any

import nipyapi
import pytest

from idemflow.canvas import client
from idemflow.canvas.catalog import read
from idemflow.drawing import catalog
from idemflow.drawing.catalog import SCRIPT
from idemflow.sources.sql import draw as sql
from idemflow.supply.bundle import GROUP, VERSION
from tests.integration.execute_script import Step, canvas_group
from tests.integration.tools import Idemflow

pytestmark = pytest.mark.timeout(300)

PUT = "org.apache.nifi.processors.elasticsearch.PutElasticsearchJson"
SERVICE = "org.apache.nifi.elasticsearch.ElasticSearchClientService"
REGISTRY_CLIENT = "io.idemflow.registry.GitFlowRegistryClient"
EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture
def flow(idemflow: Idemflow) -> Any:
    client.connect(idemflow.target().nifi)
    return nipyapi.nifi.FlowApi()


def details(flow: Any, nar: str, type_name: str) -> str:
    found = flow.get_additional_details(GROUP, nar, VERSION, type_name)
    return str(found.additional_details)


def shown(definition: Any) -> dict[str, Any]:
    """The properties by the name that the canvas shows."""
    return {one.display_name: one for one in definition.property_descriptors.values()}


def relationships(definition: Any) -> list[str]:
    assert all(one.description for one in definition.supported_relationships)
    return [one.name for one in definition.supported_relationships]


def test_execute_script(flow: Any) -> None:
    found = flow.get_processor_definition(GROUP, "idemflow-scripting-nar", VERSION, SCRIPT)
    assert list(shown(found)) == ["Script Engine", "Script File", "Script Body", "Module Directory"]
    assert all(one.description for one in shown(found).values())
    engine = shown(found)["Script Engine"]
    assert engine.required
    assert engine.default_value == "python"
    assert relationships(found) == ["failure", "success"]
    assert "rolled back" in found.type_description
    assert found.additional_details


def test_the_examples_of_execute_script_run(flow: Any) -> None:
    make, change, many, java = EXAMPLE.findall(details(flow, "idemflow-scripting-nar", SCRIPT))
    with canvas_group("examples") as group:
        run = [
            Step(group, str(number), {"Script Body": body}, 1)
            for number, body in enumerate((make, change, many, java))
        ]
        run[1].feed(run[0])
        run[2].feed(run[1])
        for step in run:
            step.run_once()
            assert step.bulletins() == []
        [made] = run[2].flow_files()
        assert made.content == b'{"id": "person-1", "name": "Ada"}'
        assert [one.content for one in run[3].flow_files()] == [b"{a=1, b=2}"]


def test_put_elasticsearch_json_and_its_service(flow: Any) -> None:
    nar = "idemflow-elasticsearch-nar"
    found = flow.get_processor_definition(GROUP, nar, VERSION, PUT)
    api = shown(found)["Client Service"].type_provided_by_value
    assert (api.group, api.artifact, api.type) == (GROUP, nar, SERVICE)
    assert relationships(found) == ["errors", "failure", "original", "retry", "successful"]
    table = re.findall(r"^\| ([^|]+) \| .+ \|$", details(flow, nar, PUT), re.MULTILINE)
    assert {"Identifier Attribute", "Identifier Field", "Version Field"} <= set(table)
    assert set(table) - {"property"} <= set(shown(found)), "examples name properties that exist"

    service = flow.get_controller_service_definition(GROUP, nar, VERSION, f"{SERVICE}Impl")
    assert [one.type for one in service.provided_api_implementations] == [SERVICE]
    tls = shown(service)["SSL Context Service"].type_provided_by_value
    assert tls.artifact == "nifi-standard-services-api-nar"


DRAWN = (
    catalog.GENERATE, catalog.INVOKE, catalog.SCRIPT, catalog.PUT, catalog.CLIENT_SERVICE,
    catalog.SSL_SERVICE, *sql.TYPES,
)  # fmt: skip


@pytest.mark.parametrize("kind", DRAWN, ids=lambda kind: kind.rpartition(".")[2])
def test_a_nar_describes_a_type_as_an_instance_does(flow: Any, kind: str) -> None:
    """NiFi's own NARs as well, which are packed here: of both the drawing takes names."""
    described = read([kind])[kind]
    processors = {one.type: one for one in flow.get_processor_types().processor_types}
    services = {
        one.type: one for one in flow.get_controller_service_types().controller_service_types
    }
    with canvas_group("described") as group:
        if kind in processors:
            made = nipyapi.canvas.create_processor(group, processors[kind], (0.0, 0.0)).component
            descriptors = made.config.descriptors
            assert described.relationships == tuple(one.name for one in made.relationships)
        else:
            made = nipyapi.canvas.create_controller(group, services[kind]).component
            descriptors = made.descriptors
        assert described.names == {one.display_name: key for key, one in descriptors.items()}
        assert described.defaults == {k: one.default_value for k, one in descriptors.items()}
        assert described.sensitive == {key for key, one in descriptors.items() if one.sensitive}
        assert described.bundle["artifact"] == made.bundle.artifact


def test_the_registry_client_has_its_properties_in_its_details(flow: Any) -> None:
    """NiFi 2.3.0 has definitions for other kinds of types only."""
    text = details(flow, "idemflow-flow-registry-nar", REGISTRY_CLIENT)
    assert "git init -b main" in text
    made = nipyapi.versioning.create_registry_client(
        name="documented", reg_type=REGISTRY_CLIENT, properties={"Repository Path": "/nowhere"}
    )
    try:
        for one in made.component.descriptors.values():
            assert f"| {one.display_name}" in text
            assert one.description in text
    finally:
        nipyapi.versioning.delete_registry_client(made)

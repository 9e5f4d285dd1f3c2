"""PutElasticsearchJson processors on the real canvas, for their tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import nipyapi
from elasticsearch import Elasticsearch

from idemflow.canvas.catalog import read
from idemflow.drawing import catalog
from idemflow.servers import Target
from tests.integration.execute_script import FlowFile, flow_files, queued
from tests.integration.tools import wait_until

RELATIONSHIPS = ("original", "successful", "errors", "retry", "failure")
SOURCE = """
import json

for attributes, content in json.loads(documents.getValue()):
    flow_file = session.putAllAttributes(session.create(), attributes)
    stream = session.write(flow_file)
    for text, times in [(content, 1)] if isinstance(content, str) else content:
        stream.write(text.encode() * times)
    stream.close()
    session.transfer(flow_file, REL_SUCCESS)
"""

# Attributes, and the content: a text, or several, each with how often it is repeated.
Document = tuple[dict[str, str], str | list[tuple[str, int]]]


class Put:
    """A PutElasticsearchJson, with a queue for each relationship and documents before it."""

    def __init__(self, group: Any, processor: Any, terminate: tuple[str, ...]) -> None:
        self._processor = processor
        funnel = nipyapi.canvas.create_funnel(group.id, (0.0, 600.0))
        self._queues = {
            name: nipyapi.canvas.create_connection(processor, funnel, [name])
            for name in RELATIONSHIPS
            if name not in terminate
        }

    def run_once(self) -> None:
        """Let it take one batch."""
        run_once(self._processor)

    def counts(self) -> dict[str, int]:
        """FlowFiles by relationship, those with none left out."""
        found = {name: queued(queue) for name, queue in self._queues.items()}
        return {name: count for name, count in found.items() if count}

    def flow_files(self, relationship: str) -> list[FlowFile]:
        """What went to a relationship."""
        return flow_files(self._queues[relationship])

    def bulletins(self) -> list[str]:
        """What the canvas shows at the processor."""
        board = nipyapi.nifi.FlowApi().get_bulletin_board(source_id=self._processor.id)
        return [found.bulletin.message for found in board.bulletin_board.bulletins]

    def written(self) -> dict[str, str | None]:
        """Its properties as NiFi writes them into flow definitions, and into versions."""
        group = self._processor.component.parent_group_id
        definition = json.loads(nipyapi.nifi.ProcessGroupsApi().export_process_group(group))
        (found,) = [
            one for one in definition["flowContents"]["processors"] if one["type"] == catalog.PUT
        ]
        properties: dict[str, str | None] = found["properties"]
        return properties

    def counters(self) -> dict[str, int]:
        """Its counters by name."""
        board = nipyapi.nifi.CountersApi().get_counters().counters.aggregate_snapshot
        return {
            counter.name: counter.value_count
            for counter in board.counters
            if self._processor.id in counter.context
        }


@cache
def _types() -> dict[str, catalog.Component]:
    """What NiFi knows of the types that the tests use; the same for all of them."""
    return read([catalog.PUT, catalog.CLIENT_SERVICE, catalog.SSL_SERVICE])


class Bench:
    """A process group with controller services, and the processors that a test asks for."""

    def __init__(self, group: Any, target: Target) -> None:
        self._group = group
        self._target = target
        self._types = _types()
        self._tls = self._service(
            catalog.SSL_SERVICE,
            {
                "Truststore Filename": str(target.truststore),
                "Truststore Password": target.truststore_password or "",
                "Truststore Type": "PKCS12",
            },
        )
        nipyapi.canvas.schedule_controller(self._tls, True, refresh=True)

    def service(
        self, changes: Mapping[str, str | None] | None = None, *, enable: bool = True
    ) -> Any:
        """A client service; the changes are to its properties, by display name."""
        properties: dict[str, str | None] = {
            "HTTP Hosts": self._target.loader.url,
            "Username": self._target.loader.username,
            "Password": self._target.loader.password,
            "SSL Context Service": self._tls.id,
            **(changes or {}),
        }
        made = self._service(catalog.CLIENT_SERVICE, properties)
        return nipyapi.canvas.schedule_controller(made, True, refresh=True) if enable else made

    def put(
        self,
        documents: Sequence[Document],
        properties: Mapping[str, str],
        *,
        service: Any = None,
        terminate: tuple[str, ...] = (),
    ) -> Put:
        """Send documents, each with its attributes, in one batch."""
        source = nipyapi.canvas.create_processor(
            self._group,
            nipyapi.canvas.get_processor_type(catalog.SCRIPT, "name"),
            (0.0, 0.0),
            "source",
            nipyapi.nifi.ProcessorConfigDTO(
                properties={
                    "Script Engine": "python",
                    "Script Body": SOURCE,
                    "documents": json.dumps(documents),
                },
                auto_terminated_relationships=["failure"],
            ),
        )
        processor = nipyapi.canvas.create_processor(
            self._group,
            nipyapi.canvas.get_processor_type(catalog.PUT, "name"),
            (0.0, 300.0),
            "put",
            nipyapi.nifi.ProcessorConfigDTO(
                properties=self._internal(
                    catalog.PUT,
                    {
                        "Client Service": (service or self.service()).id,
                        "Identifier Attribute": "id",
                        **properties,
                    },
                ),
                auto_terminated_relationships=list(terminate),
            ),
        )
        queue = nipyapi.canvas.create_connection(source, processor, ["success"])
        # Without a prioritizer the order of a queue is not that of its arrivals.
        queue.component.prioritizers = ["org.apache.nifi.prioritizer.FirstInFirstOutPrioritizer"]
        nipyapi.nifi.ConnectionsApi().update_connection(queue, queue.id)
        put = Put(self._group, processor, terminate)
        run_once(source)
        wait_until(lambda: queued(queue) == len(documents), "the documents are queued", seconds=20)
        put.run_once()
        return put

    def _service(self, kind: str, properties: Mapping[str, str | None]) -> Any:
        bundle = nipyapi.nifi.BundleDTO(**self._types[kind].bundle)
        service = nipyapi.canvas.create_controller(
            self._group, nipyapi.nifi.DocumentedTypeDTO(type=kind, bundle=bundle)
        )
        return nipyapi.canvas.update_controller(
            service, nipyapi.nifi.ControllerServiceDTO(properties=self._internal(kind, properties))
        )

    def _internal(self, kind: str, properties: Mapping[str, str | None]) -> dict[str, str | None]:
        """Display names to internal ones; any other name is dynamic and stays as it is."""
        names = self._types[kind].names
        return {names.get(name, name): value for name, value in properties.items()}


def run_once(processor: Any) -> None:
    """Run a processor one time, and wait until it has ended."""

    def now() -> Any:
        return nipyapi.canvas.get_processor(processor.id, "id")

    def ended() -> bool:
        status = now().status
        idle = status.aggregate_snapshot.active_thread_count == 0
        return status.run_status == "Stopped" and bool(idle)

    wait_until(lambda: now().component.validation_status == "VALID", "the processor is valid")
    nipyapi.nifi.ProcessorsApi().update_run_status5(
        id=processor.id,
        body=nipyapi.nifi.ProcessorRunStatusEntity(revision=now().revision, state="RUN_ONCE"),
    )
    wait_until(ended, "the processor ends")


def found(elasticsearch: Elasticsearch, index: str) -> dict[str, object]:
    """Every document of an index by id."""
    elasticsearch.indices.refresh(index=index)
    hits = elasticsearch.search(index=index, size=1000)["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


def events(uuid: str) -> list[Any]:
    """Provenance events of a FlowFile, the newest first, without the tests' own downloads."""
    api = nipyapi.nifi.ProvenanceApi()
    asked = nipyapi.nifi.ProvenanceRequestDTO(
        max_results=100,
        search_terms={"FlowFileUUID": nipyapi.nifi.ProvenanceSearchValueDTO(value=uuid)},
    )
    seen: list[Any] = []

    def answered() -> bool:
        query = api.submit_provenance_request(
            nipyapi.nifi.ProvenanceEntity(provenance=nipyapi.nifi.ProvenanceDTO(request=asked))
        ).provenance
        while not query.finished:
            query = api.get_provenance(query.id).provenance
        api.delete_provenance(query.id)
        seen[:] = [
            event for event in query.results.provenance_events if event.event_type != "DOWNLOAD"
        ]
        return bool(seen)

    wait_until(answered, f"provenance of {uuid}")
    return seen

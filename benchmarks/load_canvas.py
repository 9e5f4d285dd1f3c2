"""A process group with a full queue in front of PutElasticsearchJson."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nipyapi

from benchmarks import canvas, people
from idemflow.commands.up import Target

NAME = "idemflow benchmark: load"
_SCRIPT = "org.apache.nifi.processors.script.ExecuteScript"
_PUT = "org.apache.nifi.processors.elasticsearch.PutElasticsearchJson"
_CLIENT = "org.apache.nifi.elasticsearch.ElasticSearchClientServiceImpl"
_TLS = "org.apache.nifi.ssl.StandardSSLContextService"

_CHUNKS = """
all, most = int(count.getValue()), int(size.getValue())
for start in range(0, all, most):
    attributes = {"start": str(start), "size": str(min(most, all - start))}
    session.transfer(session.putAllAttributes(session.create(), attributes), REL_SUCCESS)
"""

_FILL = """
import json

chunk = session.get()
if chunk is not None:
    for id, person in people(int(chunk.getAttribute("start")), int(chunk.getAttribute("size"))):
        flow_file = session.putAttribute(session.create(), "id", id)
        stream = session.write(flow_file)
        stream.write(json.dumps(person).encode())
        stream.close()
        session.transfer(flow_file, REL_SUCCESS)
    session.remove(chunk)
"""

_FILL_LINES = """
import json

chunk = session.get()
if chunk is not None:
    stream = session.write(chunk)
    lines = (
        '{"_id":"' + id + '",' + json.dumps(person)[1:]
        for id, person in people(int(chunk.getAttribute("start")), int(chunk.getAttribute("size")))
    )
    stream.write("\\n".join(lines).encode())
    stream.close()
    session.transfer(chunk, REL_SUCCESS)
"""


@dataclass(frozen=True)
class Way:
    """A way to load with PutElasticsearchJson.

    Attributes:
        name: its process group's.
        description: for the report.
        fill: script that makes FlowFiles of a chunk of people.
        chunk: how many people a chunk has.
        documents: how many documents a FlowFile has, at most.
        tasks: concurrent tasks of PutElasticsearchJson.
        properties: its properties by display name.
    """

    name: str
    description: str
    fill: str
    chunk: int
    documents: int
    tasks: int
    properties: Mapping[str, str]


ONE_DOCUMENT = Way(
    name=f"{NAME}, one document a FlowFile",
    description="NiFi PutElasticsearchJson, one document a FlowFile, 2 tasks of 2,000",
    fill=_FILL,
    chunk=1_000,
    documents=1,
    tasks=2,
    properties={"Identifier Attribute": "id", "Batch Size": "2000"},
)
NDJSON = Way(
    name=f"{NAME}, NDJSON",
    description="NiFi PutElasticsearchJson, FlowFiles of 5,000 lines, 2 tasks",
    fill=_FILL_LINES,
    chunk=5_000,
    documents=5_000,
    tasks=2,
    properties={
        "Input Content Format": "NDJSON",
        "Identifier Field": "_id",
        "Retain Identifier Field": "false",
        "Max Batch Size": "2 MB",
    },
)


class LoadCanvas:
    """Builds the group, fills its queue, and empties the queue into Elasticsearch.

    Args:
        target: the servers; :func:`benchmarks.canvas.connect` has been called.
        way: how to load.
    """

    def __init__(self, target: Target, way: Way) -> None:
        self._way = way
        canvas.delete_group(way.name)
        root = nipyapi.canvas.get_process_group("root", "id")
        self._group = nipyapi.canvas.create_process_group(root, way.name, (0.0, -1_000.0))
        client = self._client(target)
        self._chunks = self._script("chunks", _CHUNKS, (0.0, 0.0))
        source = Path(people.__file__).read_text(encoding="utf-8")
        self._fill = self._script("fill", source + way.fill, (0.0, 300.0))
        self._put = self._processor(
            _PUT, "put", (0.0, 600.0),
            {"Index": "replaced before each run", "Client Service": client.id, **way.properties},
            ["original", "successful"], way.tasks,
        )  # fmt: skip
        self._connect(self._chunks, self._fill, ["success"])
        self._queue = self._connect(self._fill, self._put, ["success"])
        self._connect(self._put, self._put, ["retry", "errors", "failure"])

    def fill(self, count: int) -> None:
        """Queue so many people."""
        flow_files = -(-count // self._way.documents)
        canvas.configure(self._chunks, {"count": str(count), "size": str(self._way.chunk)})
        canvas.schedule(self._chunks, "RUN_ONCE")
        canvas.schedule(self._fill, True)
        canvas.wait(
            lambda: self._queued() == flow_files, f"the queue does not hold {flow_files} FlowFiles"
        )
        canvas.schedule(self._fill, False)

    def empty(self, index: str, arrived: Callable[[], bool]) -> float:
        """Send what is queued into an index.

        Args:
            index: the index.
            arrived: whether every document is in it; asked instead of NiFi, whose answers cost it
                several milliseconds each.

        Returns:
            Seconds from the start of the processor until all have arrived.
        """
        canvas.configure(self._put, {"Index": index})
        processor = nipyapi.canvas.get_processor(self._put.id, "id")
        began = time.perf_counter()
        nipyapi.canvas.schedule_processor(processor, True)
        canvas.wait(arrived, "the queue is not emptied")
        seconds = time.perf_counter() - began
        canvas.wait(lambda: self._queued() == 0, "FlowFiles are left over")
        canvas.schedule(self._put, False)
        return seconds

    def close(self) -> None:
        """Take the group away."""
        canvas.delete_group(self._way.name)

    def _client(self, target: Target) -> nipyapi.nifi.ControllerServiceEntity:
        secure = self._service(
            _TLS,
            {
                "Truststore Filename": str(target.truststore),
                "Truststore Password": target.truststore_password or "",
                "Truststore Type": "PKCS12",
            },
        )
        return self._service(
            _CLIENT,
            {
                "HTTP Hosts": target.elasticsearch.url,
                "Username": target.elasticsearch.username,
                "Password": target.elasticsearch.password,
                "SSL Context Service": secure.id,
            },
        )

    def _service(
        self, kind: str, properties: Mapping[str, str]
    ) -> nipyapi.nifi.ControllerServiceEntity:
        found = nipyapi.canvas.get_controller_type(kind, identifier_type="name", greedy=False)
        service = nipyapi.canvas.create_controller(self._group, found)
        named = canvas.internal(service.component.descriptors, properties)
        nipyapi.canvas.update_controller(
            service, nipyapi.nifi.ControllerServiceDTO(properties=named)
        )
        service = nipyapi.canvas.get_controller(service.id, "id")
        return nipyapi.canvas.schedule_controller(service, True, refresh=True)

    def _script(
        self, name: str, body: str, position: tuple[float, float]
    ) -> nipyapi.nifi.ProcessorEntity:
        properties = {"Script Engine": "python", "Script Body": body}
        return self._processor(_SCRIPT, name, position, properties, ["failure"], 2)

    def _processor(
        self,
        kind: str,
        name: str,
        position: tuple[float, float],
        properties: Mapping[str, str],
        terminate: list[str],
        tasks: int,
    ) -> nipyapi.nifi.ProcessorEntity:
        config = nipyapi.nifi.ProcessorConfigDTO(
            auto_terminated_relationships=terminate, concurrently_schedulable_task_count=tasks
        )
        found = nipyapi.canvas.get_processor_type(kind, identifier_type="name", greedy=False)
        made = nipyapi.canvas.create_processor(self._group, found, position, name, config)
        canvas.configure(made, properties)
        return made

    def _connect(
        self,
        source: nipyapi.nifi.ProcessorEntity,
        target: nipyapi.nifi.ProcessorEntity,
        relationships: list[str],
    ) -> nipyapi.nifi.ConnectionEntity:
        source, target = (nipyapi.canvas.get_processor(one.id, "id") for one in (source, target))
        connection = nipyapi.canvas.create_connection(source, target, relationships)
        connection.component.back_pressure_object_threshold = 0
        connection.component.back_pressure_data_size_threshold = "0 B"
        return nipyapi.nifi.ConnectionsApi().update_connection(connection, connection.id)

    def _queued(self) -> int:
        status = nipyapi.nifi.FlowApi().get_connection_status(self._queue.id)
        return int(status.connection_status.aggregate_snapshot.flow_files_queued)

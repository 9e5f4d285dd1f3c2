"""The process group of a pipeline, as a NiFi flow definition.

``build`` is a pure function: pipeline + scripts + catalog of component types in, flow definition
(the JSON that NiFi downloads and uploads) out. Ids are derived from names, so that the same
pipeline gives the same definition on every machine.

How it reads on the canvas, left to right::

    Collect ──records──▶ Identify ──documents──▶ Load
                            │                      │
                            └──no identity──▶ Dead letters ◀──refused──┘
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from idemflow import steps
from idemflow.canvas import catalog
from idemflow.canvas.catalog import Component
from idemflow.pipeline.spec import Pipeline

Json = dict[str, Any]
Position = tuple[float, float]

TRIGGER = "Start a run"
COLLECT = "Collect records"
IDENTIFY = "Identify records"
PUT = "Put documents"
TRIAGE = "Sort refusals"
WRAP = "Write dead letters"
KEEP = "Keep dead letters"
CLIENT = "Elasticsearch"
TLS = "Elasticsearch TLS"

# The canvas draws a process group 384 x 176, a processor 352 x 128 and a port 240 x 48; the label
# of a connection is 240 wide. Columns leave room for a label between two boxes.
_COLUMN = 720.0
_ROW = 440.0

_RUN_ID = "${now():format(\"yyyyMMdd'T'HHmmssSSS\", 'GMT')}-${UUID():substring(0, 8)}"
_STARTED = "${now():format(\"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\", 'GMT')}"


@dataclass
class _Group:
    """A process group while it is being drawn."""

    pipeline: str
    name: str
    path: str
    position: Position
    comments: str = ""
    parts: dict[str, list[Json]] = field(
        default_factory=lambda: {
            key: []
            for key in (
                "processGroups", "processors", "inputPorts", "outputPorts", "connections",
                "labels", "controllerServices",
            )
        }
    )  # fmt: skip

    @property
    def id(self) -> str:
        return _id(self.path)

    def _base(self, kind: str, name: str, position: Position) -> Json:
        return {
            "identifier": _id(f"{self.path}/{kind}/{name}"),
            "groupIdentifier": self.id,
            "componentType": kind,
            "name": name,
            "comments": "",
            "position": {"x": position[0], "y": position[1]},
        }

    def group(self, name: str, position: Position, comments: str) -> _Group:
        """Start a group inside this one; it is added by :meth:`close`."""
        return _Group(self.pipeline, name, f"{self.path}/{name}", position, comments)

    def close(self, context: str) -> Json:
        return {
            "identifier": self.id,
            "componentType": "PROCESS_GROUP",
            "name": self.name,
            "comments": self.comments,
            "position": {"x": self.position[0], "y": self.position[1]},
            "parameterContextName": context,
            "remoteProcessGroups": [],
            "funnels": [],
            **self.parts,
        }

    def processor(
        self,
        component: Component,
        name: str,
        position: Position,
        properties: Mapping[str, str | None],
        *,
        dynamic: Mapping[str, str] | None = None,
        comments: str = "",
        terminate: Sequence[str] = (),
        period: str = "0 sec",
        tasks: int = 1,
        penalty: str = "5 s",
        primary: bool = False,
    ) -> Json:
        processor = self._base("PROCESSOR", name, position) | {
            "type": component.type,
            "bundle": dict(component.bundle),
            "comments": comments,
            "properties": _properties(component, properties, dynamic or {}),
            "propertyDescriptors": {},
            "style": {},
            "schedulingStrategy": "TIMER_DRIVEN",
            "schedulingPeriod": period,
            "executionNode": "PRIMARY" if primary else "ALL",
            "penaltyDuration": penalty,
            "yieldDuration": "1 sec",
            "bulletinLevel": "WARN",
            "runDurationMillis": 0,
            "concurrentlySchedulableTaskCount": tasks,
            "autoTerminatedRelationships": list(terminate),
            "retriedRelationships": [],
            "retryCount": 10,
            "backoffMechanism": "PENALIZE_FLOWFILE",
            "maxBackoffPeriod": "10 mins",
            "scheduledState": "ENABLED",
        }
        self.parts["processors"].append(processor)
        return processor

    def service(
        self, component: Component, name: str, properties: Mapping[str, str | None]
    ) -> Json:
        service = self._base("CONTROLLER_SERVICE", name, (0.0, 0.0)) | {
            "type": component.type,
            "bundle": dict(component.bundle),
            "properties": _properties(component, properties, {}),
            "propertyDescriptors": {
                internal: {
                    "name": internal,
                    "displayName": display,
                    "identifiesControllerService": display == "SSL Context Service",
                    "sensitive": internal in component.sensitive,
                    "dynamic": False,
                }
                for display, internal in component.names.items()
            },
            "controllerServiceApis": [],
            "bulletinLevel": "WARN",
            "scheduledState": "DISABLED",
        }
        self.parts["controllerServices"].append(service)
        return service

    def port(self, kind: str, name: str, position: Position) -> Json:
        port = self._base(kind, name, position) | {
            "type": kind,
            "concurrentlySchedulableTaskCount": 1,
            "scheduledState": "ENABLED",
            "allowRemoteAccess": False,
            "portFunction": "STANDARD",
        }
        self.parts["inputPorts" if kind == "INPUT_PORT" else "outputPorts"].append(port)
        return port

    def label(self, text: str, position: Position, size: Position) -> None:
        self.parts["labels"].append(
            self._base("LABEL", "", position)
            | {
                "identifier": _id(f"{self.path}/LABEL"),
                "label": text,
                "width": size[0],
                "height": size[1],
                "zIndex": 0,
                "style": {"font-size": "16px", "background-color": "#f4f3ee"},
            }
        )

    def connect(
        self,
        source: Json,
        destination: Json,
        queue: int,
        relationships: Sequence[str] = (),
        *,
        name: str = "",
        bends: Sequence[Position] = (),
    ) -> None:
        key = f"{source['identifier']}>{destination['identifier']}/{','.join(relationships)}"
        self.parts["connections"].append(
            {
                "identifier": _id(f"{self.path}/{key}"),
                "groupIdentifier": self.id,
                "componentType": "CONNECTION",
                "name": name,
                "source": _end(source),
                "destination": _end(destination),
                "selectedRelationships": list(relationships),
                "backPressureObjectThreshold": queue,
                "backPressureDataSizeThreshold": "1 GB",
                "flowFileExpiration": "0 sec",
                "prioritizers": [],
                "bends": [{"x": x, "y": y} for x, y in bends],
                "labelIndex": 0,
                "zIndex": 0,
                "loadBalanceStrategy": "DO_NOT_LOAD_BALANCE",
                "partitioningAttribute": "",
                "loadBalanceCompression": "DO_NOT_COMPRESS",
            }
        )


def build(pipeline: Pipeline, source: str, types: Mapping[str, Component], *, tls: bool) -> Json:
    """The flow definition of a pipeline.

    Args:
        pipeline: the validated YAML.
        source: text of the user's script.
        types: the component types of the NiFi, by full class name.
        tls: whether Elasticsearch is reached over TLS with a truststore.

    Returns:
        A ``RegisteredFlowSnapshot`` as NiFi reads it; no sensitive value is in it.
    """
    top = _Group(pipeline.name, pipeline.name, pipeline.name, (0.0, 0.0), pipeline.description)
    context = context_name(pipeline)
    queue = pipeline.load.queue
    client = _services(top, types, tls=tls)
    collect, records = _collect(top, pipeline, source, types)
    identify, (records_in, documents, nameless) = _identify(top, pipeline, types)
    load, (documents_in, refused) = _load(top, pipeline, types, client)
    letters, letters_in = _dead_letters(top, pipeline, types, client)
    top.parts["processGroups"] = [
        group.close(context) for group in (collect, identify, load, letters)
    ]
    top.connect(records, records_in, queue, name="records")
    top.connect(documents, documents_in, queue, name="documents")
    top.connect(nameless, letters_in, queue, name="no identity",
                bends=[(_COLUMN + 192.0, _ROW + 88.0)])  # fmt: skip
    top.connect(refused, letters_in, queue, name="refused")
    # Further left than Collect: fitted to the view, NiFi's folded panels then cover no step.
    top.label(
        f"{pipeline.name}: {pipeline.description}\n"
        f"To run it, right-click {TRIGGER!r} in Collect and choose Run Once.\n"
        "However often it runs, each record is one document.",
        (-64.0, _ROW),
        (_COLUMN, 96.0),
    )
    return {
        "flowContents": top.close(context),
        "externalControllerServices": {},
        "parameterContexts": {},
        "parameterProviders": {},
        "flowEncodingVersion": "1.0",
        "latest": False,
    }


def context_name(pipeline: Pipeline) -> str:
    """The name of the pipeline's parameter context."""
    return f"idemflow {pipeline.name}"


def _services(top: _Group, types: Mapping[str, Component], *, tls: bool) -> Json:
    secure = None
    if tls:
        secure = top.service(
            types[catalog.SSL_SERVICE],
            TLS,
            {
                "Truststore Filename": "#{elasticsearch.truststore}",
                "Truststore Password": "#{elasticsearch.truststore.password}",
                "Truststore Type": "PKCS12",
            },
        )
    return top.service(
        types[catalog.CLIENT_SERVICE],
        CLIENT,
        {
            "HTTP Hosts": "#{elasticsearch.url}",
            "Authorization Scheme": "BASIC",
            "Username": "#{elasticsearch.username}",
            "Password": "#{elasticsearch.password}",
            "SSL Context Service": secure["identifier"] if secure else None,
            # The default of the official service drops null and empty fields from documents.
            "Suppress Null/Empty Values": "never-suppress",
        },
    )


def _collect(
    top: _Group, pipeline: Pipeline, source: str, types: Mapping[str, Component]
) -> tuple[_Group, Json]:
    group = top.group(
        "Collect", (0.0, 0.0), f"Calls {pipeline.collect.function}() of {pipeline.collect.script}."
    )
    trigger = group.processor(
        types[catalog.GENERATE],
        TRIGGER,
        (0.0, 0.0),
        {"File Size": "0B", "Batch Size": "1"},
        dynamic={
            "idemflow.run": _RUN_ID,
            "idemflow.started": _STARTED,
            "idemflow.pipeline": pipeline.name,
            "idemflow.arguments": arguments_template(pipeline.collect.arguments),
        },
        comments="One FlowFile starts one run. Run Once, or start it to run on a schedule.",
        period=pipeline.schedule,
        primary=True,
    )
    step = group.processor(
        types[catalog.SCRIPT],
        COLLECT,
        (0.0, 320.0),
        {
            "Script Engine": "python",
            "Script Body": steps.collect_script(source, pipeline.collect.function, pipeline.name),
        },
        comments=f"{pipeline.collect.script}: records as JSON lines.",
        terminate=["failure"],
        penalty=pipeline.load.retry_after,
    )
    out = group.port("OUTPUT_PORT", "records", (_COLUMN, 360.0))
    group.connect(trigger, step, pipeline.load.queue, ["success"])
    group.connect(step, out, pipeline.load.queue, ["success"])
    return group, out


def _identify(
    top: _Group, pipeline: Pipeline, types: Mapping[str, Component]
) -> tuple[_Group, tuple[Json, Json, Json]]:
    group = top.group(
        "Identify",
        (_COLUMN, 0.0),
        f"The id of a document comes from {', '.join(pipeline.identity)}, never from chance.",
    )
    records = group.port("INPUT_PORT", "records", (0.0, 40.0))
    step = group.processor(
        types[catalog.SCRIPT],
        IDENTIFY,
        (560.0, 0.0),
        {"Script Engine": "python", "Script Body": steps.identify_script(pipeline.name)},
        dynamic={"identity": json.dumps(pipeline.identity), "index": "#{index}"},
        comments="One FlowFile a record, with its id as idemflow.id; and the manifest.",
        penalty=pipeline.load.retry_after,
    )
    documents = group.port("OUTPUT_PORT", "documents", (1232.0, 40.0))
    nameless = group.port("OUTPUT_PORT", "no identity", (616.0, 320.0))
    group.connect(records, step, pipeline.load.queue)
    group.connect(step, documents, pipeline.load.queue, ["success"])
    group.connect(step, nameless, pipeline.load.queue, ["failure"])
    return group, (records, documents, nameless)


def _load(
    top: _Group, pipeline: Pipeline, types: Mapping[str, Component], client: Json
) -> tuple[_Group, tuple[Json, Json]]:
    group = top.group(
        "Load", (2 * _COLUMN, 0.0), "Writes each document under its id: a re-run overwrites it."
    )
    documents = group.port("INPUT_PORT", "documents", (0.0, 40.0))
    put = _put(group, PUT, (560.0, 0.0), pipeline, types, client)
    sort = group.processor(
        types[catalog.SCRIPT],
        TRIAGE,
        (560.0, 360.0),
        {"Script Engine": "python", "Script Body": steps.triage_script(pipeline.name)},
        comments="An outage is tried again, a stale document dropped, a bad one a dead letter.",
        penalty=pipeline.load.retry_after,
    )
    refused = group.port("OUTPUT_PORT", "refused", (1232.0, 400.0))
    group.connect(documents, put, pipeline.load.queue)
    group.connect(put, sort, pipeline.load.queue, ["errors", "failure"], name="refusals")
    group.connect(sort, put, pipeline.load.queue, ["success"], name="try again",
                  bends=[(360.0, 424.0), (360.0, 200.0)])  # fmt: skip
    group.connect(sort, refused, pipeline.load.queue, ["failure"])
    return group, (documents, refused)


def _dead_letters(
    top: _Group, pipeline: Pipeline, types: Mapping[str, Component], client: Json
) -> tuple[_Group, Json]:
    group = top.group(
        "Dead letters",
        (2 * _COLUMN, _ROW),
        "Keeps each record that can never go in, with the reason, in idemflow-dead-letters.",
    )
    refused = group.port("INPUT_PORT", "refused", (0.0, 40.0))
    wrap = group.processor(
        types[catalog.SCRIPT],
        WRAP,
        (560.0, 0.0),
        {"Script Engine": "python", "Script Body": steps.dead_letter_script(pipeline.name)},
        comments="Adds the reason, the run and the position.",
        terminate=["failure"],
        penalty=pipeline.load.retry_after,
    )
    put = _put(group, KEEP, (1232.0, 0.0), pipeline, types, client)
    again = ["errors", "failure"]
    group.connect(refused, wrap, pipeline.load.queue)
    group.connect(wrap, put, pipeline.load.queue, ["success"])
    group.connect(put, put, pipeline.load.queue, again, name="not kept yet",
                  bends=[(1344.0, 240.0), (1472.0, 240.0)])  # fmt: skip
    return group, refused


def _put(
    group: _Group,
    name: str,
    position: Position,
    pipeline: Pipeline,
    types: Mapping[str, Component],
    client: Json,
) -> Json:
    """A PutElasticsearchJson that tries again what an outage held up."""
    put = group.processor(
        types[catalog.PUT],
        name,
        position,
        {
            "Identifier Attribute": "idemflow.id",
            "Index Operation": "index",
            "Index": "${idemflow.index}",
            "Batch Size": str(pipeline.load.batch),
            "Client Service": client["identifier"],
        },
        comments="Identifier Attribute makes a re-run overwrite instead of duplicate.",
        terminate=["original", "successful"],
        tasks=pipeline.load.tasks,
        penalty=pipeline.load.retry_after,
    )
    x, y = position
    group.connect(put, put, pipeline.load.queue, ["retry"], name="retry after an outage",
                  bends=[(x + 112.0, y - 112.0), (x + 240.0, y - 112.0)])  # fmt: skip
    return put


def arguments_template(arguments: Mapping[str, bool | int | float | str]) -> str:
    """Expression Language that makes the JSON object of the arguments from the parameters."""
    parts = [
        f'"{name}":"${{#{{{name}}}:escapeJson()}}"' if isinstance(value, str)
        else f'"{name}":#{{{name}}}'
        for name, value in arguments.items()
    ]  # fmt: skip
    return "{" + ",".join(parts) + "}"


def _properties(
    component: Component, properties: Mapping[str, str | None], dynamic: Mapping[str, str]
) -> dict[str, str]:
    """Static properties under their internal names, defaults included, and the dynamic ones."""
    chosen = {component.internal(name): value for name, value in properties.items()}
    merged = {**component.defaults, **chosen, **dynamic}
    return {name: value for name, value in merged.items() if value is not None}


def _id(path: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"idemflow:{path}"))


def _end(component: Json) -> Json:
    return {
        "id": component["identifier"],
        "groupId": component["groupIdentifier"],
        "type": component["componentType"],
        "name": component["name"],
    }

"""Drawing a process group as a NiFi flow definition: boxes, ports, connections, labels.

Ids are derived from names, so that the same drawing gives the same definition on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from idemflow.drawing.catalog import Component

Json = dict[str, Any]
Position = tuple[float, float]

# The canvas draws a process group 384 x 176, a processor 352 x 128 and a port 240 x 48; the label
# of a connection is 240 wide. Columns leave room for a label between two boxes.
COLUMN = 720.0
ROW = 440.0


@dataclass
class Group:
    """A process group while it is being drawn.

    Attributes:
        pipeline: the pipeline's name.
        name: the group's name.
        path: names from the pipeline's group on, the root of all ids in it.
        position: where it stands in its parent, in the canvas' pixels.
        comments: what an operator reads.
        parts: its components, by their kind in the definition.
    """

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

    def group(self, name: str, position: Position, comments: str) -> Group:
        """Start a group inside this one; it is added by :meth:`close`."""
        return Group(self.pipeline, name, f"{self.path}/{name}", position, comments)

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
        strategy: str = "TIMER_DRIVEN",
        period: str = "0 sec",
        tasks: int = 1,
        penalty: str = "5 s",
        primary: bool = False,
        retried: Sequence[str] = (),
    ) -> Json:
        processor = self._base("PROCESSOR", name, position) | {
            "type": component.type,
            "bundle": dict(component.bundle),
            "comments": comments,
            "properties": _properties(component, properties, dynamic or {}),
            "propertyDescriptors": {},
            "style": {},
            "schedulingStrategy": strategy,
            "schedulingPeriod": period,
            "executionNode": "PRIMARY" if primary else "ALL",
            "penaltyDuration": penalty,
            "yieldDuration": "1 sec",
            "bulletinLevel": "WARN",
            "runDurationMillis": 0,
            "concurrentlySchedulableTaskCount": tasks,
            "autoTerminatedRelationships": list(terminate),
            "retriedRelationships": list(retried),
            "retryCount": 10,
            "backoffMechanism": "PENALIZE_FLOWFILE",
            # NiFi doubles the penalty from try to try, up to this.
            "maxBackoffPeriod": "30 secs" if retried else "10 mins",
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

    def label(self, text: str, position: Position, size: Position, key: str = "") -> None:
        self.parts["labels"].append(
            self._base("LABEL", "", position)
            | {
                "identifier": _id(f"{self.path}/LABEL{key}"),
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

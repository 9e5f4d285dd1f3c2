"""Flow definitions in a few lines, as NiFi downloads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from idemflow.audit.report import Report, audit

Json = dict[str, Any]
# By which relationship a FlowFile goes on where all is well.
_ON = {
    "SplitJson": "split",
    "SplitRecord": "splits",
    "MergeContent": "merged",
    "MergeRecord": "merged",
    "EvaluateJsonPath": "matched",
    "InvokeHTTP": "Response",
    "RouteOnAttribute": "unmatched",
    "DetectDuplicate": "non-duplicate",
}
_PACKAGES = "org.apache.nifi.processors."


@dataclass
class Draft:
    """A process group while it is drawn."""

    name: str = "flow"
    path: str = ""
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    parts: dict[str, list[Json]] = field(default_factory=dict)

    def box(
        self,
        kind: str,
        properties: Mapping[str, str] | None = None,
        *,
        name: str = "",
        ends: Sequence[str] = (),
        **more: Any,
    ) -> Json:
        """A processor; ``ends`` are its terminated relationships."""
        made = {
            "identifier": f"{self.path}/{name or kind}/{len(self.parts.get('processors', ()))}",
            "componentType": "PROCESSOR",
            "name": name or kind,
            "type": kind if "." in kind else _PACKAGES + kind,
            "properties": dict(properties or {}),
            "propertyDescriptors": {},
            "autoTerminatedRelationships": list(ends),
            "retriedRelationships": [],
            "penaltyDuration": "30 sec",
            "scheduledState": "ENABLED",
            **more,
        }
        return self._add("processors", made)

    def port(self, kind: str, name: str) -> Json:
        """``INPUT_PORT`` or ``OUTPUT_PORT``."""
        parts = "inputPorts" if kind == "INPUT_PORT" else "outputPorts"
        return self._add(
            parts, {"identifier": f"{self.path}/{kind}/{name}", "componentType": kind, "name": name}
        )

    def funnel(self) -> Json:
        """A funnel, which has no name."""
        number = len(self.parts.get("funnels", ()))
        return self._add("funnels", {"identifier": f"{self.path}/f{number}",
                                     "componentType": "FUNNEL"})  # fmt: skip

    def group(self, name: str) -> Draft:
        """A group in this one."""
        child = Draft(name, f"{self.path}/{name}")
        self.parts.setdefault("groups", []).append({"draft": child})
        return child

    def join(self, source: Json, target: Json, *relationships: str, **more: Any) -> None:
        """A connection; by default by the relationship on which all is well."""
        ways = list(relationships)
        if not ways and source["componentType"] == "PROCESSOR":
            ways = [_ON.get(source["type"].rpartition(".")[2], "success")]
        self._add(
            "connections",
            {
                "identifier": f"{self.path}/c{len(self.parts.get('connections', ()))}",
                "componentType": "CONNECTION",
                "source": {"id": source["identifier"]},
                "destination": {"id": target["identifier"]},
                "selectedRelationships": ways,
                "flowFileExpiration": "0 sec",
                "loadBalanceStrategy": "DO_NOT_LOAD_BALANCE",
                **more,
            },
        )

    def chain(self, *boxes: Json) -> None:
        """Connections from each to the next."""
        for source, target in pairwise(boxes):
            self.join(source, target)

    def contents(self) -> Json:
        """The group as a definition has it."""
        parts = {key: value for key, value in self.parts.items() if key != "groups"}
        children = [one["draft"].contents() for one in self.parts.get("groups", ())]
        return {"identifier": f"{self.path}/", "name": self.name, "processGroups": children,
                "parameterContextName": "here" if self.parameters else None, **parts}  # fmt: skip

    def definition(self) -> Json:
        """The flow definition."""
        values = [{"name": name, "value": value} for name, value in self.parameters.items()]
        contexts = {"here": {"name": "here", "parameters": values}} if values else {}
        return {"flowContents": self.contents(), "parameterContexts": contexts}

    def audit(self) -> Report:
        """What the audit says of it."""
        return audit(self.definition())

    def _add(self, kind: str, made: Json) -> Json:
        self.parts.setdefault(kind, []).append(made)
        return made


Box = tuple[str, Mapping[str, str]]


def line(*boxes: Box, **last: Any) -> Draft:
    """A flow without a branch; ``last`` is for its last processor."""
    made = Draft()
    drawn = []
    for index, (kind, properties) in enumerate(boxes):
        more = last if index == len(boxes) - 1 else {}
        drawn.append(made.box(kind, properties, **more))
    made.chain(*drawn)
    return made


def rules(report: Report) -> set[str]:
    """The names of the rules that found something."""
    return {one.rule for one in report.findings}

"""A report as plain data: what ``--json`` prints."""

from __future__ import annotations

from typing import Any

from idemflow.audit.findings import Finding
from idemflow.audit.graph import Node
from idemflow.audit.report import Judged, Report

# What the canvas calls a component in its addresses.
_ON_CANVAS = {
    "PROCESSOR": "Processor",
    "INPUT_PORT": "InputPort",
    "OUTPUT_PORT": "OutputPort",
    "FUNNEL": "Funnel",
    "CONNECTION": "Connection",
}


def link(node: Node, nifi: str) -> str:
    """The address of a component on the canvas; empty where it is on none.

    Args:
        node: the component.
        nifi: the address of the NiFi, without a slash at the end; empty for none.
    """
    kind = _ON_CANVAS.get(node.kind)
    if not (nifi and kind and node.instance and node.group_instance):
        return ""
    return f"{nifi}/nifi/#/process-groups/{node.group_instance}/{kind}/{node.instance}"


def plain(report: Report, nifi: str = "") -> dict[str, Any]:
    """A report as JSON has it; ``docs/audit.md`` describes it.

    Args:
        report: the report.
        nifi: the address of the NiFi that the flow is on.
    """
    numbers = {id(one): number for number, one in enumerate(report.findings)}
    return {
        "flow": report.graph.name,
        "verdict": report.verdict.value,
        "paths": [_path(one, numbers, nifi) for one in report.paths],
        "findings": [_finding(one, nifi) for one in report.findings],
    }


def _path(one: Judged, numbers: dict[int, int], nifi: str) -> dict[str, Any]:
    return {
        "source": _node(one.path.source, nifi),
        "sink": _node(one.path.sink, nifi),
        "way": [node.name for node in one.path.way],
        "after_failure": one.path.after_failure,
        "verdict": one.verdict.value,
        "sure": one.sure.value,
        "findings": [numbers[id(found)] for found in one.findings],
    }


def _finding(one: Finding, nifi: str) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "effect": one.effect.value,
        "sure": one.sure.value,
        "where": _node(one.where, nifi),
        "what": one.what,
        "why": one.why,
        "mend": one.mend,
    }


def _node(node: Node, nifi: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": node.name,
        "group": " / ".join(node.group),
        "kind": node.kind.lower().replace("_", " "),
        "id": node.instance or node.id,
    }
    if node.type:
        found["type"] = node.type
    if address := link(node, nifi):
        found["link"] = address
    return found

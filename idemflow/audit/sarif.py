"""A report as SARIF 2.1.0, which code review tools show beside the file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.plain import link
from idemflow.audit.report import Report
from idemflow.audit.rules import RULES
from idemflow.audit.rules.rule import Rule

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {
    Effect.DUPLICATES: "error",
    Effect.LOSES: "error",
    Effect.UNKNOWN: "warning",
    Effect.CONDITION: "note",
    Effect.NOTE: "note",
}
_PRECISION = {Sure.CERTAIN: "very-high", Sure.LIKELY: "high", Sure.DEPENDS: "medium"}


def sarif(
    report: Report, *, version: str, file: str = "", text: str = "", nifi: str = ""
) -> dict[str, Any]:
    """A report as a SARIF log.

    Args:
        report: the report.
        version: the version of idemflow.
        file: the file that the flow was read from; empty for a canvas.
        text: its text, in which each component's line is looked for.
        nifi: the address of the NiFi that the flow is on; empty for a file.
    """
    names = list(RULES)
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "idemflow",
                        "version": version,
                        "rules": [_rule(rule) for rule in RULES.values()],
                    }
                },
                "invocations": [{"executionSuccessful": True}],
                "results": [
                    {"ruleIndex": names.index(one.rule), **_result(one, file, text, nifi)}
                    for one in report.findings
                ],
                "properties": {"flow": report.graph.name, "verdict": report.verdict.value},
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.what},
        "help": {"text": rule.mend},
        "defaultConfiguration": {"level": _LEVELS[rule.effect]},
        "properties": {"effect": rule.effect.value, "precision": _PRECISION[rule.sure]},
    }


def _result(one: Finding, file: str, text: str, nifi: str) -> dict[str, Any]:
    print_ = hashlib.sha256(f"{one.rule} {one.where.id} {one.why}".encode()).hexdigest()[:32]
    place: dict[str, Any] = {
        "logicalLocations": [{"name": one.where.name, "fullyQualifiedName": one.where.place}]
    }
    if uri := link(one.where, nifi) or _uri(file):
        place["physicalLocation"] = {"artifactLocation": {"uri": uri}}
    if line := _line(text, one.where.id):
        place["physicalLocation"]["region"] = {"startLine": line}
    return {
        "ruleId": one.rule,
        "level": _LEVELS[one.effect],
        "message": {"text": f"{one.where.place}: {one.what}\nWhy: {one.why}\nMend: {one.mend}"},
        "locations": [place],
        "partialFingerprints": {"idemflowFinding/v1": print_},
        "properties": {"effect": one.effect.value, "sure": one.sure.value},
    }


def _uri(file: str) -> str:
    if not file:
        return ""
    return Path(file).as_uri() if Path(file).is_absolute() else quote(PurePath(file).as_posix())


def _line(text: str, identifier: str) -> int:
    """The line that a component begins at; 0 where it is not found."""
    found = re.search(rf'"identifier"\s*:\s*"{re.escape(identifier)}"', text)
    return text.count("\n", 0, found.start()) + 1 if found else 0

"""What NiFi finds at its first start: an empty canvas, and an administrator who may use all of it.

NiFi gives its initial administrator no rights on a canvas that it has yet to make, nor on
provenance, counters and system diagnostics; so both files are there before it starts.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import uuid
from pathlib import Path
from xml.etree import ElementTree

from idemflow.security.owner import Owner, write_file

_RIGHTS = (
    ("/flow", "R"),
    ("/controller", "RW"),
    ("/restricted-components", "RW"),
    ("/tenants", "RW"),
    ("/policies", "RW"),
    ("/system", "R"),
    ("/provenance", "R"),
    ("/counters", "RW"),
    ("/process-groups/{root}", "RW"),
    ("/data/process-groups/{root}", "RW"),
    ("/provenance-data/process-groups/{root}", "R"),
)


def write_first_flow(data: Path, username: str, owner: Owner) -> None:
    """Writes ``flow.json.gz`` and ``authorizations.xml`` where there is no flow yet."""
    flow = data / "flow.json.gz"
    if flow.exists():
        return
    root = str(uuid.uuid4())
    write_file(data / "authorizations.xml", _authorizations(root, username), owner)
    write_file(flow, gzip.compress(json.dumps(_flow(root)).encode()), owner)


def _flow(root: str) -> dict[str, object]:
    lists = (
        "registries", "parameterContexts", "parameterProviders", "controllerServices",
        "reportingTasks", "flowAnalysisRules",
    )  # fmt: skip
    parts = (
        "processGroups", "remoteProcessGroups", "processors", "inputPorts", "outputPorts",
        "connections", "labels", "funnels", "controllerServices",
    )  # fmt: skip
    return {
        "encodingVersion": {"majorVersion": 2, "minorVersion": 0},
        "maxTimerDrivenThreadCount": 10,
        **{name: [] for name in lists},
        "rootGroup": {
            "identifier": root,
            "instanceIdentifier": root,
            "name": "NiFi Flow",
            "comments": "",
            "position": {"x": 0.0, "y": 0.0},
            **{name: [] for name in parts},
            "defaultFlowFileExpiration": "0 sec",
            "defaultBackPressureObjectThreshold": 10000,
            "defaultBackPressureDataSizeThreshold": "1 GB",
            "scheduledState": "ENABLED",
            "executionEngine": "INHERITED",
            "maxConcurrentTasks": 1,
            "statelessFlowTimeout": "1 min",
            "flowFileConcurrency": "UNBOUNDED",
            "flowFileOutboundPolicy": "STREAM_WHEN_AVAILABLE",
            "componentType": "PROCESS_GROUP",
        },
    }


def _authorizations(root: str, username: str) -> bytes:
    # FileUserGroupProvider gives an initial user the id UUID.nameUUIDFromBytes(identity).
    digest = hashlib.md5(username.encode(), usedforsecurity=False).digest()
    user = str(uuid.UUID(bytes=digest, version=3))
    document = ElementTree.Element("authorizations")
    policies = ElementTree.SubElement(document, "policies")
    for resource, actions in _RIGHTS:
        for action in actions:
            policy = ElementTree.SubElement(
                policies,
                "policy",
                identifier=str(uuid.uuid4()),
                resource=resource.format(root=root),
                action=action,
            )
            ElementTree.SubElement(policy, "user", identifier=user)
    return bytes(ElementTree.tostring(document, encoding="UTF-8", xml_declaration=True))

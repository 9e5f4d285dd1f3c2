"""The Identify step: gives each record the id of its document and writes the run's manifest.

Runs inside NiFi, below the sources of ``identity`` and ``manifest``: standard library only.
A record without an identity goes to ``failure`` with the reason; no id is ever made up.
"""

import json
from collections import defaultdict
from typing import Any

from idemflow.pipeline.identity import NoIdentity, canonical, content_hash, document_id
from idemflow.pipeline.manifest import pack
from idemflow.steps.ledger_entry import write_manifest


def identify(
    session: Any,
    success: Any,
    failure: Any,
    *,
    pipeline: str,
    fields: list[str],
    index: str,
    batch: int = 1000,
) -> None:
    """Identify a batch of queued records.

    Args:
        session: NiFi's ProcessSession.
        success: the relationship of records with an id, and of manifests.
        failure: the relationship of records without one.
        pipeline: the pipeline's name.
        fields: the identity rule.
        index: the index that the documents go to.
        batch: FlowFiles to take at once, at most.
    """
    entries: dict[str, list[tuple[str, str]]] = defaultdict(list)
    refused: dict[str, int] = defaultdict(int)
    for flow_file in session.get(batch):
        if flow_file.getAttribute("idemflow.kind") is not None:
            session.transfer(flow_file, success)
            continue
        run = flow_file.getAttribute("idemflow.run") or "none"
        reason = flow_file.getAttribute("idemflow.reason")
        if reason is None:
            with session.read(flow_file) as content:
                data = bytes(content.readAllBytes())
            try:
                record = json.loads(data)
                identifier = document_id(record, fields)
                digest = content_hash(canonical(record))
            except NoIdentity as error:
                reason = str(error)
            except ValueError as error:
                reason = f"the record is not JSON: {error}"
        if reason is not None:
            refused[run] += 1
            attributes = {"idemflow.reason": reason, "idemflow.step": "Identify"}
            session.transfer(session.putAllAttributes(flow_file, attributes), failure)
            continue
        entries[run].append((identifier, digest))
        attributes = {"idemflow.id": identifier, "idemflow.index": index}
        session.transfer(session.putAllAttributes(flow_file, attributes), success)
    for run in {**entries, **refused}:
        chunk: dict[str, object] = {
            "count": len(entries[run]),
            "refused": refused[run],
            "entries": pack(entries[run]),
            "stale": pack([]),
        }
        write_manifest(session, success, pipeline=pipeline, run=run, index=index, content=chunk)

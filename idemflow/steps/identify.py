"""The Identify step: makes each record a FlowFile that carries the id of its document.

Runs inside NiFi, below the sources of ``identity`` and ``manifest``: standard library only.
A record without an identity goes to ``failure`` with the reason; no id is ever made up.
"""

import json
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
) -> None:
    """Split one queued FlowFile of records, identify each, and write that part of the manifest.

    Args:
        session: NiFi's ProcessSession.
        success: the relationship of records with an id, and of manifests.
        failure: the relationship of records without one.
        pipeline: the pipeline's name.
        fields: the identity rule.
        index: the index that the documents go to.
    """
    chunk = session.get()
    if chunk is None:
        return
    if chunk.getAttribute("idemflow.kind") is not None:
        session.transfer(chunk, success)
        return
    with session.read(chunk) as content:
        data = bytes(content.readAllBytes())
    position = int(chunk.getAttribute("idemflow.position"))
    reason = chunk.getAttribute("idemflow.reason")
    entries: list[tuple[str, str]] = []
    identified: list[Any] = []
    refused: list[Any] = []
    # What Collect could not write as a record has its reason already, and is not split.
    for number, line in enumerate(data.split(b"\n") if reason is None else [data], position):
        attributes = {"idemflow.position": str(number)}
        why = reason
        if why is None:
            try:
                record = json.loads(line)
                identifier = document_id(record, fields)
                entries.append((identifier, content_hash(canonical(record))))
                attributes |= {"idemflow.id": identifier, "idemflow.index": index}
            except NoIdentity as error:
                why = str(error)
        flow_file = session.create(chunk)
        with session.write(flow_file) as content:
            content.write(line)
        if why is not None:
            attributes |= {"idemflow.reason": why, "idemflow.step": "Identify"}
        flow_file = session.putAllAttributes(flow_file, attributes)
        (identified if why is None else refused).append(flow_file)
    session.transfer(identified, success)
    session.transfer(refused, failure)
    content = {
        "count": len(entries),
        "refused": len(refused),
        "entries": pack(entries),
        "stale": pack([]),
    }
    run = chunk.getAttribute("idemflow.run")
    write_manifest(session, success, pipeline=pipeline, run=run, index=index, content=content)
    session.remove(chunk)

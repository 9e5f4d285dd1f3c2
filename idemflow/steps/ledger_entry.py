"""Writes a chunk of a run's manifest from inside a step.

Runs inside NiFi: standard library only.
"""

import json
from typing import Any


def write_manifest(
    session: Any,
    relationship: Any,
    *,
    pipeline: str,
    run: str,
    index: str,
    content: dict[str, object],
) -> None:
    """Add a FlowFile that Load writes to ``idemflow-manifests``.

    Args:
        session: NiFi's ProcessSession.
        relationship: where the chunk goes.
        pipeline: the pipeline's name.
        run: the run id.
        index: the index that the run's documents go to.
        content: ``count``, ``refused``, ``entries`` and ``stale`` of the chunk.
    """
    chunk = session.create()
    with session.write(chunk) as stream:
        stream.write(
            json.dumps({"pipeline": pipeline, "run": run, "index": index, **content}).encode()
        )
    attributes = {
        "idemflow.kind": "manifest",
        "idemflow.run": run,
        # The FlowFile's own id: stable from the commit on, so that a re-send overwrites.
        "idemflow.id": f"{run}:{chunk.getAttribute('uuid')}",
        "idemflow.index": "idemflow-manifests",
    }
    session.transfer(session.putAllAttributes(chunk, attributes), relationship)

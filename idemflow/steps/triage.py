"""The triage of what Elasticsearch did not take: try again, drop as stale, or give up on.

Runs inside NiFi: standard library only. Decides by type and status, never by message text, and
the same for the bundled PutElasticsearchJson and the official one, which reports an outage as
the failure of a whole batch.
"""

import json
from collections import defaultdict
from typing import Any

from idemflow.pipeline.manifest import pack
from idemflow.steps.ledger_entry import write_manifest

# What an Elasticsearch that is busy, full, starting or wrongly set up answers for a document that
# is itself sound.
RETRYABLE_STATUS = {401, 403, 429, 500, 502, 503, 504}
RETRYABLE_TYPES = {
    "circuit_breaking_exception",
    "cluster_block_exception",
    "es_rejected_execution_exception",
    "no_shard_available_action_exception",
    "node_closed_exception",
    "process_cluster_event_timeout_exception",
    "security_exception",
    "timeout_exception",
    "unavailable_shards_exception",
}
STALE_TYPE = "version_conflict_engine_exception"


def judge(error: str | None, content: bytes, identifier: str | None) -> tuple[str, str]:
    """What becomes of a document that was not taken.

    Args:
        error: the attribute ``elasticsearch.bulk.error`` (JSON), if there is one.
        content: the document.
        identifier: the document's id.

    Returns:
        ``("retry" | "stale" | "dead", reason)``.
    """
    if error is None:
        return _judge_unsent(content, identifier)
    try:
        item = json.loads(error)
    except ValueError:
        return "dead", error
    if not isinstance(item, dict):
        return "dead", error
    cause = item.get("error", item)
    if not isinstance(cause, dict):
        cause = {"type": str(cause)}
    kind, reason = str(cause.get("type", "")), str(cause.get("reason", ""))
    if kind == STALE_TYPE:
        return "stale", reason
    if kind in RETRYABLE_TYPES or item.get("status") in RETRYABLE_STATUS:
        return "retry", reason
    inner = cause.get("caused_by")
    if isinstance(inner, dict) and inner.get("reason"):
        reason = f"{reason}: {inner['reason']}"
    return "dead", f"{kind}: {reason}" if kind else error


def _judge_unsent(content: bytes, identifier: str | None) -> tuple[str, str]:
    """The same for what Elasticsearch said nothing of: its request failed, or it was never sent."""
    if not identifier or not identifier.strip():
        return "dead", "the document has no id"
    try:
        sound = isinstance(json.loads(content), dict)
    except ValueError:
        sound = False
    return ("retry", "") if sound else ("dead", "the document is not a JSON object")


def triage(session: Any, success: Any, failure: Any, *, pipeline: str, batch: int = 500) -> None:
    """Sort a batch of refusals; the ids of stale documents go into the run's manifest.

    Args:
        session: NiFi's ProcessSession.
        success: the relationship of what is tried again, and of manifests.
        failure: the relationship of what becomes a dead letter.
        pipeline: the pipeline's name.
        batch: FlowFiles to take at once, at most.
    """
    stale: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for flow_file in session.get(batch):
        with session.read(flow_file) as content:
            data = bytes(content.readAllBytes())
        identifier = flow_file.getAttribute("idemflow.id")
        verdict, reason = judge(
            flow_file.getAttribute("elasticsearch.bulk.error"), data, identifier
        )
        if verdict == "stale":
            key = (flow_file.getAttribute("idemflow.run"), flow_file.getAttribute("idemflow.index"))
            stale[key].append((identifier, ""))
            session.remove(flow_file)
        elif verdict == "retry":
            session.transfer(session.penalize(flow_file), success)
        else:
            attributes = {"idemflow.reason": reason, "idemflow.step": "Load"}
            session.transfer(session.putAllAttributes(flow_file, attributes), failure)
    for (run, index), entries in stale.items():
        content = {"count": 0, "refused": 0, "entries": pack([]), "stale": pack(entries)}
        write_manifest(session, success, pipeline=pipeline, run=run, index=index, content=content)

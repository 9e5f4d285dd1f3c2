"""The triage of what Elasticsearch did not take: try again, drop as stale, or give up on.

Runs inside NiFi: standard library only. Decides by type and status, never by message text, and
the same for the bundled PutElasticsearchJson and the official one, which reports an outage as
the failure of a whole batch.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from idemflow.steps.flow_file import AT_ONCE, read
from idemflow.steps.forms import is_batch, is_document, unpack
from idemflow.steps.forms import pack as pack_document
from idemflow.steps.ledger_entry import parsed, write_manifest
from idemflow.steps.rules.manifest import pack
from idemflow.steps.rules.positions import nth, whole_number
from idemflow.steps.rules.words import counted

# What an Elasticsearch that is busy, full, starting or wrongly set up answers for a document that
# is itself sound.
RETRYABLE_STATUS = {401, 403, 429, 500, 502, 503, 504}
RETRYABLE_TYPES = {
    "circuit_breaking_exception",
    "cluster_block_exception",
    "es_rejected_execution_exception",
    "index_closed_exception",
    "index_not_found_exception",  # where Elasticsearch may not make it by itself
    "no_shard_available_action_exception",
    "node_closed_exception",
    "process_cluster_event_timeout_exception",
    "security_exception",
    "timeout_exception",
    "unavailable_shards_exception",
    "validation_exception",  # where it would make the index, and may have no more shards
}
NO_ID = "the document has no id"
STALE_TYPE = "version_conflict_engine_exception"


def judge(error: str | None, content: bytes, identifier: str | None) -> tuple[str, str]:
    """What becomes of a document that was not taken.

    Args:
        error: the attribute ``elasticsearch.bulk.error`` (JSON), if there is one.
        content: the document, or documents as JSON lines.
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
        return "dead", NO_ID
    try:
        sound = all(isinstance(json.loads(line), dict) for line in content.split(b"\n"))
    except (ValueError, RecursionError):
        sound = False
    return ("retry", "") if sound else ("dead", "the document is not a JSON object")


def triage(
    session: Any, success: Any, failure: Any, log: Any = None, *, pipeline: str, batch: bool
) -> None:
    """Sort a batch of refusals; the ids of those that end here go into the run's manifest.

    An entry of the ledger is no record and no dead letter: whatever Elasticsearch says of it, it
    is tried again, and the run waits. Why something waits is told in a bulletin: Load's own
    processor tells of whole requests alone.

    Args:
        success: the relationship of what is tried again, and of manifests.
        failure: the relationship of what becomes a dead letter.
        log: NiFi's logger of the processor; a flow of an earlier version gives none.
        batch: whether documents are lines of a batch, which have their ids in them.
    """
    ended: dict[tuple[str, str], dict[str, list[tuple[str, str, int | None]]]] = defaultdict(
        lambda: {"stale": [], "given_up": []}
    )
    waits: Counter[tuple[str, str]] = Counter()
    for refused, data in _refused(session, success, failure, batch=batch):
        identifier, version = _named_in_line(data) if batch else _named(refused)
        error = refused.getAttribute("elasticsearch.bulk.error")
        # An error is of one document; of several it would not say which.
        several = batch and b"\n" in data
        verdict, reason = judge(None if several else error, data, identifier)
        run, index = (refused.getAttribute(f"idemflow.{name}") for name in ("run", "index"))
        key = (run or "", index or "")
        of_ledger = refused.getAttribute("idemflow.kind") is not None
        if of_ledger:
            verdict = "retry"
        if verdict == "retry" and reason:
            waits[f"in {index}" if of_ledger else "", reason] += 1
        if verdict == "stale" and identifier is not None:
            ended[key]["stale"].append((identifier, "", version))
            session.remove(refused)
            continue
        flow_file = _placed(session, refused)
        if verdict == "retry":
            # Should it come back without an error of its own, this one must not be judged again.
            again = session.removeAttribute(flow_file, "elasticsearch.bulk.error")
            session.transfer(session.penalize(again), success)
        else:
            attributes = {"idemflow.reason": reason, "idemflow.step": "Load"}
            if identifier is not None:
                attributes["idemflow.id"] = identifier
                # A dead letter may be sent again or dropped: that it was refused in this run stays.
                # Another record of its id and version has other bytes.
                own = hashlib.sha256(data).hexdigest()[:32]
                ended[key]["given_up"].append((identifier, own, version))
            session.transfer(session.putAllAttributes(flow_file, attributes), failure)
    for (where, reason), number in waits.items() if log is not None else ():
        if where:
            log.error(f"an entry of the ledger, {where}, is refused and tried again: {reason}")
        else:
            log.warn(f"{counted(number, 'document')} not taken now and tried again: {reason}")
    for (run, index), entries in ended.items():
        packed: dict[str, object] = {name: pack(ones) for name, ones in entries.items()}
        write_manifest(
            session, success, pipeline=pipeline, run=run, index=index, content=packed, batch=batch
        )


def _refused(
    session: Any, success: Any, failure: Any, *, batch: bool
) -> Iterator[tuple[Any, bytes]]:
    """What was refused, and its content; what has the form of an earlier deployment is sent again.

    That form alone is why it was refused.
    """
    reformed = 0
    for flow_file in session.get(AT_ONCE):
        data = read(session, flow_file)
        if is_batch(data) == batch or (batch and not is_document(flow_file, data)):
            yield flow_file, data
        elif reformed >= AT_ONCE:  # it comes round again
            session.transfer(flow_file, success)
        elif batch:
            session.transfer(pack_document(session, flow_file, data), success)
            reformed += 1
        else:
            made = list(unpack(session, flow_file, data))
            session.remove(flow_file)
            for one in made:
                why = {} if one.sound else {"idemflow.reason": NO_ID, "idemflow.step": "Load"}
                to = success if one.sound else failure
                session.transfer(session.putAllAttributes(one.flow_file, why), to)
            reformed += len(made)


def _named(flow_file: Any) -> tuple[str | None, int | None]:
    """Id and version of a FlowFile's document."""
    version = flow_file.getAttribute("idemflow.version")
    return flow_file.getAttribute("idemflow.id"), whole_number(version)


def _named_in_line(data: bytes) -> tuple[str | None, int | None]:
    """Id and version of the first document of a batch."""
    line = parsed(data)
    return (None, None) if line is None else (line.identifier, line.version)


def _placed(session: Any, flow_file: Any) -> Any:
    """A line that was taken out of a batch, with its position in place of the batch's."""
    number = flow_file.getAttribute("elasticsearch.record.index")
    if number is None:
        return flow_file
    positions = flow_file.getAttribute("idemflow.positions")
    record = whole_number(number)
    position = None if record is None else nth(positions, record)
    for name in ("elasticsearch.record.index", "idemflow.positions"):
        flow_file = session.removeAttribute(flow_file, name)
    if position is None:
        return flow_file
    return session.putAttribute(flow_file, "idemflow.position", str(position))

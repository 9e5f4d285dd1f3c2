"""FlowFiles of one document, as NiFi's provenance repository still has them.

NiFi can look for an attribute only where it indexes it: the embedded one indexes ``idemflow.id``,
which a FlowFile has that is a single document. One of many documents has their ids inside.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import nipyapi

from idemflow.canvas.client import errors
from idemflow.errors import CanvasError

_ID = "idemflow.id"
# Events that are asked for, how long NiFi may look for them, and how often it is asked, in seconds.
_EVENTS = 1000
_REPLAYABLE = 50
_DEADLINE = 60.0
_POLL = 0.2
# Contents of so many FlowFiles are fetched, and only of those that are no larger.
_CONTENTS = 20
_CONTENT_BYTES = 1024 * 1024
NOT_INDEXED = (
    f"NiFi does not index the attribute {_ID}: add it to "
    "nifi.provenance.repository.indexed.attributes in nifi.properties and restart NiFi (on the "
    "embedded one: idemflow down && idemflow up); what was sent before is not found"
)


@dataclass(frozen=True)
class FlowFile:
    """A FlowFile that was one document.

    Attributes:
        uuid: its id in NiFi.
        run: the run that sent it.
        index: the index that it was meant for.
        started: when it was first seen, by NiFi's clock.
        events: what became of it: the type of each event and the component, the oldest first.
        content: the document as it was sent; ``None`` where NiFi does not have it any more.
        why: why there is no content.
    """

    uuid: str
    run: str
    index: str
    started: str
    events: tuple[str, ...]
    content: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class Provenance:
    """What NiFi has of a document.

    Attributes:
        flow_files: the newest first.
        why: why there is none, or why there may be more; empty where these are all.
    """

    flow_files: tuple[FlowFile, ...] = ()
    why: str = ""


def of_document(identifier: str, components: Collection[str]) -> Provenance:
    """Find the FlowFiles of a document, and what was in them.

    Args:
        identifier: the document's id.
        components: ids of the components that may have seen them.

    Raises:
        CanvasError: NiFi refused the question, or did not answer it in time.
        LoginRefused: this user may not look at the provenance.
    """
    api = nipyapi.nifi.ProvenanceApi()
    with errors():
        options = api.get_search_options().provenance_options
    if _ID not in {field.id for field in options.searchable_fields or ()}:
        return Provenance(why=NOT_INDEXED)
    found, total = _events(api, _ID, escaped(identifier), _EVENTS)
    # NiFi's index knows no upper case.
    own = [
        event
        for event in found
        if event.component_id in components and _attributes(event).get(_ID) == identifier
    ]
    by_flow_file: dict[str, list[Any]] = {}
    for event in sorted(own, key=lambda one: int(one.event_id)):
        by_flow_file.setdefault(event.flow_file_uuid, []).append(event)
    newest_first = sorted(
        by_flow_file.values(), key=lambda events: int(events[-1].event_id), reverse=True
    )
    flow_files = tuple(
        _flow_file(events, fetch=number < _CONTENTS) for number, events in enumerate(newest_first)
    )
    why = f"NiFi has more than {_EVENTS:,} such events; the others are not shown"
    return Provenance(flow_files, why if total > len(found) else "")


def replayable(component: str) -> list[int]:
    """The newest events of a component whose FlowFile it can be given again.

    Args:
        component: its id.

    Raises:
        CanvasError, LoginRefused: as for :func:`of_document`.
    """
    api = nipyapi.nifi.ProvenanceApi()
    found, _ = _events(api, "ProcessorID", component, _REPLAYABLE)
    return sorted(int(one.event_id) for one in found if one.replay_available)


def replay(event: int) -> None:
    """Give a component a FlowFile again, as Replay of an event on the canvas does.

    Raises:
        CanvasError: NiFi has its content no more, or its queue is gone.
        LoginRefused: this user may not.
    """
    with errors():
        nipyapi.nifi.ProvenanceEventsApi().submit_replay({"eventId": event})


def _events(api: Any, field: str, text: str, limit: int) -> tuple[list[Any], int]:
    value = nipyapi.nifi.ProvenanceSearchValueDTO(value=text, inverse=False)
    asked = nipyapi.nifi.ProvenanceRequestDTO(
        search_terms={field: value}, max_results=limit, summarize=False, incremental_results=True
    )
    entity = nipyapi.nifi.ProvenanceEntity(provenance=nipyapi.nifi.ProvenanceDTO(request=asked))
    deadline = time.monotonic() + _DEADLINE
    with errors():
        query = api.submit_provenance_request(entity).provenance
        try:
            while not query.finished:
                if time.monotonic() > deadline:
                    raise CanvasError(
                        f"NiFi did not search its provenance within {_DEADLINE:.0f} s",
                        next_command="idemflow logs nifi",
                    )
                time.sleep(_POLL)
                query = api.get_provenance(query.id, summarize=False).provenance
        finally:
            api.delete_provenance(query.id)
    results = query.results
    if results.errors:
        raise CanvasError(f"NiFi could not search its provenance: {results.errors[0]}")
    events = list(results.provenance_events or ())
    return events, int(results.total_count or len(events))


def escaped(identifier: str) -> str:
    """A text as NiFi looks for it, which takes ``*`` and ``?`` for any characters."""
    return re.sub(r"[*?\\]", r"\\\g<0>", identifier)


def _flow_file(events: list[Any], *, fetch: bool) -> FlowFile:
    attributes = _attributes(events[-1])
    content, why = _content(events) if fetch else (None, "only the newest are fetched")
    return FlowFile(
        uuid=str(events[0].flow_file_uuid),
        run=attributes.get("idemflow.run", ""),
        index=attributes.get("idemflow.index", ""),
        started=str(events[0].event_time),
        events=tuple(f"{one.event_type} {one.component_name}" for one in events),
        content=content,
        why=why,
    )


def _content(events: Iterable[Any]) -> tuple[str | None, str | None]:
    """The document as Load got it; refused ones are rewritten into dead letters later."""
    api = nipyapi.nifi.ProvenanceEventsApi()
    for event in events:
        if not event.input_content_available:
            continue
        if int(event.input_content_claim_file_size_bytes or 0) > _CONTENT_BYTES:
            return None, f"it is larger than {_CONTENT_BYTES:,} bytes"
        with errors():
            answer = api.get_input_content(event.event_id, _preload_content=False)
        return answer.data.decode("utf-8", "replace"), None
    return None, "NiFi has its content no more"


def _attributes(event: Any) -> Mapping[str, str]:
    return {one.name: one.value for one in event.attributes or ()}

"""What a Collect step hands on: records as FlowFiles of JSON lines, and the run's summary.

Runs inside NiFi: standard library only.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from idemflow.steps.flow_file import create
from idemflow.steps.ledger_entry import attributes_of
from idemflow.steps.parts import (
    KEPT_BYTES,
    PART_BYTES,
    RECORD_BYTES,
    Beginning,
    only,
    size_of,
    too_large,
)
from idemflow.steps.records import fitted
from idemflow.steps.rules.positions import encode

RECORDS_A_FLOW_FILE = 1000


class Chunks:
    """Gathers records and queues a FlowFile whenever one is full.

    A FlowFile has 8 MB at most, or one record; of a record above 20 MB only its dead letter goes
    on (see ``idemflow.steps.parts``).

    Args:
        relationship: where the FlowFiles go.
        parent: the FlowFile that they come from and inherit their attributes of.
        batch: records in one FlowFile, at most.
        source: name of the file that the records come from, if they come from one.
        modified: when that was last changed, in milliseconds since 1970, if the later of two
            records with the same id is to win.

    Attributes:
        count: how many records were handed on so far, unusable ones included.
    """

    def __init__(
        self,
        session: Any,
        relationship: Any,
        parent: Any,
        *,
        batch: int = RECORDS_A_FLOW_FILE,
        source: str | None = None,
        modified: int | None = None,
    ) -> None:
        self.count = 0
        self._session = session
        self._relationship = relationship
        self._parent = parent
        self._batch = batch
        self._attributes = {} if source is None else {"idemflow.source": source}
        if modified is not None:
            self._attributes["idemflow.modified"] = str(modified)
        self._lines: list[str] = []
        self._positions: list[int] = []
        self._size = 0

    def add(self, line: str, position: int) -> None:
        """Hand on a record.

        Args:
            line: the record as one line of JSON.
            position: its position in the source, from 1.
        """
        lines, size = self._lines, size_of(line)
        if size > RECORD_BYTES:
            self.refuse(line, position, too_large("the record", size))
            return
        if len(lines) == self._batch or self._size + size > PART_BYTES:
            self.flush()
            lines = self._lines
        lines.append(line)
        self._positions.append(position)
        self._size += size
        self.count += 1

    def refuse(
        self,
        content: str | bytes,
        position: int,
        reason: str,
        step: str = "Collect",
        *,
        replaced: bool = False,
    ) -> None:
        """Hand on what is no record; it becomes a dead letter.

        Args:
            content: the text as it was read; of one above 20 MB the beginning is kept.
            position: its position in the source, from 1.
            reason: why it is none.
            step: who says so.
            replaced: whether the content has texts in place of what has no form in JSON.
        """
        self.count += 1
        data = content if isinstance(content, bytes) else content.encode()
        if len(data) > RECORD_BYTES:
            data = Beginning.of(data[:KEPT_BYTES], hashlib.sha256(data).hexdigest())
            reason += only(KEPT_BYTES)
        attributes = {
            "idemflow.position": str(position),
            "idemflow.reason": fitted(reason),
            "idemflow.step": step,
        }
        if replaced:
            attributes["idemflow.replaced"] = "true"
        if isinstance(data, Beginning):
            attributes["idemflow.digest"] = data.digest
        self._queue(data, attributes)

    def flush(self) -> None:
        """Queue what is left; to be called at the end of the source."""
        if self._lines:
            content = "\n".join(self._lines).encode()
            self._queue(content, {"idemflow.positions": encode(self._positions)})
        self._lines, self._positions, self._size = [], [], 0

    def _queue(self, content: bytes, attributes: dict[str, str]) -> None:
        known = self._attributes | attributes
        flow_file = create(self._session, self._parent, content, known)
        self._session.transfer(flow_file, self._relationship)


def send_summary(
    session: Any, relationship: Any, trigger: Any, *, pipeline: str, records: int, **more: object
) -> None:
    """Queue the summary of a run, of which there is exactly one.

    Args:
        relationship: where it goes.
        trigger: the FlowFile that started the run.
        records: how many records were handed on, unusable ones included.
        more: other fields of the summary.
    """
    run = trigger.getAttribute("idemflow.run")
    summary = {
        "pipeline": pipeline,
        "run": run,
        "started": trigger.getAttribute("idemflow.started"),
        "collected": datetime.now(UTC).isoformat(),
        "arguments": trigger.getAttribute("idemflow.arguments"),
        "trigger": trigger.getAttribute("idemflow.trigger"),
        "records": records,
        **more,
    }
    content = json.dumps(summary).encode()
    session.transfer(
        create(session, trigger, content, attributes_of("run", run, run)), relationship
    )

"""Following a run or a replay from its trigger until each of its records has come to its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from idemflow.canvas.monitoring import Activity
from idemflow.commands._refused import RefusedRequests
from idemflow.commands._session import Session
from idemflow.commands._watch import Watch
from idemflow.elasticsearch.documents import LIVE
from idemflow.elasticsearch.ledger import LEDGER
from idemflow.elasticsearch.run_progress import Outcome, RunCheck
from idemflow.elasticsearch.search import point_in_time
from idemflow.elasticsearch.spill import Scratch
from idemflow.elasticsearch.written import IndexCheckpoint, WrittenIds
from idemflow.errors import IdemflowError, Stopped
from idemflow.pipeline.model import RUN

_log = logging.getLogger(__name__)


def index_checkpoints(
    opened: Session, stack: ExitStack, others: Iterable[str] = ()
) -> list[WrittenIds]:
    """The indices that a run may write to, and others, as they are before it."""
    pipeline = opened.pipeline
    names = {*others, *pipeline.next_targets(datetime.now(UTC))}
    found = []
    ledger = opened.ledger
    ledger.check_readable(*names, *LEDGER)
    for name in sorted(names):
        ledger.refresh(name)
        # What a run deletes was there before, or not: only the state before it can tell.
        kept = point_in_time(ledger, name) if pipeline.delete is not None else nullcontext()
        pit = stack.enter_context(kept)
        seen, written = ledger.count(name, LIVE), ledger.seq_no_checkpoints(name)
        found.append(WrittenIds(ledger, IndexCheckpoint(name, seen, written, pit)))
    return found


def follow(
    opened: Session,
    watch: Watch,
    starts: list[WrittenIds],
    began: float,
    *,
    find: Callable[[], str | None],
    check_source: Callable[[], None],
    refused: RefusedRequests,
) -> tuple[str, float, Outcome]:
    """Wait until a run has begun, and until each of its records has come to its end.

    Args:
        opened: the connections.
        watch: looks at the flow.
        starts: the indices that it may write to, before it; others are new.
        began: when the run was triggered, by the monotonic clock.
        find: gives the run's id once the ledger has something of it.
        check_source: called until all records are in the flow; raises where they never will be.
        refused: looks for requests that Elasticsearch refuses again and again.

    Returns:
        The run's id, how long its records took in seconds, and what became of them.

    Raises:
        Stopped: the user stopped waiting.
        RequestRefused: Elasticsearch refuses each request of a step, again and again.
    """
    with opened.scratch() as room:
        following = _Following(opened, watch, starts, began, room, find, check_source, refused)
        try:
            return watch.until(following.settled)
        except KeyboardInterrupt:
            name = opened.pipeline.name
            which = f"the run {watch.run}" if watch.run else "the run that was started"
            raise Stopped(
                f"no longer waiting: {which} goes on in NiFi",
                next_command=f"idemflow status, to follow it; idemflow verify {name}, when it has "
                f"ended; idemflow cancel {watch.run or name}, to drop what is on its way",
            ) from None


@dataclass
class _Following:
    """What is known of the run by now; for the rest see :func:`follow`."""

    opened: Session
    watch: Watch
    starts: list[WrittenIds]
    began: float
    room: Scratch
    find: Callable[[], str | None]
    check_source: Callable[[], None]
    refused: RefusedRequests
    check: RunCheck | None = None
    ended: float | None = None

    def settled(self, activity: Activity) -> tuple[str, float, Outcome] | None:
        """What became of the run, once that is known: see :meth:`Watch.until`."""
        check, watch = self._begun(), self.watch
        watch.run = check.run if check else None
        watch.total = check.records if check else None
        if watch.total is None:
            self.check_source()
        self.refused.check(activity)
        if check is None:
            return None
        if not activity.idle:
            self.ended = None
            check.advance()
            return None
        self.ended = self.ended or time.monotonic()
        if watch.total is None or not (check.accounted or watch.quiet()):
            return None
        outcome = check.outcome()
        if outcome.lost and self.opened.ledger.folded(check.run):
            raise IdemflowError(
                f"the run {check.run} has ended, but another command compacted the ledger "
                "before this one could count its records",
                next_command=f"idemflow verify {self.opened.pipeline.name}",
            )
        if outcome.lost and not watch.quiet():
            return None
        return check.run, round(self.ended - self.began, 2), outcome

    def _begun(self) -> RunCheck | None:
        """The run, once NiFi has begun it."""
        if self.check is None and (run := self.find()) is not None:
            pipeline, ledger = self.opened.pipeline, self.opened.ledger
            _log.info("%s: NiFi has begun run %s", pipeline.name, run)
            self.check = RunCheck(
                ledger,
                ledger.manifests,
                ledger,
                run,
                starts=self.starts,
                target=pipeline.target.replace(RUN, run.lower()),
                scratch=self.room,
            )
        return self.check

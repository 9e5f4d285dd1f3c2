"""Waiting for a run: with progress, with patience for servers that are away, never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from idemflow.canvas import monitoring
from idemflow.canvas.monitoring import Activity
from idemflow.commands._patience import PATIENCE, Answer, patiently
from idemflow.commands._session import Session
from idemflow.elasticsearch.written import WrittenIds
from idemflow.errors import IdemflowError, LoginRefused, NotReady, Unreachable

# How long nothing at all may happen in an empty flow before what is missing counts as lost.
_QUIET = 5.0


class RunDisplay(Protocol):
    """Told how a run goes on."""

    def step(self, text: str) -> None:
        """Something is prepared."""

    def records(self, number: int, done: int, total: int | None, note: str) -> None:
        """Run ``number`` has brought ``done`` of ``total`` records to their end."""


class Watch:
    """Asks the flow again and again until a question about a run has an answer.

    Attributes:
        total: how many records the run has, once it is known.
        run: the run's id, once it is known.

    Args:
        opened: the connections.
        group: id of the pipeline's process group.
        starts: the indices that the run may write to: followed from now on.
        number: which run of the command this is, from 1.
        progress: told how it goes on.
    """

    def __init__(
        self,
        opened: Session,
        group: str,
        starts: Sequence[WrittenIds],
        number: int,
        progress: RunDisplay,
    ) -> None:
        self.total: int | None = None
        self.run: str | None = None
        self._opened = opened
        self._group = group
        self._number = number
        self._progress = progress
        self._last: Activity | None = None
        self._starts = starts
        self._moved = time.monotonic()

    def quiet(self) -> bool:
        """Whether nothing has moved in the flow for a while."""
        return time.monotonic() - self._moved > _QUIET

    def until(self, question: Callable[[Activity], Answer | None]) -> Answer:
        """Ask until there is an answer.

        The run is never given up: it stays in NiFi's queues and goes on when the servers can.

        Args:
            question: given what the flow does now; ``None`` means not yet.

        Raises:
            Unreachable: a server stayed away.
            NotReady: the flow stands still although both servers answer.
        """
        began = time.monotonic()
        pause = 0.1
        while True:
            try:
                answer = patiently(lambda: self._ask(question), self._miss)
            except (Unreachable, LoginRefused) as error:
                raise self._away(error) from error
            if answer is not None:
                return answer
            if time.monotonic() - self._moved > PATIENCE:
                raise self._stuck()
            time.sleep(pause)
            # A run is not to end a long while before it is noticed.
            busy = self._last is None or not self._last.idle
            waited = time.monotonic() - began
            pause = min(pause * 1.3, max(0.1, waited / 20), 1.0) if busy else 0.1

    def _ask(self, question: Callable[[Activity], Answer | None]) -> Answer | None:
        answer = question(self._look())
        if answer is None:
            self._opened.ledger.reachable()
            for written in self._starts:
                written.advance()
        return answer

    def _miss(self, message: str) -> None:
        """Show that a server is away; what stands still meanwhile is not stuck."""
        self._moved = time.monotonic()
        self._progress.records(self._number, self._done(), self.total, message)

    def _look(self) -> Activity:
        activity = monitoring.activity(self._group)
        if activity != self._last or activity.active:
            self._last = activity
            self._moved = time.monotonic()
        note = "collecting" if self.total is None else ""
        if activity.queued:
            note = ", ".join(f"{count} in {name}" for name, count in activity.queues.items())
        self._progress.records(self._number, self._done(), self.total, note)
        return activity

    def _done(self) -> int:
        queued = self._last.queued if self._last else 0
        return max(0, (self.total or 0) - queued)

    def _away(self, error: IdemflowError) -> Unreachable:
        name = self._opened.pipeline.name
        return Unreachable(
            f"{error.message}\nThe run waits in NiFi and goes on when the servers are back; "
            "nothing is lost.",
            next_command=f"idemflow up && idemflow verify {name}",
        )

    def _stuck(self) -> NotReady:
        queues = self._last.queues if self._last else {}
        where = ", ".join(f"{count} in {name}" for name, count in queues.items()) or "no queue"
        said = [f"{item.name}: {item.message}" for item in monitoring.bulletins(self._group)[-3:]]
        return NotReady(
            "nifi",
            f"nothing has moved in the flow for {PATIENCE:.0f} s; FlowFiles wait: {where}",
            log_tail="\n".join(said),
            next_command="look at the canvas (idemflow open); nothing is lost, and the run goes "
            "on when the cause is fixed",
        )

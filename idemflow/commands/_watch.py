"""Waiting for a run: with progress, with patience for servers that are away, never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from idemflow.canvas import monitoring
from idemflow.canvas.flow import IDENTIFY
from idemflow.canvas.monitoring import Activity, Bulletin
from idemflow.canvas.replay import ASK, UNPACK
from idemflow.commands import _stall
from idemflow.commands._patience import Answer, patiently
from idemflow.commands._session import Session
from idemflow.commands._stall import Stall
from idemflow.elasticsearch.ended import Ended, ended
from idemflow.elasticsearch.written import IndexCheckpoint, WrittenIds
from idemflow.errors import IdemflowError, LoginRefused, NotReady, Unreachable
from idemflow.pipeline.model import RUN
from idemflow.sources.fields import seconds

# How long nothing at all may happen in an empty flow before what is missing counts as lost.
_QUIET = 5.0
# Of what the steps have told, so many are shown where a run is stuck.
_SAID = 3


class RunDisplay(Protocol):
    """Told how a run goes on."""

    def step(self, text: str) -> None:
        """Something is prepared."""

    def records(self, number: int, done: int, total: int | None, note: str) -> None:
        """Of the ``total`` records of run ``number``, ``done`` are documents or dead letters."""


class Silent:
    """Shows nothing of how a run goes on."""

    def step(self, text: str) -> None: ...

    def records(self, number: int, done: int, total: int | None, note: str) -> None: ...


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
        bulletin: id of the last bulletin before the run.
    """

    def __init__(
        self,
        opened: Session,
        group: str,
        starts: Sequence[WrittenIds],
        number: int,
        progress: RunDisplay,
        bulletin: int = -1,
    ) -> None:
        self.total: int | None = None
        self.run: str | None = None
        self._opened = opened
        self._group = group
        self._number = number
        self._progress = progress
        self._bulletin = bulletin
        self._last: Activity | None = None
        self._starts = starts
        self._moved = time.monotonic()
        self._said = ""
        pipeline = opened.pipeline
        self._stall = Stall(
            _stall.PATIENCE + seconds(pipeline.load.retry_after),
            {*pipeline.collect.steps, ASK, UNPACK, IDENTIFY},
        )

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
            NotReady: no record comes to its end although both servers answer.
        """
        began = time.monotonic()
        pause = 0.1
        self._stall.wait()
        while True:
            try:
                answer = patiently(lambda: self._ask(question), self._miss)
            except (Unreachable, LoginRefused) as error:
                raise self._away(error) from error
            if answer is not None:
                return answer
            time.sleep(pause)
            # A run is not to end a long while before it is noticed.
            busy = self._last is None or not self._last.idle
            waited = time.monotonic() - began
            pause = min(pause * 1.3, max(0.1, waited / 20), 0.5) if busy else 0.1

    def _ask(self, question: Callable[[Activity], Answer | None]) -> Answer | None:
        activity = self._look()
        answer = question(activity)
        if answer is None:
            self._opened.ledger.reachable()
            for written in self._starts:
                written.advance()
            self._count(activity)
        return answer

    def _count(self, activity: Activity) -> None:
        """Count what has come to its end.

        Raises:
            NotReady: nothing has, for too long.
        """
        stall = self._stall
        stall.look(activity)
        if not stall.due:
            return
        stall.count(self._ended())
        self._said = ""
        if stall.standing and (said := self._bulletins()):
            self._said = _in_words(said[-1])
        if stall.over(lambda: [one for one in self._bulletins() if one.level == "ERROR"]):
            raise self._stuck(activity)

    def _ended(self) -> Ended:
        pipeline, run = self._opened.pipeline, self.run or ""
        starts = [written.start for written in self._starts]
        if run and RUN in pipeline.target:
            starts.append(IndexCheckpoint(pipeline.target.replace(RUN, run.lower())))
        deletes = pipeline.delete is not None
        return ended(self._opened.ledger, pipeline.name, run, starts, deletes=deletes)

    def _bulletins(self) -> list[Bulletin]:
        return monitoring.bulletins(self._group, after=self._bulletin)

    def _miss(self, message: str) -> None:
        """Show that a server is away; what stands still meanwhile is not stuck."""
        self._moved = time.monotonic()
        self._stall.wait()
        self._progress.records(self._number, self._done(), self.total, message)

    def _look(self) -> Activity:
        activity = monitoring.activity(self._group)
        if activity != self._last or activity.active:
            self._last = activity
            self._moved = time.monotonic()
        self._progress.records(self._number, self._done(), self.total, self._note(activity))
        return activity

    def _note(self, activity: Activity) -> str:
        """What the run waits for."""
        note = _queues(activity) or ("collecting" if self.total is None else "")
        return f"{note}; {self._said}" if self._said else note

    def _done(self) -> int:
        """How many of the run's records are documents or dead letters, when it was last counted."""
        of_run = self._stall.ended.of_run
        return of_run if self.total is None else min(of_run, self.total)

    def _away(self, error: IdemflowError) -> Unreachable:
        name = self._opened.pipeline.name
        return Unreachable(
            f"{error.message}\nThe run waits in NiFi and goes on when the servers are back; "
            "nothing is lost.",
            next_command=f"idemflow up && idemflow verify {name}",
        )

    def _stuck(self, activity: Activity) -> NotReady:
        name = self._opened.pipeline.name
        of = "" if self.total is None else f" of {self.total:,}"
        lines = [
            f"{name}: for {self._stall.patience:.0f} s no record has come to its end "
            f"({self._done():,}{of} are documents or dead letters)",
            f"Waiting: {_queues(activity) or 'nothing is in a queue'}",
        ]
        if activity.at_work:
            lines.append(f"At work: {', '.join(sorted(activity.at_work))}")
        if activity.halted:
            lines.append(f"Stopped: {', '.join(activity.halted)}")
        lines += [f"Said: {_in_words(one)}" for one in self._bulletins()[-_SAID:]]
        run = self.run or name
        return NotReady(
            "nifi",
            "\n".join(lines),
            next_command=f"idemflow open {name}, to look at it; nothing is lost, and the run goes "
            f"on when the cause is fixed: idemflow verify {name} then, or idemflow cancel {run}, "
            "to drop what is on its way",
        )


def _queues(activity: Activity) -> str:
    return ", ".join(f"{count:,} in {name}" for name, count in activity.queues.items())


def _in_words(bulletin: Bulletin) -> str:
    return f"{bulletin.name}: {bulletin.said}"

"""What a supervisor makes of what it sees of a server: start it, start it again, or let it be.

Nothing here looks at a process or at a clock: both are given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from idemflow.config.combinations import TITLES, ServerName

FIRST_DELAY = 1.0  # seconds
MOST_DELAY = 300.0
# A server that has been well for so long may fall as often as one that was just started.
WELL_SECONDS = 600.0

# An answer that says less than that all is well; starting the server again mends neither.
RED = "red"
REFUSED = "login refused"
_UNWELL = {
    RED: "is red: it cannot read the data of an index",
    REFUSED: "refuses idemflow's login",
}

EventName = Literal[
    "supervising", "step", "waiting", "found", "started", "ready", "unwell", "silent", "answers",
    "ended", "failed", "pruned", "unpruned", "stopping", "stopped",
]  # fmt: skip


@dataclass(frozen=True)
class Event:
    """Something that a supervisor did or saw.

    Attributes:
        event: what, as one word.
        text: the same as a sentence, for a person.
        server: which server it is about, if it is about one.
        pid: its process, if it has one.
        delay: seconds until it is started again, if that was put off.
        next_command: what a person could run next, if something has to be done.
        pipeline: which pipeline it is about, if it is about one.
    """

    event: EventName
    text: str
    server: ServerName | None = None
    pid: int | None = None
    delay: float | None = None
    next_command: str | None = None
    pipeline: str | None = None


class Act(Enum):
    """What a supervisor is to do with a server now."""

    NOTHING = "nothing"
    START = "start"
    STOP = "stop"  # it is there and good for nothing; a start follows


@dataclass
class Backoff:
    """How long to wait before a next attempt: twice as long each time, up to a limit.

    Attributes:
        delay: the next one, in seconds.
    """

    delay: float = FIRST_DELAY

    def next(self) -> float:
        """The seconds to wait now."""
        now = self.delay
        self.delay = min(2 * now, MOST_DELAY)
        return now

    def reset(self) -> None:
        """All was well for a while."""
        self.delay = FIRST_DELAY


@dataclass
class Watch:
    """What is known of one server, by what was seen of it. All times are of one monotonic clock.

    Attributes:
        server: which one.
        start_timeout: seconds that it may take until it answers.
        silent_after: seconds without an answer after which it is good for nothing.
    """

    server: ServerName
    start_timeout: float
    silent_after: float
    pid: int | None = None
    events: list[Event] = field(default_factory=list)
    _phase: Literal["down", "starting", "well", "silent"] = "down"
    _since: float = float("-inf")  # of the phase
    _due: float = float("-inf")  # when it is to be started
    _backoff: Backoff = field(default_factory=Backoff)
    _health: str | None = None

    @property
    def title(self) -> str:
        """The server's name for a person."""
        return TITLES[self.server]

    @property
    def is_well(self) -> bool:
        """Whether it answered when it was asked last."""
        return self._phase == "well"

    def take_events(self) -> list[Event]:
        """What happened since the last call."""
        found, self.events = self.events, []
        return found

    def see(self, now: float, pid: int | None, health: str | None) -> Act:
        """Look at a server.

        Args:
            now: the time, in seconds.
            pid: its process; ``None`` where there is none.
            health: what it answered, empty where it did not; ``None`` where it was not asked.
        """
        if pid is None:
            return self._absent(now)
        if pid != self.pid:
            self._present(now, pid)
        return self._answered(now, health) if health else self._unanswered(now, health)

    def _unanswered(self, now: float, health: str | None) -> Act:
        waited = now - self._since
        if self._phase == "starting":
            if waited <= self.start_timeout:
                return Act.NOTHING
            return self._give_up(now, f"did not answer within {self.start_timeout:.0f} s")
        if health is not None and self._phase == "well":
            self._enter("silent", now)
            self._tell("silent", f"{self.title} does not answer")
        elif health is not None and waited > self.silent_after:
            return self._give_up(now, f"has not answered for {waited:.0f} s")
        return Act.NOTHING

    def started(self, now: float, pid: int) -> None:
        """It was started by the supervisor."""
        self.pid = pid
        self._enter("starting", now)
        self._tell("started", f"{self.title} is started")

    def failed(self, now: float, why: str, next_command: str | None) -> None:
        """It could not be started."""
        self._put_off(now, "failed", f"{self.title} cannot be started: {why}", next_command)

    def renamed(self, pid: int) -> None:
        """The process of the server itself is known, in place of its launcher's."""
        self.pid = pid

    def _absent(self, now: float) -> Act:
        if self._phase != "down":
            self._put_off(now, "ended", f"{self.title} has ended", f"idemflow logs {self.server}")
        return Act.START if now >= self._due else Act.NOTHING

    def _present(self, now: float, pid: int) -> None:
        """Another command has started it, or put its own process on record for its launcher's."""
        self.pid = pid
        if self._phase != "starting":
            self._enter("starting", now)
            self._tell("found", f"{self.title} runs already")

    def _answered(self, now: float, health: str) -> Act:
        if self._phase == "starting" and health == RED and now - self._since < self.start_timeout:
            return Act.NOTHING  # it reads its indices
        if self._phase != "well":
            was = self._phase
            self._enter("well", now)
            if was == "silent":
                self._tell("answers", f"{self.title} answers again")
            elif health not in _UNWELL:
                self._tell("ready", f"{self.title} is ready")
        elif now - self._since >= WELL_SECONDS:
            self._backoff.reset()
        if health in _UNWELL and health != self._health:
            self._tell("unwell", f"{self.title} {_UNWELL[health]}", next_command="idemflow status")
        self._health = health
        return Act.NOTHING

    def _give_up(self, now: float, why: str) -> Act:
        text = f"{self.title} {why}, and is stopped"
        self._put_off(now, "ended", text, f"idemflow logs {self.server}")
        return Act.STOP

    def _put_off(self, now: float, event: EventName, text: str, next_command: str | None) -> None:
        delay = self._backoff.next()
        then = f"{text}; it is started again in {delay:.0f} s"
        self._tell(event, then, delay=delay, next_command=next_command)
        self.pid, self._due = None, now + delay
        self._enter("down", now)

    def _enter(self, phase: Literal["down", "starting", "well", "silent"], now: float) -> None:
        self._phase, self._since, self._health = phase, now, None

    def _tell(
        self,
        event: EventName,
        text: str,
        *,
        delay: float | None = None,
        next_command: str | None = None,
    ) -> None:
        self.events.append(Event(event, text, self.server, self.pid, delay, next_command))

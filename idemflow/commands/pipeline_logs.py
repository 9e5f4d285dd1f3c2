"""``idemflow logs PIPELINE``: what NiFi's log and its bulletins say of one pipeline."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from idemflow.canvas import client, monitoring, ownership
from idemflow.canvas.components import names_of_components
from idemflow.canvas.monitoring import Bulletin
from idemflow.config import registry
from idemflow.config.combinations import SERVERS
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError, RuntimeNotUp, UsageError
from idemflow.pipeline import spec
from idemflow.servers.connect import endpoint
from idemflow.servers.log_entries import Entries, Entry, Tail, added_to, last, read_lines
from idemflow.servers.state import read_state

# How often NiFi is asked which components there are, or for bulletins, in seconds.
_ASK = 5.0
_ASK_BULLETINS = 1.0
# So many warnings are compared with NiFi's bulletins, which it keeps for five minutes.
_WARNED = 10_000
# Levels at which NiFi tells of whatever it does with a component.
_TOLD = ("TRACE", "DEBUG", "INFO")


@dataclass(frozen=True)
class Said:
    """What a component of a pipeline said, or NiFi of it.

    Attributes:
        time: date and time as NiFi's log has them; of a bulletin the time and the zone alone.
        level: ``INFO``, ``WARN``, ``ERROR``, ...
        component: the component's name on the canvas, or its id where it is not there any more.
        message: what was said.
        more: further lines, such as a traceback.
        bulletin: whether it is a bulletin that the log does not have.
    """

    time: str
    level: str
    component: str
    message: str
    more: tuple[str, ...] = ()
    bulletin: bool = False


class PipelineLog:
    """What is said of a pipeline.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        everything: whether that is shown as well what NiFi tells of each change of a component.

    Raises:
        UsageError: there is no such pipeline, or it is not on the canvas.
        RuntimeNotUp: the embedded NiFi does not run.
    """

    def __init__(self, settings: Settings, name: str, *, everything: bool = False) -> None:
        embedded = "nifi" in settings.embedded
        state = read_state(settings.folders.state)
        there = spec.is_there(settings.project, name)
        if embedded and "nifi" not in state.running():
            if not there:
                raise _unknown(settings, name)
            raise RuntimeNotUp(
                "NiFi does not run, so it cannot be told which of its log is of a pipeline",
                next_command="idemflow logs nifi shows all of it; idemflow up",
            )
        client.connect(endpoint(settings, state, "nifi"), project_id(settings))
        place = ownership.find(name)
        if place.group is None:
            if not there:
                raise _unknown(settings, name)
            raise UsageError(
                f"the pipeline {name!r} is not on the canvas",
                next_command=f"idemflow deploy {name}",
            )
        self._file = settings.folders.log("nifi") if embedded else None
        self._everything = everything
        self._group = place.group
        self._context = str(place.context.id) if place.context is not None else None
        self._names: dict[str, str] = {}
        self._gone: set[str] = set()
        self._asked = 0.0
        self._bulletin = -1
        self._ask()

    def said(self, lines: int, *, follow: bool) -> Iterator[Said]:
        """What was said last.

        Args:
            lines: so many lines together, but whole entries, and one at least.
            follow: go on with what is said from now on, for ever.
        """
        if self._file is None or not self._file.exists():
            yield from self._bulletins_alone(lines, follow=follow)
            return
        found = _entries(read_lines(self._file, follow=follow), follow=follow)
        tail, warned = Tail(lines), deque[Entry](maxlen=_WARNED)
        for entry in found:
            if entry is None:
                break
            if self._is_mine(entry):
                tail.add(entry)
                if entry.level not in _TOLD:
                    warned.append(entry)
        missing = lines - sum(one.lines for one in tail.entries)
        yield from self._merged([*self._rotated(missing), *tail.entries], warned)
        for entry in found:
            if entry is not None and self._is_mine(entry):
                yield self._said(entry)
            elif entry is None:
                self._ask_again()

    def _rotated(self, lines: int) -> list[Entry]:
        assert self._file is not None
        older = self._file.parent.glob(f"{self._file.stem}_*{self._file.suffix}")
        newest_first = sorted(older, key=lambda file: file.stat().st_mtime, reverse=True)
        return last(newest_first, self._is_mine, lines)

    def _merged(self, entries: Sequence[Entry], warned: Iterable[Entry]) -> Iterator[Said]:
        """What is shown of the log, and the bulletins that it lacks: of most it has the same line,
        shown or not."""
        seen = {(one.component, one.level[:4], _second(one.time[11:])) for one in warned}
        yield from map(self._said, entries)
        for one in self._bulletins():
            at = _second(one.time)
            near = {(one.component, one.level[:4], at + more) for more in (-1, 0, 1)}
            if seen.isdisjoint(near):
                yield _of_bulletin(one)

    def _bulletins_alone(self, lines: int, *, follow: bool) -> Iterator[Said]:
        yield from map(_of_bulletin, self._bulletins()[-lines:])
        while follow:
            time.sleep(_ASK_BULLETINS)
            self._ask_again()
            yield from map(_of_bulletin, self._bulletins())

    def _bulletins(self) -> list[Bulletin]:
        """The bulletins since the last time."""
        found = monitoring.bulletins(self._group, self._bulletin, among=self._names)
        self._bulletin = max((one.id for one in found), default=self._bulletin)
        return found

    def _is_mine(self, entry: Entry) -> bool:
        if entry.component and added_to(entry) in self._names:
            # It may have been taken away since: what it said before is of the pipeline, too.
            self._gone.add(entry.component)
        if not (entry.own or self._everything or entry.level not in _TOLD):
            return False
        return entry.component in self._names or entry.component in self._gone

    def _said(self, entry: Entry) -> Said:
        name = self._names.get(entry.component) or entry.logger.rpartition(".")[2]
        return Said(entry.time, entry.level, name, entry.message, entry.more)

    def _ask(self) -> None:
        self._names = names_of_components(self._group)
        if self._context is not None:
            self._names[self._context] = "parameters"
        self._asked = time.monotonic()

    def _ask_again(self) -> None:
        """A deployment may have made other components; a NiFi that is away has made none."""
        if time.monotonic() - self._asked > _ASK:
            with suppress(IdemflowError):
                self._ask()


def _unknown(settings: Settings, name: str) -> UsageError:
    try:
        spec.load(settings.project, name)
    except UsageError as error:
        known = ", ".join((*SERVERS, *registry.found("servers")))
        return UsageError(f"{error.message} Servers: {known}.", next_command="idemflow logs nifi")
    raise AssertionError(f"{name} is there")


def _entries(lines: Iterator[str | None], *, follow: bool) -> Iterator[Entry | None]:
    """The entries of a log, and ``None`` at its end.

    While it is followed, what is at the end may go on: an entry is whole once nothing has come
    behind it for a while.
    """
    reader, at_end = Entries(), False
    for line in lines:
        whole = line is None and (at_end or not follow)
        entry = reader.end() if whole else None if line is None else reader.add(line)
        if entry is not None:
            yield entry
        if line is None:
            yield None
        at_end = line is None


def _of_bulletin(one: Bulletin) -> Said:
    return Said(one.time, one.level, one.name, one.said, bulletin=True)


def _second(text: str) -> int:
    """The second of the day of ``08:04:41,990`` or ``08:04:41 UTC``; -9 of another text."""
    try:
        hours, minutes, seconds = (int(part) for part in text[:8].split(":"))
    except ValueError:
        return -9
    return hours * 3600 + minutes * 60 + seconds

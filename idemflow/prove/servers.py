"""What a method may do to the processes and the disk of the servers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import psutil

from idemflow import servers
from idemflow.config.combinations import SERVERS, TITLES, ServerName
from idemflow.config.pip import pip
from idemflow.prove import clock, on_disk
from idemflow.prove.copy import Copy
from idemflow.prove.journal import Event, Sample
from idemflow.security.owner import servers_user
from idemflow.servers import launch

_GONE_WITHIN = 30.0


class NotHappened(Exception):
    """What a method was to do did not come to pass: the try says nothing."""


class NoMoment(NotHappened):
    """The pipeline has no such moment, or one too short to be hit."""


class NotForThis(NoMoment):
    """The method means nothing for this pipeline, or this machine cannot: it is not tried again."""


@dataclass
class Servers:
    """The servers, and what is done to them in one try after the other.

    Attributes:
        copy: the copy of a pipeline that runs on them.
        fault: when the fault began, in seconds since the try did.
        events: what was done and seen in this try.
        samples: how far the copy was meanwhile.
        faketime: the library that gives a clock of their own to servers that are started; ``None``
            while none is wanted.
    """

    copy: Copy
    fault: float | None = field(default=None, kw_only=True)
    events: list[Event] = field(default_factory=list, kw_only=True)
    samples: list[Sample] = field(default_factory=list, kw_only=True)
    faketime: Path | None = field(default=None, kw_only=True)
    _began: float = field(default=0.0, kw_only=True)
    _frozen: list[psutil.Process] = field(default_factory=list, kw_only=True)
    _behind: float = field(default=0.0, kw_only=True)
    _full: tuple[int, str, dict[str, Any]] | None = field(default=None, kw_only=True)

    def kill(self, *names: ServerName) -> None:
        """``kill -9`` of recorded servers.

        Raises:
            NotHappened: one was dead already.
        """
        found = self._processes(*names)
        self._frozen = [one for one in self._frozen if one not in found]
        self._fault("kill -9 of " + " and ".join(TITLES[name] for name in names))
        for process in found:
            os.kill(process.pid, signal.SIGKILL)
        self.samples.append(Sample(self.elapsed, None, None))
        _, alive = psutil.wait_procs(found, timeout=_GONE_WITHIN)
        if alive:
            raise NotHappened(f"process {alive[0].pid} does not end")

    def freeze(self, name: ServerName) -> None:
        """Stop a server's process (SIGSTOP), which goes on with :meth:`thaw`.

        Raises:
            NotHappened: it is dead.
        """
        (process,) = self._processes(name)
        self._fault(f"SIGSTOP of {TITLES[name]}")
        self._frozen.append(process)
        process.suspend()
        if process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.1)
            if process.status() != psutil.STATUS_STOPPED:
                raise NotHappened(f"process {process.pid} is not stopped")

    def thaw(self) -> None:
        """Let what was stopped go on."""
        for process in self._frozen:
            with suppress(psutil.NoSuchProcess):
                process.resume()
        if self._frozen:
            self.note("SIGCONT", "mended")
        self._frozen = []

    def fill_disk(self, name: ServerName) -> None:
        """Let a server write to no file any more, as on a full disk, until :meth:`mend`.

        Raises:
            NotHappened: it is dead.
            NotForThis: that cannot be done on this machine.
        """
        (process,) = self._processes(name)
        settings = self.copy.settings
        owner = servers_user(settings.home, settings.run_as_user, name).identity()
        try:
            before = on_disk.limit(process.pid, "0", owner)
        except (OSError, subprocess.SubprocessError) as error:
            raise NotForThis(f"a process cannot be kept from writing here: {error}") from error
        self._full = (process.pid, before, owner)
        self._fault(f"{TITLES[name]} can write to no file (RLIMIT_FSIZE)")

    def free_disk(self) -> None:
        """Let the server write again."""
        if self._full is not None:
            with suppress(subprocess.SubprocessError):  # it is dead
                on_disk.limit(*self._full)
            self._full = None
            self.note("there is room on the disk again", "mended")

    def take_state(self) -> None:
        """Take away what all steps remember, of a NiFi that was killed, until :meth:`mend`."""
        on_disk.take_state(self.copy.settings.folders)
        self.note("NiFi's folder of component state is gone")

    def return_state(self) -> None:
        """Put it back, also what a proof left that was killed; NiFi is started anew for that."""
        home = self.copy.settings.folders
        if not on_disk.state_is_taken(home):
            return
        if process := self._running().get("nifi"):
            process.kill()
            psutil.wait_procs([process], timeout=_GONE_WITHIN)
        on_disk.return_state(home)
        servers.up(self.copy.servers, servers.Silent())
        self.note("the folder of component state is back", "mended")

    def up(self) -> None:
        """Start what was killed again, as ``idemflow up`` does."""
        more: dict[str, str] = {}
        if self.faketime is not None:
            self._set_clock(0, wait=0)
            more = clock.variables(self.copy.settings.folders, self.faketime)
        servers.up(self.copy.servers, servers.Silent(), variables=more)
        self.note("idemflow up", "mended")

    def restart(self, *names: ServerName) -> None:
        """Stop servers in order, and start them again."""
        launch.stop(self._processes(*names))
        self.note(f"{' and '.join(TITLES[name] for name in names)} stopped")
        self.up()

    def need_clock(self) -> None:
        """Start NiFi anew, and Elasticsearch where it has none, with a clock of their own.

        Raises:
            NotForThis: that cannot be done on this machine.
        """
        self.faketime = clock.library()
        if self.faketime is None:
            raise NotForThis(
                "a clock for the servers alone needs the package libfaketime, on Linux: "
                + pip("install 'idemflow[clock]'")
            )
        lent = self._with_clock()
        self.restart(*(name for name in SERVERS if name == "nifi" or name not in lent))

    def move_clock(self, minutes: float) -> None:
        """Set the clock of the servers.

        Args:
            minutes: by how much it is to be behind the machine's.
        """
        self._set_clock(minutes)
        how = f"is set back by {minutes:.0f} minutes" if minutes else "goes ahead to the right time"
        self._fault(f"the servers' clock {how}")

    def _set_clock(self, minutes: float, *, wait: float = clock.READ_WITHIN) -> None:
        clock.move(self.copy.settings.folders, -timedelta(minutes=minutes))
        self._behind = minutes
        time.sleep(wait)

    def right_clock(self) -> None:
        """Have the clock of the servers right."""
        if self._behind:
            self._set_clock(0)

    def return_clock(self) -> None:
        """Start servers anew that have a clock of their own, also what a proof left that was
        killed."""
        self.faketime = None
        if lent := self._with_clock():
            self.restart(*lent)

    def _with_clock(self) -> set[ServerName]:
        """The servers that run with a clock of their own."""
        running = self._running()
        return {name for name in SERVERS if name in running and clock.has_one(running[name])}

    def begun(self, what: str) -> None:
        """Note a fault that is not one of a process."""
        self._fault(what)

    def note(self, what: str, kind: Literal["done", "seen", "mended"] = "done") -> None:
        """Note what is done or seen."""
        self.events.append(Event(self.elapsed, what, kind))

    @property
    def elapsed(self) -> float:
        """Seconds since the try began."""
        return round(time.monotonic() - self._began, 2)

    def _running(self) -> dict[str, psutil.Process]:
        return servers.read_state(self.copy.settings.folders.state).running()

    def _processes(self, *names: ServerName) -> list[psutil.Process]:
        running = self._running()
        for name in names:
            if name not in running:
                raise NotHappened(f"{TITLES[name]} was dead already")
        return [running[name] for name in names]

    def _fault(self, what: str) -> None:
        self.fault = self.elapsed if self.fault is None else self.fault
        self.events.append(Event(self.elapsed, what, "fault"))

"""Stops the embedded servers for a while, and starts again what ran, as it was started before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from idemflow.config.combinations import SERVERS, TITLES, ServerName
from idemflow.config.settings import Settings, resolve
from idemflow.servers import launch, lifecycle
from idemflow.servers.connect import describe
from idemflow.servers.exclusive import locked
from idemflow.servers.state import State, read_state, write_state
from idemflow.servers.waiting import until_ready
from idemflow.supply.progress import Progress


@dataclass
class Paused:
    """What was stopped.

    Attributes:
        servers: what ran.
        killed: the pids of what did not end by itself in time.
        told: what starting it again has to say, once that is done.
    """

    servers: tuple[ServerName, ...]
    killed: tuple[int, ...]
    told: tuple[str, ...] = ()


@contextlib.contextmanager
def paused(settings: Settings, progress: Progress) -> Iterator[Paused]:
    """Keeps the servers stopped meanwhile, and others, a supervisor too, from starting them.

    Raises:
        IdemflowError: another command goes on for too long, and nothing was stopped; or they
            cannot be started again.
        OSError: the runtime's folder cannot be written.
    """
    home = settings.folders
    with locked(home):
        state = read_state(home.state)
        running = state.running()
        names = tuple(name for name in SERVERS if name in running)
        before = as_started(settings, state)
        if names:
            progress.step("Stopping " + _and(names))
        stopped = Paused(names, tuple(launch.stop(running.values())))
        state = replace(state, servers={})
        write_state(home.state, state)
        try:
            yield stopped
        finally:
            if names:
                laid_out = lifecycle.lay_out(before, state, names, progress)
                progress.step("Starting " + _and(names))
                state = lifecycle.launch_servers(before, laid_out, state)
                ready = until_ready(before, state, describe(before, state), progress)
                stopped.told = (*laid_out.mended, *ready)


def as_started(settings: Settings, state: State) -> Settings:
    """The settings, with those that the servers on record were started with."""
    recorded = {
        name: text
        for server in state.servers.values()
        for name, text in server.settings.items()
        if text
    }
    if not recorded:
        return settings
    given = {"project": str(settings.project), "home": str(settings.home)}
    return resolve({**given, "cache": str(settings.cache), **recorded})


def _and(names: tuple[ServerName, ...]) -> str:
    return " and ".join(TITLES[name] for name in names)

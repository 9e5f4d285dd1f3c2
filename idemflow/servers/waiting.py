"""Waits until the servers that were started can be used; says what became of one that cannot."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import psutil

from idemflow.config.combinations import TITLES, ServerName
from idemflow.config.endpoint import Endpoint
from idemflow.config.paths import Home
from idemflow.config.settings import Settings
from idemflow.errors import NotReady, ServerError
from idemflow.servers import ready
from idemflow.servers.connect import Target
from idemflow.servers.logs import tail
from idemflow.servers.recovery import is_of_the_queues
from idemflow.servers.state import State, write_state
from idemflow.supply.progress import Progress

_log = logging.getLogger(__name__)
POLL_SECONDS = 0.2
# Elasticsearch tries five times to read an index, at once. What it says nothing of may come yet.
RED_SECONDS = 5.0
RED_WITHOUT_CAUSE_SECONDS = 30.0


def until_ready(
    settings: Settings, state: State, target: Target, progress: Progress
) -> tuple[str, ...]:
    """Waits for all servers; notices one that has died at once.

    Returns:
        what Elasticsearch cannot read, for the user: all else can be used, and waiting or a
        restart would not mend it.

    Raises:
        ServerError: a server has ended.
        NotReady: a server did not answer in time.
    """
    home, told = settings.folders, list[str]()
    waiting = list(settings.embedded)
    deadline = time.monotonic() + settings.start_timeout
    red = _Red(target.elasticsearch)
    while waiting:
        for name in list(waiting):
            process = state.servers[name].process()
            if process is None:
                write_state(home.state, state.with_server(name, None))
                raise _ended(home, name)
            if is_held(process):
                raise NotReady(
                    name,
                    f"{TITLES[name]} cannot answer: somebody has stopped its process {process.pid}",
                    next_command=f"kill -CONT {process.pid}",
                )
            health = _health(name, getattr(target, name))
            lost = red.lost() if health == "red" else None
            if health in ("ok", "yellow", "green") or lost:
                waiting.remove(name)
                _log.info("%s answers", name)
                progress.step(f"{TITLES[name]} is ready")
                if name == "elasticsearch":
                    state = record_server(home, state, process)
            if lost:
                _log.warning("%s", lost)
                told.append(lost)
        if waiting and time.monotonic() > deadline:
            name = waiting[0]
            raise NotReady(
                name,
                f"{TITLES[name]} did not answer within {settings.start_timeout} s "
                "(setting start_timeout)",
                log_tail=_log_tail(home, name),
                next_command=f"idemflow logs {name}",
            )
        if waiting:
            time.sleep(POLL_SECONDS)
    return tuple(told)


def _ended(home: Home, name: ServerName) -> ServerError:
    log, command = _log_tail(home, name), f"idemflow logs {name}"
    what = f"{TITLES[name]} ended while it started"
    if name == "nifi" and is_of_the_queues(tail(home.log(name), 150)):
        what += ": it cannot read the journals of its queues, which a crash has damaged"
        command = (
            "idemflow up --set-aside-queues, which starts it with empty queues and keeps the "
            "damaged ones; then run the pipelines again"
        )
    return ServerError(name, what, log_tail=log, next_command=command)


class _Red:
    """An Elasticsearch that is red: does it still read its indices, or has it given some up."""

    def __init__(self, at: Endpoint) -> None:
        self._at, self._since = at, time.monotonic()
        self._seen = False

    def lost(self) -> str | None:
        """What is said of the indices that it has given up on; ``None`` while it may read them."""
        now = time.monotonic()
        if not self._seen:
            self._since, self._seen = now, True
        if now - self._since < RED_SECONDS:
            return None
        found = ready.unreadable(self._at)
        if not all(found.values()) and now - self._since < RED_WITHOUT_CAUSE_SECONDS:
            return None
        return told_of(found) if found else None


def told_of(unreadable: dict[str, str]) -> str:
    """The indices that Elasticsearch cannot read, for the user."""
    each = "; ".join(f"{name}: {why or 'no reason given'}" for name, why in unreadable.items())
    return (
        f"Elasticsearch cannot read the data of {len(unreadable)} "
        f"{'index' if len(unreadable) == 1 else 'indices'} ({each}). All else works. Nothing was "
        "deleted; docs/operating.md, section 'After a crash', says how to get it back"
    )


def _health(name: ServerName, at: Endpoint) -> str | None:
    try:
        return ready.health(name, at)
    except ready.Silent:
        return None


def record_server(home: Home, state: State, launcher: psutil.Process) -> State:
    """Puts Elasticsearch's server on record in place of its launcher, which ends with it."""
    server = ready.server_process(home, launcher)
    record = replace(
        state.servers["elasticsearch"], pid=server.pid, create_time=server.create_time()
    )
    state = state.with_server("elasticsearch", record)
    write_state(home.state, state)
    return state


def is_held(process: psutil.Process) -> bool:
    """Whether somebody has stopped the process (SIGSTOP): it lives, and does nothing."""
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def _log_tail(home: Home, name: ServerName) -> str:
    log = home.log(name)
    parts = [tail(log.with_name("console.log"), 10), tail(log, 20)]
    return "\n".join(part for part in parts if part)

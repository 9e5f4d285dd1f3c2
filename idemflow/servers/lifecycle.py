"""``up``, ``down`` and ``status`` of the servers that idemflow starts."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from idemflow.config.combinations import SERVERS, TITLES, ServerName
from idemflow.config.endpoint import Endpoint
from idemflow.config.paths import Home
from idemflow.config.settings import Settings, remember
from idemflow.errors import UsageError
from idemflow.security.owner import remove
from idemflow.servers import asked, launch, ports, ready
from idemflow.servers.connect import Target, describe, endpoint
from idemflow.servers.disk import shortage
from idemflow.servers.exclusive import explained_os_errors, locked, make_home
from idemflow.servers.recovery import set_queues_aside
from idemflow.servers.state import Recorded, State, read_state, write_state
from idemflow.servers.supervision import end_supervisor
from idemflow.servers.waiting import is_held, until_ready
from idemflow.supply.progress import Progress
from idemflow.supply.python_env import steps_version

if TYPE_CHECKING:
    from idemflow.servers.provision import Provisioned

_log = logging.getLogger(__name__)
_UP = "idemflow up"
_SILENT = "not answering"
# Both are asked at the same time, and `status` is to say within 5 s what is the case.
_ANSWERS_WITHIN = 3.0


@dataclass(frozen=True)
class UpResult:
    """What ``up`` did.

    Attributes:
        target: how to reach the servers.
        started: the servers that were started.
        already: the servers that ran before.
        seconds: how long it took until all were ready.
        steps: the version of the idemflow whose steps NiFi runs: that of its start.
        told: what a crash had left, what was set right, and what a person has to see to.
    """

    target: Target
    started: tuple[ServerName, ...]
    already: tuple[ServerName, ...]
    seconds: float
    steps: str | None
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class DownResult:
    """What ``down`` did.

    Attributes:
        stopped: the servers that it stopped.
        killed: pids that did not end by themselves in time.
        gone: servers on record that had ended before.
        supervisor: the process of ``idemflow supervise`` that ended with them, if there was one.
    """

    stopped: tuple[str, ...]
    killed: tuple[int, ...]
    gone: tuple[str, ...]
    supervisor: int | None = None


@dataclass(frozen=True)
class ServerStatus:
    """A server's state now.

    Attributes:
        name: ``nifi``, ``elasticsearch``, or that of a further one.
        state: ``running``, ``starting`` (no answer yet), ``not answering`` (its process lives),
            ``dead`` (on record, its process is gone) or ``stopped``; of a server of the user's own
            ``running``, ``not answering`` or ``unreachable``.
        version: its version, if it is on record.
        port: its port.
        pid: its process, if it runs.
        memory: resident bytes, if it runs.
        health: ``green``, ``yellow`` or ``red`` for Elasticsearch, ``ok`` for the others.
        embedded: whether idemflow started it.
        next_command: what to run if it does not answer.
    """

    name: str
    state: str
    version: str | None
    port: int
    pid: int | None = None
    memory: int | None = None
    health: str | None = None
    embedded: bool = True
    next_command: str | None = None


def up(
    settings: Settings,
    progress: Progress,
    *,
    set_aside_queues: bool = False,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> UpResult:
    """Starts what does not run, and waits until a person could use the canvas.

    Args:
        set_aside_queues: have NiFi start with empty queues; what is queued is kept beside.
        variables: more of the environment of what is started; the next start has none of them.

    Raises:
        UsageError: the queues are to be set aside, and NiFi runs; or it runs with other packages
            than requirements.txt says now, or that cannot be read.
        PortTaken: before anything is started.
        SettingError: a setting of a server of the user's own is missing, a folder has no NARs, or
            a server runs that was started with other settings than are given now.
        ServerError: a server died while it started; carries its log's tail.
        NotReady: a server did not answer in time.
        SupplyError: an artifact could not be downloaded.
    """
    began = time.monotonic()
    home, told = settings.folders, tuple[str, ...]()
    for name in SERVERS:
        if name not in settings.embedded:
            endpoint(settings, State(), name)
    with explained_os_errors():
        make_home(settings)
        with locked(home):
            state = read_state(home.state)
            running = state.running()
            asked.refuse_others(settings, state, running)
            asked.refuse_other_packages(settings, state)
            missing = [name for name in settings.embedded if name not in running]
            if set_aside_queues:
                if "nifi" not in missing:
                    raise UsageError(
                        "NiFi runs, or is your own: its queues can be read, and stay",
                        next_command="idemflow status",
                    )
                told += set_queues_aside(home, datetime.now(UTC))
                for one in told:
                    _log.warning("%s", one)
            if missing:
                laid_out = lay_out(settings, state, missing, progress)
                told += laid_out.mended
                progress.step("Starting " + " and ".join(TITLES[name] for name in missing))
                state = launch_servers(settings, laid_out, state, variables)
            target = describe(settings, state)
            told += until_ready(settings, state, target, progress)
            if (full := shortage(settings)) is not None:
                _log.warning("%s", full)
                told += (full,)
    return UpResult(
        target=target,
        started=tuple(missing),
        already=tuple(name for name in settings.embedded if name in running),
        seconds=time.monotonic() - began,
        steps=steps_version(home),
        told=told,
    )


def lay_out(
    settings: Settings, state: State, missing: Sequence[ServerName], progress: Progress
) -> Provisioned:
    """Makes everything ready for servers that do not run; for who holds the runtime's lock.

    Raises:
        IdemflowError: as :func:`up`; nothing was started.
    """
    # jgo and cryptography take longer to import than all that `down` and `status` need.
    from idemflow.servers.provision import own_nars, provision, refuse_newer  # noqa: PLC0415

    refuse_newer(settings, missing, state.data)
    _check_ports(settings, missing)
    if "nifi" in missing:
        own_nars(settings.nars)  # before anything is fetched
    laid_out = provision(settings, missing, state.grants, progress)
    remember(settings)  # what cannot be used, as a folder without NARs, is not kept
    return laid_out


def down(settings: Settings, *, delete: bool = False) -> DownResult:
    """Stops the recorded processes, and no others; a supervisor of theirs ends first.

    Args:
        delete: whether to delete the runtime's folder as well, with all data.
    """
    home = settings.folders
    if not home.lock.exists():
        return DownResult((), (), ())
    before = read_state(home.state).running()
    supervisor = end_supervisor(home)
    with explained_os_errors(), locked(home):
        state = read_state(home.state)
        running = state.running()
        _log.info("stopping %s", ", ".join(running) or "nothing")
        killed = launch.stop(running.values())
        write_state(home.state, replace(state, servers={}))
        if delete:
            _delete(home)
    return DownResult(
        stopped=tuple(
            name for name in SERVERS if name in running or (supervisor and name in before)
        ),
        killed=tuple(killed),
        gone=tuple(name for name in SERVERS if name in state.servers and name not in running),
        supervisor=supervisor,
    )


def _delete(home: Home) -> None:
    for made in _made(home):
        remove(made)
    if home.root.is_dir() and list(home.root.iterdir()) == [home.git_ignore]:
        home.git_ignore.unlink()
    with contextlib.suppress(OSError):  # not empty
        home.root.rmdir()


def _made(home: Home) -> list[Path]:
    """What idemflow made and nothing else: ``home`` may be a folder with other things."""
    every = (
        home.nifi, home.elasticsearch, home.secrets, home.certificates, home.java, home.python,
        home.scratch, home.restoring, home.proofs, home.turns, home.canvas_lock,
        home.supervisor_lock, home.project_id, home.state, home.remembered,
        home.remembered_ports, home.crash_log, home.lock, *home.root.glob("java-*.jsa"),
        *home.root.glob("compiler-*.json"),
    )  # fmt: skip
    return [one for one in every if one.exists()]


def sizes(home: Home) -> dict[Path, int]:
    """What ``down(delete=True)`` deletes, and the bytes of each on the disk."""
    return {made: _size(made) for made in _made(home)}


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    found = 0
    for file in files:
        with contextlib.suppress(OSError):  # a server that runs has deleted it meanwhile
            found += file.lstat().st_size
    return found


def status(settings: Settings) -> list[ServerStatus]:
    """The state of both servers, at the same time: neither waits for the other."""
    state = read_state(settings.folders.state)
    with ThreadPoolExecutor(len(SERVERS)) as pool:
        return list(pool.map(partial(_status_of, settings, state), SERVERS))


def _status_of(settings: Settings, state: State, name: ServerName) -> ServerStatus:
    if name not in settings.embedded:
        return _status_of_own(name, endpoint(settings, state, name))
    record = state.servers.get(name)
    port = record.port if record else getattr(settings, f"{name}_port")
    version = record.version if record else None
    process = record.process() if record else None
    if record is None or process is None:
        return ServerStatus(name, "dead" if record else "stopped", version, port, next_command=_UP)
    found = ServerStatus(name, "running", version, port, process.pid, resident(process))
    if is_held(process):
        return replace(found, state=_SILENT, next_command=f"kill -CONT {process.pid}")
    try:
        health = ready.health(name, endpoint(settings, state, name), _ANSWERS_WITHIN)
    except ready.Silent:
        health = None
    else:
        if health is not None:
            return replace(found, health=health)
        if time.time() - record.create_time < settings.start_timeout:
            return replace(found, state="starting", next_command=_UP)
    restart = f"idemflow logs {name}; if it stays so: idemflow down && idemflow up"
    return replace(found, state=_SILENT, next_command=restart)


def _status_of_own(name: ServerName, own: Endpoint) -> ServerStatus:
    """Of a server that is not ours nothing is known but whether it answers."""
    port = urlsplit(own.url).port or 443
    try:
        health = ready.health(name, own, _ANSWERS_WITHIN)
        now = "running" if health else "unreachable"
    except ready.Silent:
        health, now = None, _SILENT
    look = None if health else f"see why {own.url} does not answer (setting {name}_url)"
    return ServerStatus(name, now, None, port, health=health, embedded=False, next_command=look)


def resident(process: psutil.Process) -> int | None:
    """The bytes of memory that a process holds, if it still runs."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return None


def launch_servers(
    settings: Settings,
    laid_out: Provisioned,
    state: State,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> State:
    """Starts what is laid out, and puts it on record."""
    for name, command in laid_out.commands.items():
        more = {**command.environment, **variables}
        child = launch.start(replace(command, environment=more), laid_out.owners[name])
        record = Recorded(
            child.pid,
            child.create_time(),
            getattr(settings, f"{name}_port"),
            laid_out.versions[name],
            asked.of(settings, name),
            laid_out.packages if name == "nifi" else "",
        )
        # On record before anything else can fail, so that `down` finds it.
        state = state.with_server(name, record)
        state = replace(state, data={**state.data, name: record.version})
        write_state(settings.folders.state, state)
        _log.info("started %s %s on port %d, pid %d", name, record.version, record.port, child.pid)
    return state


def _check_ports(settings: Settings, servers: Sequence[ServerName]) -> None:
    own = frozenset(getattr(settings, f"{name}_port") for name in settings.embedded)
    for name in servers:
        port = getattr(settings, f"{name}_port")
        ports.check_free(name, f"--{name}-port", port, avoid=own)

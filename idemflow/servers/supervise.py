"""Keeps the embedded servers up: notices one that has died or does not answer, starts it again."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psutil

from idemflow.config.combinations import SERVERS, TITLES, ServerName
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError, LoginRefused
from idemflow.servers import asked, launch, lifecycle, ready
from idemflow.servers.connect import endpoint
from idemflow.servers.exclusive import explained_os_errors, make_home, runtime_lock
from idemflow.servers.state import State, read_state, write_state
from idemflow.servers.supervision import supervisor_lock
from idemflow.servers.upkeep import Upkeep
from idemflow.servers.waiting import record_server
from idemflow.servers.watching import REFUSED, Act, Event, Watch
from idemflow.supply.progress import Silent

SILENT_AFTER = 60  # seconds, by default
TICK_SECONDS = 0.25
# A server that is well is asked seldom: NiFi keeps a log of each login.
ASK_SECONDS = 10.0
ASK_OFTEN_SECONDS = 1.0
# Whoever changes the runtime now is waited for so long before the servers are stopped anyway.
STOP_LOCK_SECONDS = 10.0
Tell = Callable[[Event], None]


class _Ended(BaseException):
    """It was told to end while it fetched something."""


class Supervisor:
    """One supervisor: :meth:`run` works until :meth:`end` is called, from a signal's handler.

    Args:
        settings: the resolved settings.
        tell: is given each event.
        upkeep: what is done beside the servers.
        silent_after: seconds without an answer after which a server is started again.
    """

    def __init__(
        self, settings: Settings, tell: Tell, upkeep: Upkeep, silent_after: float = SILENT_AFTER
    ) -> None:
        self._settings, self._tell, self._upkeep = settings, tell, upkeep
        self._home = settings.folders
        self._watches = {
            name: Watch(name, settings.start_timeout, silent_after) for name in settings.embedded
        }
        self._asked: dict[ServerName, tuple[int, Future[str | None]]] = {}
        self._ask_at: dict[ServerName, float] = {}
        self._ending = self._may_break_off = False
        self._waits = False
        self._began = False  # whether the first start is behind it

    def end(self) -> None:
        """Stop the servers and end, soon. May be called by a signal's handler in the same thread.

        What is being downloaded or laid out is broken off; what is being started is not, so that
        it is on record.
        """
        self._ending = True
        if self._may_break_off:
            self._may_break_off = False
            raise _Ended

    def run(self) -> None:
        """Starts what does not run, keeps it up, and stops both servers in the end.

        Raises:
            IdemflowError: another supervisor is there, or the servers cannot be started at first:
                nothing was changed.
        """
        with explained_os_errors("idemflow supervise"):
            make_home(self._settings)
            with self._alone():
                state = read_state(self._home.state)
                running = state.running()
                asked.refuse_others(self._settings, state, running)
                names = " and ".join(watch.title for watch in self._watches.values())
                self._tell(Event("supervising", f"Keeping {names} up", pid=os.getpid()))
                with ThreadPoolExecutor(len(self._watches)) as pool:
                    with contextlib.suppress(_Ended):
                        while not self._ending:
                            self._look(pool)
                            time.sleep(TICK_SECONDS)
                    self._stop_all()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        lock = supervisor_lock(self._home)
        if not lock.try_acquire():
            raise IdemflowError(
                f"this runtime has a supervisor already: {lock.holder()}",
                next_command="idemflow status; idemflow down ends it and the servers",
            )
        try:
            yield
        finally:
            lock.release()

    def _look(self, pool: ThreadPoolExecutor) -> None:
        state, due = read_state(self._home.state), list[ServerName]()
        for name, watch in self._watches.items():
            record = state.servers.get(name)
            process = record.process() if record else None
            health = self._health(pool, state, name, process)
            act = watch.see(time.monotonic(), process.pid if process else None, health)
            if process and health and name == "elasticsearch":
                self._record_server(watch, process)
            self._tell_all(watch)
            if act is Act.STOP:
                with self._changing():
                    self._stop(name)
            elif act is Act.START:
                due.append(name)
        if due:
            self._start(due)
        self._began = True
        well = all(watch.is_well for watch in self._watches.values())
        for event in self._upkeep.look(time.monotonic(), well=well):
            self._tell(event)

    def _health(
        self,
        pool: ThreadPoolExecutor,
        state: State,
        name: ServerName,
        process: psutil.Process | None,
    ) -> str | None:
        """What a process answered, if there is news.

        It is asked in a thread, so that one that is slow keeps nobody waiting.
        """
        now = time.monotonic()
        if name in self._asked:
            pid, answer = self._asked[name]
            if not answer.done():
                return None
            del self._asked[name]
            pause = ASK_SECONDS if self._watches[name].is_well else ASK_OFTEN_SECONDS
            self._ask_at[name] = now + pause
            return answer.result() if process and pid == process.pid else None
        if process and now >= self._ask_at.get(name, now):
            self._asked[name] = process.pid, pool.submit(_ask, self._settings, state, name)
        return None

    def _start(self, due: list[ServerName]) -> None:
        try:
            with explained_os_errors("idemflow supervise"):
                self._start_unless_another(due)
        except IdemflowError as error:
            if not self._began:
                raise
            for name in due:
                self._watches[name].failed(time.monotonic(), error.message, error.next_command)
        for name in due:
            self._tell_all(self._watches[name])

    def _start_unless_another(self, due: list[ServerName]) -> None:
        lock = runtime_lock(self._home)
        if not lock.try_acquire():
            if not self._waits:
                text = f"Waiting until another command has ended: {lock.holder()}"
                self._tell(Event("waiting", text))
            self._waits = True
            return
        self._waits = False
        try:
            self._start_alone(due)
        finally:
            self._may_break_off = False
            lock.release()

    def _start_alone(self, due: list[ServerName]) -> None:
        state = read_state(self._home.state)
        running = state.running()
        asked.refuse_others(self._settings, state, running)
        missing = [name for name in due if name not in running]
        if not missing:  # another command was first
            return
        self._may_break_off = True
        if self._ending:
            raise _Ended
        laid_out = lifecycle.lay_out(self._settings, state, missing, _Told(self._tell))
        self._may_break_off = False
        self._began = True
        state = lifecycle.launch_servers(self._settings, laid_out, state)
        for name in missing:
            self._watches[name].started(time.monotonic(), state.servers[name].pid)

    def _record_server(self, watch: Watch, process: psutil.Process) -> None:
        """Puts Elasticsearch on record in place of its launcher, once it is there."""
        if ready.server_process(self._home, process).pid == process.pid:
            return
        lock = runtime_lock(self._home)
        with contextlib.suppress(OSError, IdemflowError):  # then the next time
            if lock.try_acquire():
                try:
                    state = read_state(self._home.state)
                    if process.pid == getattr(state.servers.get(watch.server), "pid", None):
                        state = record_server(self._home, state, process)
                        watch.renamed(state.servers[watch.server].pid)
                finally:
                    lock.release()

    def _stop_all(self) -> None:
        names = [name for name in SERVERS if name in self._watches]
        self._tell(Event("stopping", "Stopping " + " and then ".join(TITLES[n] for n in names)))
        self._upkeep.end()
        with self._changing():
            for name in names:
                self._stop(name)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Keeps others from changing the runtime, unless one has been at it for too long."""
        lock = runtime_lock(self._home)
        with contextlib.suppress(IdemflowError, OSError):
            lock.acquire(STOP_LOCK_SECONDS)
        try:
            yield
        finally:
            lock.release()

    def _stop(self, name: ServerName) -> None:
        process = read_state(self._home.state).running().get(name)
        if process is None:
            return
        killed = launch.stop([process])
        state = read_state(self._home.state)
        with contextlib.suppress(OSError):  # a full disk: what is on record is dead, and no harm
            write_state(self._home.state, state.with_server(name, None))
        how = f"{TITLES[name]} did not end in time, and was killed" if killed else None
        self._tell(Event("stopped", how or f"{TITLES[name]} is stopped", name, process.pid))

    def _tell_all(self, watch: Watch) -> None:
        for event in watch.take_events():
            self._tell(event)


class _Told(Silent):
    """Tells of downloads and builds."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def step(self, text: str) -> None:
        self._tell(Event("step", text))


def _ask(settings: Settings, state: State, name: ServerName) -> str | None:
    """What a server answers, empty where it does not; ``None`` where it cannot be asked."""
    try:
        return ready.health(name, endpoint(settings, state, name)) or ""
    except ready.Silent:
        return ""
    except LoginRefused:
        return REFUSED
    except (OSError, IdemflowError):  # the logins are gone: that says nothing of the server
        return None

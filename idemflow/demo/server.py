"""The demo database's process: start, stop, state, and the logins on it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from idemflow.config.paths import Home
from idemflow.config.settings import Settings, remember
from idemflow.demo import postgresql
from idemflow.demo.postgresql import NAME
from idemflow.errors import IdemflowError, NotReady, RuntimeNotUp, ServerError, SettingError
from idemflow.security.owner import folder, servers_user, write_file
from idemflow.servers import launch, ports
from idemflow.servers.exclusive import make_home
from idemflow.servers.lifecycle import ServerStatus, resident
from idemflow.servers.logs import tail
from idemflow.servers.state import Recorded
from idemflow.supply.progress import Progress

if TYPE_CHECKING:
    import psycopg

DATABASE = "demo"
OWNER = "idemflow"
READER = "idemflow_reader"
START = "idemflow demo-db start"
PORT = 5433
POLL_SECONDS = 0.1
CONNECT_SECONDS = 10
FAST_SECONDS = 30.0  # rolls open transactions back and writes everything to the disk
IMMEDIATE_SECONDS = 10.0


@dataclass(frozen=True)
class Login:
    """A login on the demo database.

    Attributes:
        port: its port on loopback.
        username: the user.
        password: the user's password.
    """

    port: int
    username: str
    password: str = field(repr=False)

    @property
    def jdbc_url(self) -> str:
        """The address for JDBC."""
        return f"jdbc:postgresql://{ports.LOOPBACK}:{self.port}/{DATABASE}"


def port(settings: Settings) -> int:
    """The port that it is to have: the setting ``demo_db_port``."""
    return settings.port_of(NAME, PORT)


def start(settings: Settings, progress: Progress) -> tuple[Login, bool]:
    """Starts PostgreSQL unless it runs; the first time, makes its data folder and its logins.

    Returns:
        the owner's login, and whether it was started.

    Raises:
        PortTaken: before anything is started.
        SettingError: it runs on another port than the wanted one.
        ServerError: it died while it started; carries its log's tail.
        NotReady: it did not answer in time.
    """
    home, wanted = settings.folders, port(settings)
    record = read_record(home)
    process = record.process() if record else None
    if record and process and record.port != wanted:
        raise SettingError(
            "demo_db_port",
            f"the demo database runs on port {record.port}, not {wanted}",
            next_command=f"idemflow demo-db stop && {START} --port {wanted}",
        )
    started = process is None
    if process is None:
        process = _launch(settings, progress)
    login = _owner(home, wanted)
    _wait(settings, login, process)
    return login, started


def _launch(settings: Settings, progress: Progress) -> psutil.Process:
    home = settings.folders
    others = frozenset({settings.nifi_port, settings.elasticsearch_port})
    ports.check_free(NAME, "--port", port(settings), avoid=others, command=START)
    former = make_home(settings)
    owner = servers_user(settings.home, settings.run_as_user, NAME)
    bin_folder = postgresql.programs(home, owner)
    passwords = _ensure_passwords(home)
    postgresql.lay_out(home, owner, former)
    if not postgresql.data(home).is_dir():
        progress.step("Making the demo database")
        postgresql.make_data(home, owner, bin_folder, OWNER, passwords[OWNER])
    _forget_stale_pid(home)
    remember(settings)
    progress.step("Starting PostgreSQL")
    version = postgresql.version(bin_folder)
    command = postgresql.command(home, bin_folder, port(settings))
    process = launch.start(command, owner)
    record = Recorded(process.pid, process.create_time(), port(settings), version)
    write_file(_record_file(home), json.dumps(dataclasses.asdict(record)))
    return process


def _forget_stale_pid(home: Home) -> None:
    """Removes the note of a server that was killed, once another process may have its number.

    PostgreSQL would take any process with that number for itself, and refuse to start.
    """
    note = postgresql.data(home) / "postmaster.pid"
    try:
        noted = psutil.Process(int(note.read_text(encoding="utf-8").split()[0]))
        alive = str(postgresql.data(home)) in noted.cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        alive = False
    if not alive:
        note.unlink(missing_ok=True)


def _wait(settings: Settings, login: Login, process: psutil.Process) -> None:
    """Waits until one can log in; notices a server that has died at once."""
    home = settings.folders
    deadline = time.monotonic() + settings.start_timeout
    while True:
        try:
            with connect(login, database="postgres"):
                return
        except _Refused as error:
            problem = str(error)
        record = read_record(home)
        if record is None or record.process() is None:
            raise ServerError(
                NAME,
                "PostgreSQL ended while it started",
                log_tail=tail(postgresql.log(home)),
                next_command=f"idemflow logs {NAME}",
            )
        if time.monotonic() > deadline:
            raise NotReady(
                NAME,
                f"PostgreSQL (pid {process.pid}) did not answer within {settings.start_timeout} s "
                f"(setting start_timeout): {problem}",
                log_tail=tail(postgresql.log(home)),
                next_command=f"idemflow logs {NAME}",
            )
        time.sleep(POLL_SECONDS)


def stop(home: Home) -> tuple[bool, tuple[int, ...]]:
    """Stops the recorded process, and no other.

    Returns:
        whether it ran, and the pids that had to be killed.
    """
    record = read_record(home)
    process = record.process() if record else None
    killed: list[int] = []
    if process:
        family = [process, *process.children(recursive=True)]
        # PostgreSQL's own signals: "fast", then "immediate".
        for number, seconds in ((signal.SIGINT, FAST_SECONDS), (signal.SIGQUIT, IMMEDIATE_SECONDS)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
            _, alive = psutil.wait_procs(family, timeout=seconds)
            if not alive:
                break
        else:
            for one in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
                    killed.append(one.pid)
            psutil.wait_procs(alive, timeout=IMMEDIATE_SECONDS)
    _record_file(home).unlink(missing_ok=True)
    return process is not None, tuple(killed)


def delete(home: Home) -> None:
    """Deletes the stopped database with all its data."""
    if postgresql.folder_of(home).exists():
        shutil.rmtree(postgresql.folder_of(home))
    password_file(home).unlink(missing_ok=True)


def status(settings: Settings) -> ServerStatus | None:
    """The database's state; ``None`` where there is none."""
    home = settings.folders
    record = read_record(home)
    process = record.process() if record else None
    if record is None or process is None:
        if record is None and not postgresql.data(home).is_dir():
            return None
        state = "dead" if record else "stopped"
        return ServerStatus(NAME, state, None, port(settings))
    try:
        with connect(_owner(home, record.port), database="postgres"):
            health = "ok"
    except (_Refused, IdemflowError):
        health = None
    return ServerStatus(
        name=NAME,
        state="running" if health else "starting",
        version=record.version,
        port=record.port,
        pid=process.pid,
        memory=resident(process),
        health=health,
    )


def owner(settings: Settings) -> Login:
    """The login that may change everything.

    Raises:
        RuntimeNotUp: the database does not run.
    """
    return _owner(settings.folders, _running_port(settings))


def reader(settings: Settings) -> Login:
    """The login that may only read: what NiFi uses.

    Raises:
        RuntimeNotUp: the database does not run.
    """
    port = _running_port(settings)
    return Login(port, READER, _passwords(settings.folders)[READER])


@contextlib.contextmanager
def connect(login: Login, *, database: str = DATABASE) -> Iterator[psycopg.Connection]:
    """A connection; its transaction is committed at the end, or rolled back by an error.

    Raises:
        IdemflowError: the extra ``demo`` is not installed, or PostgreSQL reports an error.
    """
    try:
        import psycopg  # noqa: PLC0415 -- slow to import, and only the demo database needs it
    except ImportError as error:
        raise IdemflowError(
            f"the package psycopg cannot be used: {error}",
            next_command=postgresql.installing(),
        ) from error
    try:
        connection = psycopg.connect(
            host=ports.LOOPBACK,
            port=login.port,
            user=login.username,
            password=login.password,
            dbname=database,
            connect_timeout=CONNECT_SECONDS,
            application_name="idemflow",
        )
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise IdemflowError(
                f"the demo database refuses the login of {login.username}: its passwords are not "
                "those that it was made with",
                next_command="put them back, or start anew: idemflow demo-db stop --delete",
            ) from error
        raise _Refused(str(error)) from error
    try:
        with connection:
            yield connection
    except psycopg.Error as error:
        raise IdemflowError(f"PostgreSQL: {error}", next_command=f"idemflow logs {NAME}") from error


class _Refused(IdemflowError):
    """Nothing answers yet, or not any more."""


def read_record(home: Home) -> Recorded | None:
    """The process on record; ``None`` where there is none, or where the file is damaged."""
    try:
        return Recorded(**json.loads(_record_file(home).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _running_port(settings: Settings) -> int:
    record = read_record(settings.folders)
    if record is None or record.process() is None:
        raise RuntimeNotUp("the demo database does not run", next_command=START)
    return record.port


def _owner(home: Home, port: int) -> Login:
    return Login(port, OWNER, _passwords(home)[OWNER])


def _record_file(home: Home) -> Path:
    return home.root / f"{NAME}.json"


def password_file(home: Home) -> Path:
    """Where the passwords are: a JSON object, user to password."""
    return home.secrets / "demo-db.json"


def _ensure_passwords(home: Home) -> dict[str, str]:
    file = password_file(home)
    if not file.exists() and not postgresql.data(home).is_dir():
        folder(home.secrets, 0o700)
        made = {user: secrets.token_urlsafe(24) for user in (OWNER, READER)}
        write_file(file, json.dumps(made, indent=1))
    return _passwords(home)


def _passwords(home: Home) -> dict[str, str]:
    file = password_file(home)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {user: str(found[user]) for user in (OWNER, READER)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IdemflowError(
            f"{file} is gone or damaged: nobody can log in to the demo database without it",
            next_command="put it back, or start anew: idemflow demo-db stop --delete && " + START,
        ) from error

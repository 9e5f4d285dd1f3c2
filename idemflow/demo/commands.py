"""``idemflow demo-db``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from idemflow.config.settings import Settings
from idemflow.demo import orders, postgresql, server
from idemflow.demo.orders import Batch, Counts
from idemflow.demo.server import Login
from idemflow.errors import RuntimeNotUp
from idemflow.servers import ServerStatus
from idemflow.servers.exclusive import explained_os_errors, locked, make_home
from idemflow.supply.progress import Progress, Silent

DEFAULT_ORDERS = 1_000


@dataclass(frozen=True)
class Started:
    """What ``start`` did.

    Attributes:
        started: whether it was started; ``False`` where it ran already.
        filled: whether the orders were made.
        counts: the orders that it holds.
        login: the owner's login.
        password_file: where the passwords are.
    """

    started: bool
    filled: bool
    counts: Counts
    login: Login
    password_file: Path


@dataclass(frozen=True)
class DemoStatus:
    """The database's state.

    Attributes:
        server: its process; ``None`` where there is no demo database.
        counts: the orders that it holds, while it runs.
        login: the owner's login, while it runs.
        password_file: where the passwords are.
    """

    server: ServerStatus | None
    counts: Counts | None
    login: Login | None
    password_file: Path

    @property
    def running(self) -> bool:
        """Whether it answers."""
        return self.server is not None and self.server.state == "running"


@dataclass(frozen=True)
class Stopped:
    """What ``stop`` did.

    Attributes:
        stopped: whether it ran.
        killed: pids that did not end by themselves in time.
        deleted: whether the data were deleted.
    """

    stopped: bool
    killed: tuple[int, ...]
    deleted: bool


def start(
    settings: Settings, progress: Progress | None = None, *, count: int, seed: int
) -> Started:
    """Starts the demo database; the first time, fills it.

    Args:
        progress: told what happens, if anyone wants to know.
        count: how many orders a new database gets.
        seed: the seed of their chance.

    Raises:
        IdemflowError: see :func:`idemflow.demo.server.start`.
    """
    postgresql.check_installed()
    progress = progress or Silent()
    with explained_os_errors(server.START):
        make_home(settings)
        with locked(settings.folders):
            login, started = server.start(settings, progress)
            reader = server.reader(settings)
            filled = orders.fill(login, reader, count, seed, progress)
    file = server.password_file(settings.folders)
    return Started(started, filled, orders.counts(login), login, file)


def change(settings: Settings, *, updates: int, inserts: int, deletes: int, seed: int) -> Batch:
    """Changes orders.

    Raises:
        RuntimeNotUp: the demo database does not run.
        UsageError: there are too few orders.
    """
    return orders.change(
        server.owner(settings), updates=updates, inserts=inserts, deletes=deletes, seed=seed
    )


def status(settings: Settings) -> DemoStatus:
    """The database's state and the number of its orders."""
    found = server.status(settings)
    file = server.password_file(settings.folders)
    if found is None or found.state != "running":
        return DemoStatus(found, None, None, file)
    try:
        login = server.owner(settings)
    except RuntimeNotUp:  # it has just been stopped
        return DemoStatus(server.status(settings), None, None, file)
    return DemoStatus(found, orders.counts(login), login, file)


def stop(settings: Settings, *, delete: bool) -> Stopped:
    """Stops the database, and deletes its data if ``delete``."""
    home = settings.folders
    if not home.lock.exists():
        return Stopped(False, (), False)
    with explained_os_errors("idemflow demo-db stop"), locked(home):
        stopped, killed = server.stop(home)
        if delete:
            server.delete(home)
    return Stopped(stopped, killed, delete)

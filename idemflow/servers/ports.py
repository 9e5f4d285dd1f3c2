"""Ports on loopback: is one free, who holds it, which one could be used."""

from __future__ import annotations

import contextlib
import socket

import psutil

from idemflow.errors import PortTaken

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on ``127.0.0.1:port`` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        # As the servers do: connections of a former run in TIME_WAIT do not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(1)
        except OSError:
            return False
    return True


def free_port(start: int, *, avoid: frozenset[int] = frozenset()) -> int:
    """The first free port from ``start`` upwards that is not in ``avoid``."""
    ports = (p for p in range(start, 65536) if p not in avoid and is_free(p))
    return next(ports, start)


def any_free_port() -> int:
    """A port that nothing uses now, of those that the system gives away."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


def check_free(
    server: str, option: str, port: int, *, avoid: frozenset[int], command: str = "idemflow up"
) -> None:
    """Makes sure that a server can have its port.

    Args:
        option: the option of the command that chooses another port.
        avoid: ports that must not be suggested.
        command: the command that starts the server.

    Raises:
        PortTaken: names the port, who holds it, and the command with a free one.
    """
    if is_free(port):
        return
    other = free_port(port + 1, avoid=avoid)
    raise PortTaken(
        server,
        f"port {port}, which {server} needs, is taken by {holder(port)}",
        next_command=f"{command} {option} {other}",
    )


def holder(port: int) -> str:
    """Who listens on a port, for a person."""
    for connection in _listening():
        if connection.laddr[1:] == (port,) and connection.pid:
            with contextlib.suppress(psutil.Error):
                return _describe(psutil.Process(connection.pid))
    return "another program (of another user)"


def _describe(process: psutil.Process) -> str:
    command = process.cmdline()
    marker = "-Didemflow.project="
    project = next((a.removeprefix(marker) for a in command if a.startswith(marker)), None)
    if project:
        return f"the idemflow runtime of {project} (pid {process.pid})"
    shown = " ".join(command)[:80] or process.name()
    return f"pid {process.pid} ({shown})"


def _listening() -> list[psutil._ntuples.sconn]:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return []
    return [c for c in connections if c.status == psutil.CONN_LISTEN]

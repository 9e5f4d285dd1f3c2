"""What ``backup`` and ``restore`` print."""

from __future__ import annotations

from collections.abc import Iterator

from idemflow.cli.tables.servers import mebibytes
from idemflow.commands.backup import Backup
from idemflow.commands.restore import Restored
from idemflow.config.combinations import SERVERS, TITLES


def backup_lines(done: Backup) -> Iterator[str]:
    """What was written, and what was not."""
    yield (
        f"{done.file}: {done.files:,} files, {mebibytes(done.bytes)}, as {mebibytes(done.size)}."
    )
    if done.secrets:
        yield "Logins, keys and sensitive values are in it, encrypted with the passphrase."
    else:
        yield "No logins, keys or sensitive values are in it (--passphrase)."
        if done.withheld:
            yield f"To be set again after a restore: {', '.join(done.withheld)}"
    if done.left_out:
        yield f"Left out, since they are not the servers' own files: {', '.join(done.left_out)}"
    if done.killed:
        yield f"Did not end in time and was killed: pid {', '.join(map(str, done.killed))}."
    if done.restarted:
        names = " and ".join(TITLES[name] for name in done.restarted)
        verb = "was" if len(done.restarted) == 1 else "were"
        yield f"{names} {verb} away for {done.seconds:.0f} s."


def restored_lines(done: Restored, *, checked: bool) -> Iterator[str]:
    """What was restored, and what to do next."""
    size = f"{done.files:,} files, {mebibytes(done.bytes)}"
    what = f"{size}, of {done.made}, idemflow {done.idemflow}"
    if checked:
        yield f"{done.file} is whole: {what}."
        yield "Its secrets are encrypted." if done.secrets else "It has no secrets."
        return
    yield f"Restored to {done.home}: {what}."
    if not done.secrets:
        yield "Logins and keys are new ones."
    yield ", ".join(f"{TITLES[name]} on port {done.ports[name]}" for name in SERVERS) + "."
    if done.unset:
        yield f"Set again on the canvas, after the start: {', '.join(done.unset)}"
    commands = ["idemflow up", *(f"idemflow deploy {name}" for name in done.deploy)]
    yield f"next: {' && '.join(commands)}"

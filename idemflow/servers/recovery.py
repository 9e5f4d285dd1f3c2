"""What a crash left that NiFi cannot start with: it is set aside, never deleted.

NiFi writes ``flow.json.gz`` in place: killed in the middle, or on a full disk, it leaves a part of
it. Of the journals of its repositories it reads all that is whole; where their beginning is
damaged it does not start, and what was queued can be had no more: a person decides about that.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from idemflow.config.paths import Home
from idemflow.security.owner import Owner, open_own, write_file

FLOW = "flow.json.gz"
_CHUNK = 1 << 20
# A flow of more is not read as JSON, which takes many times the memory: its checksum is enough.
_READ_AS_JSON = 64 << 20
_GZIP = 16 + zlib.MAX_WBITS
_QUEUES = ("flowfiles", "content")  # of the folders of NiFi's data
_JOURNALS = "at org.apache.nifi.wali."  # a frame of a stack trace


def restore_flow(home: Home, owner: Owner, now: datetime) -> str | None:
    """Sets a flow aside that cannot be read, and puts the newest whole one of NiFi's archive there.

    For a NiFi that does not run.

    Args:
        owner: the user that NiFi runs as; nothing that belongs to others is read.
        now: the time, for the name of what is set aside.

    Returns:
        what was done, for the user; ``None`` where the flow is whole, or there is none.
    """
    data = home.nifi / "data"
    flow = data / FLOW
    try:
        if is_whole(flow, owner):
            return None
    except OSError:  # there is none, or NiFi will say why it may not read it
        return None
    aside = set_aside(flow, now)
    told = f"NiFi's flow could not be read after a crash, and is kept as {aside}"
    for kept in _newest_first(data / "archive"):
        content = _whole(kept, owner)
        if content is not None:
            write_file(flow, content, owner)
            return (
                f"{told}. In its place is the one that NiFi archived as {kept.name}; what was "
                "changed on the canvas after that is to be done again: idemflow deploy, or "
                "idemflow flow rollback"
            )
    authorizations = data / "authorizations.xml"
    if authorizations.exists():  # it speaks of components of that flow
        set_aside(authorizations, now)
    return (
        f"{told}. NiFi has archived no other: the canvas is empty, and idemflow deploy draws the "
        "pipelines again; records that were queued stay in NiFi's repositories, and a run of each "
        "pipeline loads what is missing"
    )


def set_queues_aside(home: Home, now: datetime) -> tuple[str, ...]:
    """Has NiFi start with empty queues; what is queued is kept beside, in a form of NiFi's own.

    For a NiFi that does not run.

    Returns:
        what was done, for the user; empty where there were none.
    """
    data = home.nifi / "data"
    # Contents without their FlowFiles would be deleted by NiFi.
    there = [data / name for name in _QUEUES if (data / name).exists()]
    if not there:
        return ()
    kept = [set_aside(one, now) for one in there]
    return (
        "NiFi starts with empty queues. What was queued is kept as "
        f"{' and '.join(map(str, kept))}. A run of each pipeline loads what is missing "
        "(idemflow run); one that reads incrementally reads all anew after idemflow source reset",
    )


def is_of_the_queues(log: str) -> bool:
    """Whether a log of NiFi ends with a journal of its queues that it cannot read."""
    return _JOURNALS in log and "WriteAheadFlowFileRepository" in log


def set_aside(path: Path, now: datetime) -> Path:
    """Gives a file or folder a name beside it that says when; the new name."""
    name = f"{path.name}.damaged-{now:%Y%m%dT%H%M%S}"
    names = (name, *(f"{name}-{number}" for number in range(2, 1000)))
    target = next(one for one in map(path.with_name, names) if not os.path.lexists(one))
    path.rename(target)
    return target


def is_whole(flow: Path, owner: Owner) -> bool:
    """Whether a flow file can be read to its end.

    Raises:
        OSError: it cannot be opened, or is not a file of NiFi's user.
    """
    with open_own(flow, owner) as file:
        return _is_flow(file)


def _is_flow(file: BinaryIO) -> bool:
    size, last, text = 0, b"", bytearray()
    try:
        for part in _decompressed(file):
            size += len(part)
            last = part.rstrip()[-1:] or last
            if size <= _READ_AS_JSON:
                text += part
            else:
                text.clear()
        if size > _READ_AS_JSON:
            return last == b"}"
        return isinstance(json.loads(text), dict)
    except (EOFError, ValueError, zlib.error, RecursionError):
        return False


def _decompressed(file: BinaryIO) -> Iterator[bytes]:
    """The contents of a gzip file in parts of a bounded size.

    Raises:
        EOFError: it ends too early.
        zlib.error: it is none, or its checksum differs.
    """
    unpacker = zlib.decompressobj(_GZIP)
    while not unpacker.eof:
        packed = unpacker.unconsumed_tail or file.read(_CHUNK)
        if not packed:
            raise EOFError
        yield unpacker.decompress(packed, _CHUNK)


def _newest_first(archive: Path) -> list[Path]:
    """What NiFi archived; the names begin with the time."""
    try:
        return sorted(archive.glob(f"*{FLOW}"), key=lambda file: file.name, reverse=True)
    except OSError:
        return []


def _whole(flow: Path, owner: Owner) -> bytes | None:
    """What is in a flow file; ``None`` where it cannot be read to its end."""
    try:
        with open_own(flow, owner) as file:
            if not _is_flow(file):
                return None
            file.seek(0)
            return file.read()
    except OSError:
        return None

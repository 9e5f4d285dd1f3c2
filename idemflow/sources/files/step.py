"""The Collect step of the source ``files``: queues the records of each new or changed file.

Runs inside NiFi: standard library only.
One session holds a whole run: its records, what is remembered of the files and the end of the
trigger are committed together, so that a NiFi that dies half-way reads the same files again.
"""

import gzip
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO

from idemflow.sources.files import state
from idemflow.sources.files.csv import read_csv
from idemflow.sources.files.formats import BLOCK, Record, read_json, read_ndjson, unzipped
from idemflow.sources.files.search import CannotCollect, CannotRead, WatchedDirectory, cannot_read
from idemflow.steps import processor
from idemflow.steps.chunks import Chunks, send_summary

# A file that is not what the YAML says has as many dead letters as records. More than half of its
# first ones, or so many in all, and the rest of it is not read; so many in a run, and the files
# that follow wait for the next: all of them are in one session, in NiFi's memory.
UNUSABLE_AT_FIRST = 1_000
UNUSABLE_A_FILE = 20_000
UNUSABLE_A_RUN = 50_000
# How long a run waits for files that were changed just before it, at most.
PATIENCE_SECONDS = 60.0
# How far NiFi's clock may be behind that of the disk, in milliseconds.
CLOCKS_DIFFER = 60 * 60 * 1000

Reader = Callable[[BinaryIO], Iterator[Record]]


def collect(
    session: Any, context: Any, success: Any, log: Any = None, *, pipeline: str, batch: int
) -> None:
    """Turn one queued trigger into the records of all new and changed files, and a summary.

    The processor's properties are ``directory`` (an absolute path), ``pattern`` (see
    ``WatchedDirectory.find``), ``format`` (``csv``, ``ndjson`` or ``json``), ``quiet`` (a file is
    read once it has not changed for so many seconds), ``csv`` (arguments of ``read_csv`` as JSON),
    ``index`` (where the records go), ``newer_wins`` (whether records carry the time of their file:
    ``true`` or ``false``) and ``remember`` (whether files that were read before are left out, in
    the same way). Without it a run reads all files or none: what it leaves out would count as gone.

    Args:
        success: the relationship that records go to.
        log: the processor's, which makes bulletins.
        batch: records in a FlowFile, at most.

    Raises:
        CannotCollect: the directory cannot be read, or a run of all files has not got all.
    """
    scope, directory = processor.scope("LOCAL"), processor.text(context, "directory")
    pattern, file_format = processor.text(context, "pattern"), processor.text(context, "format")
    quiet_seconds = float(processor.text(context, "quiet"))
    csv_options = json.loads(processor.text(context, "csv"))
    remember = json.loads(processor.text(context, "remember"))
    dated = json.loads(processor.optional(context, "newer_wins") or "false")
    index = processor.optional(context, "index")
    trigger = session.get()
    if trigger is None:
        return
    watched = WatchedDirectory(directory, pipeline)
    before = state.seen(session, scope)
    way = state.way([directory, file_format, csv_options, *([index, dated] if index else [])])
    if log is not None and remember and state.otherwise(before, way):
        log.warn(
            "directory, format, csv or newer_wins of the files, or the index, has changed: "
            "the files that were read so far are read anew"
        )
    run = _Run(session, success, trigger, watched, batch, before if remember else None, way, dated)
    readers: dict[str, Reader] = {
        "csv": partial(read_csv, **csv_options),
        "ndjson": read_ndjson,
        "json": read_json,
    }
    # The oldest first: where two files have a record, that of the newer one is sent last.
    for modified, name, path in sorted(run.find(pattern, quiet_seconds)):
        run.collect(modified, name, path, readers[file_format])
    if run.seen != before:
        session.setState(run.seen, scope)
    send_summary(session, success, trigger, pipeline=pipeline, records=run.records)
    session.remove(trigger)


@dataclass
class _Run:
    """What becomes of the files in a run.

    Attributes:
        session: NiFi's ProcessSession.
        success: the relationship that records go to.
        trigger: the FlowFile that started the run.
        watched: the directory.
        batch: records in a FlowFile, at most.
        before: what is remembered of files that were read; ``None`` for a run of all files.
        way: how files are read, as :func:`state.way` has it.
        dated: whether records carry the time of their file.
        seen: what is to be remembered; nothing of a file that the next run has to look at again.
        found: modification and name of all files, those that are not read included.
        records: how many records were handed on, unusable ones included.
        unusable: how many of them are unusable.
    """

    session: Any
    success: Any
    trigger: Any
    watched: WatchedDirectory
    batch: int
    before: dict[str, str] | None
    way: str
    dated: bool
    seen: dict[str, str] = field(default_factory=dict)
    found: list[tuple[int, str]] = field(default_factory=list)
    records: int = 0
    unusable: int = 0

    def find(self, pattern: str, quiet_seconds: float) -> Iterator[tuple[int, str, Path]]:
        """The files to read: time of modification, name, path."""
        changing: list[tuple[str, Path, int, float]] = []
        for name, path in self.watched.find(pattern):
            status = self._status(name, path)
            if status is None:
                continue
            known = state.of_file(status, self.way)
            if self.before is not None and self.before.get(name) == known:
                self.seen[name] = known
            elif (rest := _unrest(status, quiet_seconds)) > 0:
                changing.append((name, path, status.st_ctime_ns, rest))
            else:
                yield status.st_mtime_ns, name, path
        waited = min(max((rest for *_, rest in changing), default=0.0), PATIENCE_SECONDS)
        time.sleep(waited)
        for name, path, changed, rest in changing:
            status = self._status(name, path)
            if status is None:
                continue
            # By the clock only where it must be: it may have been set meanwhile.
            same = status.st_ctime_ns == changed
            if (rest - waited if same else _unrest(status, quiet_seconds)) > 0:
                self._leave(f"{name} changed less than {quiet_seconds:g} s ago")
            else:
                yield status.st_mtime_ns, name, path

    @cached_property
    def times(self) -> dict[str, int]:
        """The time of each file, once all are found: see :func:`in_order`."""
        return in_order(self.found, int(time.time() * 1000))

    def collect(self, modified: int, name: str, path: Path, reader: Reader) -> None:
        """Queue the records of a file, unless it has changed since it was found."""
        if self.unusable >= UNUSABLE_A_RUN:
            self._leave(f"{self.unusable:,} records of the files before {name} cannot be used")
            return
        held = _Held(self.session)
        chunks = Chunks(
            held, self.success, self.trigger, batch=self.batch, source=name,
            modified=self.times[name] if self.dated else None,
        )  # fmt: skip
        try:
            with self.watched.open(path, BLOCK) as file:
                before = os.fstat(file.fileno())
                same = before.st_mtime_ns == modified
                unusable = _read(file, name, reader, chunks) if same else 0
                after = os.fstat(file.fileno())
        except FileNotFoundError:
            return
        except (OSError, CannotRead) as error:
            held.take_back()
            self._refuse(name, error)
            return
        known = state.of_file(after, self.way)
        if not same or known != state.of_file(before, self.way):
            held.take_back()
            self._leave(f"{name} changed while it was read")
            return
        chunks.flush()
        held.hand_on(self.success)
        self.records += chunks.count
        self.unusable += unusable
        if self.before is not None:
            self.seen[name] = known

    def _status(self, name: str, path: Path) -> os.stat_result | None:
        try:
            status = self.watched.status(path)
        except FileNotFoundError:
            return None
        except (OSError, CannotRead) as error:
            self._refuse(name, error)
            return None
        if status is not None:
            self.found.append((status.st_mtime_ns, name))
        return status

    def _refuse(self, name: str, error: OSError | CannotRead) -> None:
        """Tell of a file that cannot be read; the next run tries again."""
        reason = cannot_read(name, error)
        self._leave(reason)
        chunks = Chunks(self.session, self.success, self.trigger, source=name)
        chunks.refuse(name, 0, reason)
        self.records += 1
        self.unusable += 1

    def _leave(self, reason: str) -> None:
        """Leave a file to the next run.

        Raises:
            CannotCollect: this is a run of all files.
        """
        if self.before is None:
            raise CannotCollect(f"{reason}, and this run needs all files: it is tried again")


def in_order(found: list[tuple[int, str]], now: int) -> dict[str, int]:
    """A time for each file, by which its records are newer than those of another.

    Of files that were changed in the same millisecond the later name counts as the later. A file
    of the far future counts as of now: it must not be newer than all that is to come. In the near
    one it is where NiFi's clock is behind that of the disk, or was set back: its time is right.

    Args:
        found: modification, in nanoseconds since 1970, and name of each file.
        now: milliseconds since 1970.

    Returns:
        Milliseconds since 1970 by name; no two are the same.
    """
    times: dict[str, int] = {}
    last = -1
    for modified, name in sorted(found):
        at = modified // 1_000_000
        last = times[name] = max(at if at <= now + CLOCKS_DIFFER else now, last + 1)
    return times


def _unrest(status: os.stat_result, quiet_seconds: float) -> float:
    """For how many more seconds a file must not change before it is read.

    Counts from its last change of any kind: the time of that is never set back (as a copy that
    keeps times does with the time of modification) nor ahead. Where it is in the future, clocks
    differ, and it counts from now.
    """
    return quiet_seconds - max(0.0, time.time() - status.st_ctime)


class _Held:
    """What ``Chunks`` needs of a session; holds the FlowFiles back until their file was read."""

    def __init__(self, session: Any) -> None:
        self.create = session.create
        self.write = session.write
        self.putAllAttributes = session.putAllAttributes
        self._session = session
        self._flow_files: list[Any] = []

    def transfer(self, flow_file: Any, relationship: Any) -> None:  # noqa: ARG002
        """Hold a FlowFile back."""
        self._flow_files.append(flow_file)

    def hand_on(self, relationship: Any) -> None:
        """Let them go."""
        self._session.transfer(self._flow_files, relationship)

    def take_back(self) -> None:
        """Undo them."""
        self._session.remove(self._flow_files)


def _read(file: BinaryIO, name: str, reader: Reader, chunks: Chunks) -> int:
    """Queue the records of a file.

    Returns:
        How many of them are unusable.

    Raises:
        OSError: the disk cannot be read, as opposed to the file's content.
    """
    add = chunks.add
    position = unusable = 0
    try:
        for position, content, why in reader(unzipped(file) if name.endswith(".gz") else file):
            if why is None:
                add(content, position)
                continue
            unusable += 1
            # Without a content it is about the whole file.
            chunks.refuse(content or name, position, why)
            if unusable >= UNUSABLE_A_FILE or (
                unusable >= UNUSABLE_AT_FIRST and 2 * unusable > chunks.count
            ):
                reason = (
                    f"{name}: {unusable:,} of {chunks.count:,} records cannot be used, so what "
                    "follows is not read; it is when the file or the YAML is fixed"
                )
                break
        else:
            return unusable
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        cause = "is cut off" if isinstance(error, EOFError) else f"is damaged ({error})"
        reason = f"{name} {cause}: nothing can be unzipped after position {position}"
    except UnicodeDecodeError as error:
        reason = f"{name} is not {error.encoding} after position {position}: {error.reason}"
    chunks.refuse(name, position, reason)
    return unusable + 1

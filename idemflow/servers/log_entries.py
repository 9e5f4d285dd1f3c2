"""The entries of a log that logback writes: a line with time, level and thread, and what follows.

What stands in a log is not trusted: a record, or a script's own print, can put anything there. An
entry that a message fakes is taken for one; what it is said to be of is its own first id.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

# Of a line so many bytes are read, and of an entry so many lines are kept.
_LINE_BYTES = 64 * 1024
_LINES = 2000
_POLL_SECONDS = 0.3
# What the Python engine says of a script that failed: of its cause so much is compared.
_ENGINE = "io.idemflow.python.PythonInterpreter"
_FAILED = "Python script failed: "
_CAUSE = 60
_THREADS = 100
_FIRST = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?P<level>[A-Z]+) +"
    r"\[(?P<thread>[^]]*)] (?P<logger>\S+) ?(?P<message>.*)",
    re.DOTALL,
)
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OF_COMPONENT = re.compile(rf"(?P<type>[\w.$]+)\[id(?:entifier)?=(?P<id>{_ID.pattern})[^]]*]:?\s*")
_ADDED = re.compile(rf"(?:added|Added .*) to StandardProcessGroup\[identifier=({_ID.pattern})")


@dataclass(frozen=True)
class Entry:
    """An entry of a log.

    Attributes:
        time: when, as the log has it.
        level: ``INFO``, ``WARN``, ``ERROR``, ...
        thread: the thread's name.
        logger: the logger's name, shortened.
        component: the id of the component that says it, or of the first that it names; empty where
            it names none.
        message: what it says, without that component where it stands first.
        more: the lines below, such as a traceback.
        own: whether the component itself says it, and not NiFi of it.
    """

    time: str
    level: str
    thread: str
    logger: str
    component: str
    message: str
    more: tuple[str, ...] = ()
    own: bool = False

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return 1 + len(self.more)


class Entries:
    """Puts lines of a log together to entries.

    The traceback of a script is an entry of the Python engine, which knows no component; the
    component's own, on the same thread, comes next and gets it.
    """

    def __init__(self) -> None:
        self._first = ""
        self._more: list[str] = []
        self._failed: dict[str, Entry] = {}

    def add(self, line: str) -> Entry | None:
        """Take a line; the entry before it, where the line begins another one."""
        if _FIRST.match(line):
            before = self.end()
            self._first = line
            return before
        if self._first and len(self._more) < _LINES:
            self._more.append(line)
        return None

    def end(self) -> Entry | None:
        """The entry that was begun, if there is one: nothing more belongs to it."""
        first, more = _FIRST.fullmatch(self._first), tuple(self._more)
        self._first, self._more = "", []
        if first is None:
            return None
        message = first["message"]
        of, named = _OF_COMPONENT.match(message), _ID.search(message)
        entry = Entry(
            time=first["time"],
            level=first["level"],
            thread=first["thread"],
            logger=first["logger"],
            component=of["id"] if of else named[0] if named else "",
            message=message[of.end() :] if of else message,
            more=more,
            # NiFi's own loggers have other names; a group is part of NiFi.
            own=of is not None
            and of["type"] != "StandardProcessGroup"
            and first["logger"].rpartition(".")[2] == of["type"],
        )
        return self._with_traceback(entry)

    def _with_traceback(self, entry: Entry) -> Entry:
        if entry.logger == _ENGINE and entry.message.startswith(_FAILED):
            if len(self._failed) == _THREADS:
                self._failed.clear()
            self._failed[entry.thread] = entry
            return entry
        failed = self._failed.pop(entry.thread, None)
        cause = failed.message.removeprefix(_FAILED)[:_CAUSE] if failed else ""
        if failed is None or not (entry.own and entry.message.startswith(cause)):
            return entry
        return replace(entry, more=(*failed.more, *entry.more))


def added_to(entry: Entry) -> str | None:
    """The group to which an entry's component was added, if the entry says so."""
    found = _ADDED.match(entry.message)
    return found[1] if found else None


def read_lines(file: Path, *, follow: bool) -> Generator[str | None]:
    """The lines of a file, without their ends.

    Args:
        file: the file.
        follow: go on at its end for ever, and with the new file when it is rotated.

    Yields:
        Each line, of a very long one its beginning; and ``None`` at the file's end, with ``follow``
        again and again.
    """
    with ExitStack() as opened:
        stream = opened.enter_context(file.open("rb"))
        inode = file.stat().st_ino
        rest, cut = b"", False
        while True:
            piece = stream.readline(_LINE_BYTES)
            rest = b"" if cut else rest + piece
            if piece.endswith(b"\n"):
                if not cut:
                    yield _text(rest)
                rest, cut = b"", False
            elif len(rest) >= _LINE_BYTES:
                yield _text(rest[:_LINE_BYTES]) + "…"
                rest, cut = b"", True
            elif not piece:
                if not follow:
                    if rest:
                        yield _text(rest)
                    yield None
                    return
                yield None
                if file.exists() and file.stat().st_ino != inode:
                    opened.close()
                    stream = opened.enter_context(file.open("rb"))
                    inode, rest, cut = file.stat().st_ino, b"", False
                else:
                    time.sleep(_POLL_SECONDS)


def last(files: Iterable[Path], wanted: Callable[[Entry], bool], lines: int) -> list[Entry]:
    """The last entries of a log that are wanted.

    Args:
        files: the log's files, the newest first; as many are read as are needed.
        wanted: which entries are; called for each in the order of its file.
        lines: so many lines together, but whole entries, and one at least.
    """
    found: list[Entry] = []
    for file in files:
        missing = lines - sum(one.lines for one in found)
        if missing <= 0:
            break
        tail = Tail(missing)
        entries = Entries()
        for line in read_lines(file, follow=False):
            entry = entries.end() if line is None else entries.add(line)
            if entry is not None and wanted(entry):
                tail.add(entry)
        found = [*tail.entries, *found]
    return found


class Tail:
    """Keeps the last entries that have so many lines together, and one at least."""

    def __init__(self, lines: int) -> None:
        self.entries: deque[Entry] = deque()
        self._lines = lines
        self._has = 0

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._has += entry.lines
        while len(self.entries) > 1 and self._has > self._lines:
            self._has -= self.entries.popleft().lines


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r\n")

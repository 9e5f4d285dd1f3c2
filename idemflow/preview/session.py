"""NiFi's session, as far as the steps of a source and Identify use it, in plain Python.

Standard library only: it also runs in a process of its own, where nothing else is installed.
"""

import io
import logging
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

_log = logging.getLogger(__name__)

SUCCESS, FAILURE = "success", "failure"
# Contents that are held in memory, in bytes; the rest goes to disk.
_MEMORY = 64 << 20


class Enough(BaseException):
    """A step has given as many records as are wanted; no script is to take it for an error."""


class FlowFile:
    """A FlowFile: it never changes; a change gives another with the same content."""

    def __init__(self, number: int, attributes: Mapping[str, str], contents: "_Contents") -> None:
        self.number = number
        self.attributes = dict(attributes)
        self._contents = contents

    def getAttribute(self, name: str) -> str | None:  # noqa: N802 (NiFi's names, as all below)
        return self.attributes.get(name)

    def getSize(self) -> int:  # noqa: N802
        return self._contents.size(self.number)


class Session:
    """A session with one FlowFile in its queue.

    What a step hands on is given away at once and forgotten: a run of any length takes little
    memory. What it holds back goes to disk.

    Args:
        content: of the FlowFile in the queue.
        attributes: of the same.
        taken: is given each FlowFile that a step hands on, and the relationship; it may read it.
        most: how many lines a step may write before :class:`Enough` stops it, where it does not
            end before; ``None`` for as many as it likes.
    """

    def __init__(
        self,
        content: bytes,
        attributes: Mapping[str, str],
        taken: Callable[["Session", FlowFile, str], None],
        most: int | None = None,
    ) -> None:
        self._contents = _Contents()
        self._open: dict[int, FlowFile] = {}
        self._taken = taken
        self._most = most
        self._lines = 0
        self._number = 0
        self._state: dict[str, str] = {}
        self._queue = [self._new(content, attributes)]

    def close(self) -> None:
        """Let go of what is on disk."""
        self._contents.close()

    def hand_on_rest(self) -> None:
        """Give away what a stopped step has made and not yet handed on."""
        self._most = None
        for flow_file in list(self._open.values()):
            if flow_file not in self._queue and flow_file.getAttribute("idemflow.kind") is None:
                self.transfer(flow_file, SUCCESS)

    def get(self) -> FlowFile | None:
        return self._queue.pop() if self._queue else None

    def create(self, parent: FlowFile | None = None) -> FlowFile:
        self._stop_at_most()
        return self._new(b"", {} if parent is None else parent.attributes)

    def clone(self, flow_file: FlowFile) -> FlowFile:
        return self._new(self._contents.read(flow_file.number), flow_file.attributes)

    @contextmanager
    def read(self, flow_file: FlowFile) -> Iterator["_Readable"]:
        yield _Readable(self._contents.read(flow_file.number))

    @contextmanager
    def write(self, flow_file: FlowFile) -> Iterator[io.BytesIO]:
        stream = io.BytesIO()
        yield stream
        data = stream.getvalue()
        self._contents.write(flow_file.number, data)
        self._lines += data.count(b"\n") + 1

    def putAllAttributes(self, flow_file: FlowFile, attributes: Mapping[str, str]) -> FlowFile:  # noqa: N802
        return self._set(flow_file.number, flow_file.attributes | dict(attributes))

    def putAttribute(self, flow_file: FlowFile, name: str, value: str) -> FlowFile:  # noqa: N802
        return self.putAllAttributes(flow_file, {name: value})

    def removeAttribute(self, flow_file: FlowFile, name: str) -> FlowFile:  # noqa: N802
        left = {key: value for key, value in flow_file.attributes.items() if key != name}
        return self._set(flow_file.number, left)

    def remove(self, flow_files: FlowFile | Iterable[FlowFile]) -> None:
        for flow_file in [flow_files] if isinstance(flow_files, FlowFile) else flow_files:
            self._open.pop(flow_file.number)
            self._contents.drop(flow_file.number)

    def transfer(self, flow_files: FlowFile | Iterable[FlowFile], relationship: str) -> None:
        for one in [flow_files] if isinstance(flow_files, FlowFile) else list(flow_files):
            self._taken(self, self._open[one.number], relationship)
            self.remove(one)
        self._stop_at_most()

    def getState(self, scope: Any) -> SimpleNamespace:  # noqa: ARG002, N802
        return SimpleNamespace(toMap=lambda: dict(self._state))

    def setState(self, state: Mapping[str, str], scope: Any) -> None:  # noqa: ARG002, N802
        self._state = dict(state)

    def _stop_at_most(self) -> None:
        if self._most is not None and self._lines >= self._most:
            raise Enough

    def _new(self, content: bytes, attributes: Mapping[str, str]) -> FlowFile:
        self._number += 1
        self._contents.write(self._number, content)
        return self._set(self._number, {**attributes, "uuid": str(self._number)})

    def _set(self, number: int, attributes: Mapping[str, str]) -> FlowFile:
        self._open[number] = FlowFile(number, attributes, self._contents)
        return self._open[number]


class Context:
    """A processor's context: its properties."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        self._properties = properties

    def getProperty(self, name: str) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(getValue=lambda: self._properties.get(name))


class Log:
    """A processor's log: what a step warns of goes where idemflow's own warnings go."""

    def warn(self, message: str) -> None:
        _log.warning("%s", message)

    error = info = debug = warn


@contextmanager
def scopes() -> Iterator[None]:
    """What a step imports of Java, while it runs: the scopes of a state."""
    name = "org.apache.nifi.components.state"
    before = sys.modules.get(name)
    module = ModuleType(name)
    module.Scope = SimpleNamespace(LOCAL="LOCAL", CLUSTER="CLUSTER")  # type: ignore[attr-defined]
    sys.modules[name] = module
    try:
        yield
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before


class _Readable(io.BytesIO):
    """A content that is being read, as Java's InputStream is."""

    def readAllBytes(self) -> bytes:  # noqa: N802
        return self.read()

    def readNBytes(self, most: int) -> bytes:  # noqa: N802
        return self.read(most)


class _Contents:
    """Contents by number: in memory, and on disk what is too much for it."""

    def __init__(self) -> None:
        self._held: dict[int, bytes] = {}
        self._memory = 0
        self._places: dict[int, tuple[int, int]] = {}
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)

    def close(self) -> None:
        self._file.close()

    def size(self, number: int) -> int:
        return self._places[number][1] if number in self._places else len(self._held[number])

    def read(self, number: int) -> bytes:
        if number in self._held:
            return self._held[number]
        start, size = self._places[number]
        self._file.seek(start)
        return self._file.read(size)

    def write(self, number: int, data: bytes) -> None:
        self.drop(number)
        if self._memory + len(data) <= _MEMORY:
            self._held[number] = data
            self._memory += len(data)
            return
        start = self._file.seek(0, io.SEEK_END)
        self._file.write(data)
        self._places[number] = start, len(data)

    def drop(self, number: int) -> None:
        self._memory -= len(self._held.pop(number, b""))
        if self._places.pop(number, None) is not None and not self._places:
            self._file.truncate(0)

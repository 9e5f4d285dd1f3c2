"""NiFi's session as far as the steps use it, in plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Contents = dict[int, bytes]

SUCCESS = "success"
FAILURE = "failure"


class FlowFile:
    """Attributes of a FlowFile; as in NiFi it never changes, a change gives another."""

    def __init__(self, number: int, attributes: Mapping[str, str], content: Contents) -> None:
        self.number = number
        self.attributes = dict(attributes)
        self._content = content

    def getAttribute(self, name: str) -> str | None:  # noqa: N802
        return self.attributes.get(name)

    def getSize(self) -> int:  # noqa: N802
        return len(self._content[self.number])


class Stream:
    """A content that is being read or written."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self._at = 0

    def readAllBytes(self) -> bytes:  # noqa: N802
        return self.data

    def readNBytes(self, most: int) -> bytes:  # noqa: N802
        read = self.data[self._at : self._at + most]
        self._at += len(read)
        return read

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        self.data += data


class Session:
    """A session with queued FlowFiles, which keeps where each FlowFile went.

    Each FlowFile must be transferred or removed once, and only its latest form may be used.
    """

    def __init__(self, *queued: tuple[bytes, Mapping[str, str]]) -> None:
        self._content: Contents = {}
        self._reading: set[int] = set()
        self._latest: dict[int, FlowFile] = {}
        self._gone: dict[int, str] = {}
        self.penalized: set[int] = set()
        self._queue = [self._new(content, attributes) for content, attributes in queued]

    def _new(self, content: bytes, attributes: Mapping[str, str]) -> FlowFile:
        number = len(self._content)
        self._content[number] = content
        return self._set(number, {**attributes, "uuid": f"uuid-{number}"})

    def _set(self, number: int, attributes: Mapping[str, str]) -> FlowFile:
        for name, value in attributes.items():
            assert isinstance(name, str), name
            assert isinstance(value, str), (name, value)
            value.encode()
        self._latest[number] = FlowFile(number, attributes, self._content)
        return self._latest[number]

    def _known(self, flow_file: FlowFile) -> int:
        assert self._latest[flow_file.number] is flow_file, "not the latest form of this FlowFile"
        assert flow_file.number not in self._gone, "it was transferred or removed"
        assert flow_file.number not in self._reading, "its stream is still open"
        return flow_file.number

    def get(self, most: int | None = None) -> Any:
        if most is not None:
            taken, self._queue = self._queue[:most], self._queue[most:]
            return taken
        return self._queue.pop(0) if self._queue else None

    def create(self, parent: FlowFile | None = None) -> FlowFile:
        if parent is not None:
            self._known(parent)
        return self._new(b"", {} if parent is None else parent.attributes)

    def clone(self, flow_file: FlowFile) -> FlowFile:
        number = self._known(flow_file)
        return self._new(self._content[number], flow_file.attributes)

    @contextmanager
    def read(self, flow_file: FlowFile) -> Iterator[Stream]:
        number = self._known(flow_file)
        self._reading.add(number)
        yield Stream(self._content[number])
        self._reading.discard(number)

    @contextmanager
    def write(self, flow_file: FlowFile) -> Iterator[Stream]:
        number = self._known(flow_file)
        stream = Stream()
        yield stream
        self._content[number] = stream.data

    def putAllAttributes(  # noqa: N802
        self, flow_file: FlowFile, attributes: Mapping[str, str]
    ) -> FlowFile:
        return self._set(self._known(flow_file), flow_file.attributes | dict(attributes))

    def putAttribute(self, flow_file: FlowFile, name: str, value: str) -> FlowFile:  # noqa: N802
        return self.putAllAttributes(flow_file, {name: value})

    def removeAttribute(self, flow_file: FlowFile, name: str) -> FlowFile:  # noqa: N802
        left = {key: value for key, value in flow_file.attributes.items() if key != name}
        return self._set(self._known(flow_file), left)

    def penalize(self, flow_file: FlowFile) -> FlowFile:
        self.penalized.add(self._known(flow_file))
        return flow_file

    def remove(self, flow_file: FlowFile) -> None:
        self._gone[self._known(flow_file)] = ""

    def transfer(self, flow_files: FlowFile | Iterable[FlowFile], relationship: str) -> None:
        for flow_file in [flow_files] if isinstance(flow_files, FlowFile) else flow_files:
            self._gone[self._known(flow_file)] = relationship

    def at(self, relationship: str, kind: str | None = None) -> list[tuple[bytes, dict[str, str]]]:
        """Content and attributes of what went to a relationship: documents, or of one kind."""
        assert self._gone.keys() | {one.number for one in self._queue} == self._content.keys()
        return [
            (self._content[number], self._latest[number].attributes)
            for number, to in self._gone.items()
            if to == relationship and self._latest[number].getAttribute("idemflow.kind") == kind
        ]


class Context:
    """The properties of a processor."""

    def __init__(self, **properties: str) -> None:
        self._properties = properties

    def getProperty(self, name: str) -> Property:  # noqa: N802
        return Property(self._properties.get(name))


class Property:
    def __init__(self, value: str | None) -> None:
        self._value = value

    def getValue(self) -> str | None:  # noqa: N802
        return self._value

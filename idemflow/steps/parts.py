"""A FlowFile of JSON lines, in parts that memory can hold, and lines that are too long for that.

Runs inside NiFi: standard library only. Whatever the size of a FlowFile, a step holds one part of
it at a time.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

# Bytes of a part, or of one record if that is longer.
PART_BYTES = 8_000_000
# A longer record is a dead letter. Elasticsearch takes no request above 100 MB, its processor no
# text above 20 MB, and Java and Python each hold a record several times.
RECORD_BYTES = 20 << 20
# Bytes that a dead letter keeps of one.
KEPT_BYTES = 1_000_000


class Beginning(bytes):
    """How something begins of which not all can be kept.

    Attributes:
        digest: the SHA-256 of all of it, in hexadecimal digits: others may begin alike.
    """

    digest: str

    @classmethod
    def of(cls, data: bytes, digest: str) -> "Beginning":
        """The beginning that is given, of something with that digest."""
        made = cls(data)
        made.digest = digest
        return made


class Part(NamedTuple):
    """Whole lines of a FlowFile.

    Attributes:
        data: the lines, without the end of the last; a :class:`Beginning` of a line that is too
            long, which is alone in its part.
        lines: how many they are.
        reason: why a line that is too long is no record.
    """

    data: bytes
    lines: int
    reason: str = ""


def size_of(text: str) -> int:
    """The length of a text in UTF-8, in bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def too_large(what: str, size: int | None = None) -> str:
    """Why something that has so many bytes, if that is known, is no record."""
    longer = f"{what} is longer than {RECORD_BYTES >> 20} MB"
    return longer if size is None else f"{longer}: it has {size:,} bytes"


def only(kept: int) -> str:
    """What is to be said where not all of something is kept."""
    return f"; only its first {kept:,} bytes are kept here"


def parts(stream: Any) -> Iterator[Part]:
    """The parts of a FlowFile's content, in order; of an empty one there is one without lines.

    Args:
        stream: Java's InputStream of it.
    """
    read = _Reader(stream)
    read.fill(PART_BYTES)
    if not read.buffer:
        yield Part(b"", 0)
    while read.buffer:
        cut = read.end_of_lines()
        if cut < 0:
            read.fill(RECORD_BYTES + 1)
            cut = read.end_of_lines()
        if 0 <= cut <= RECORD_BYTES:
            data = read.buffer[:cut]
            read.buffer = read.buffer[cut + 1 :]
            yield Part(data, data.count(b"\n") + 1)
        else:
            yield read.over_the_line()
        read.fill(PART_BYTES)


class _Reader:
    """A content, of which a part is in memory."""

    def __init__(self, stream: Any) -> None:
        self.buffer = b""
        self._stream = stream
        self._ended = False

    def fill(self, size: int) -> None:
        """Have so many bytes in the buffer, unless the content ends before."""
        missing = size - len(self.buffer)
        if missing > 0 and not self._ended:
            data = bytes(self._stream.readNBytes(missing))
            self._ended = len(data) < missing
            self.buffer = self.buffer + data if self.buffer else data

    def end_of_lines(self) -> int:
        """Where the last line that fits a part ends, or else the first; -1 if none does yet."""
        size = len(self.buffer)
        if self._ended and size <= PART_BYTES:
            return size - self.buffer.endswith(b"\n")
        cut = self.buffer.rfind(b"\n", 0, PART_BYTES + 1)
        if cut < 0:
            cut = self.buffer.find(b"\n", PART_BYTES)
        return size if cut < 0 and self._ended else cut

    def over_the_line(self) -> Part:
        """Go over a line that is too long, and over its end."""
        head, size, digest = self.buffer[:KEPT_BYTES], 0, hashlib.sha256()
        while True:
            line, end, self.buffer = self.buffer.partition(b"\n")
            size += len(line)
            digest.update(line)
            if end or self._ended:
                reason = too_large("the record", size) + only(len(head))
                return Part(Beginning.of(head, digest.hexdigest()), 1, reason)
            self.fill(PART_BYTES)

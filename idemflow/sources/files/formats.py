"""Reads JSON lines and JSON, a record at a time, and says which ones cannot be used.

Runs inside NiFi: standard library only. Never holds more than a record and a block of the file in
memory, whatever the file's size.

A reader takes a stream of bytes and yields ``(position, content, reason)``: the line where the
record begins (in a JSON array: the number of the element), the record as a line of JSON and
``None``; or what stands in the file (text, or bytes that may be none; nothing where it is about the
whole file) and why it is no record. It raises what the stream raises.
"""

import codecs
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from idemflow.sources.files.outline import NoOutline, Outline
from idemflow.steps.nesting import TOO_DEEP
from idemflow.steps.parts import KEPT_BYTES, RECORD_BYTES, Beginning, only, size_of, too_large

BLOCK = 1 << 20
# A longer record is refused.
RECORD_LIMIT = RECORD_BYTES
# Bytes that are kept of something unusable.
KEPT = KEPT_BYTES

_BLANK = re.compile(r"[ \t\n\r]*")
_JSON_TYPES = {list: "an array", str: "a text", bool: "a boolean", type(None): "null"}

Record = tuple[int, Any, str | None]


class Unusable(Exception):
    """Why a record, or what is left of a file, cannot be used."""


class _TooMuch(Unusable):
    """An element could not be read within the limits.

    Attributes:
        deep: whether it is the depth that is too much.
    """

    def __init__(self, message: str, *, deep: bool = False) -> None:
        super().__init__(message)
        self.deep = deep


class _Unzipped(io.RawIOBase):
    """What is in a gzip file; damage is told after all that could be read before, and again."""

    def __init__(self, file: BinaryIO) -> None:
        self._gzip = gzip.GzipFile(fileobj=file)
        self._damage: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._damage is not None:
            raise self._damage
        try:
            data = self._gzip.read1(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self._damage = error
            raise
        buffer[: len(data)] = data
        return len(data)


def unzipped(file: BinaryIO) -> BinaryIO:
    """The content of a gzip file (of any number of members) as a stream.

    Its methods raise ``EOFError``, ``zlib.error`` or ``gzip.BadGzipFile`` where it is damaged.
    """
    return io.BufferedReader(_Unzipped(file), BLOCK)


@contextmanager
def decoded(stream: BinaryIO, encoding: str) -> Iterator[io.TextIOWrapper]:
    """A stream as text, line ends and all; the stream stays open.

    Bytes that are no characters become lone surrogates: only their record is unusable.
    """
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    text = io.TextIOWrapper(stream, encoding, "surrogateescape", newline="")
    try:
        yield text
    finally:
        text.detach()


def is_text(text: str) -> bool:
    """Whether all of a decoded text was characters."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_ndjson(stream: BinaryIO) -> Iterator[Record]:
    """Read JSON lines: UTF-8, blank lines skipped. Whether a line is JSON is left to Identify."""
    readline = stream.readline
    number = 0
    while line := readline(RECORD_LIMIT):
        number += 1
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if len(line) == RECORD_LIMIT and not line.endswith(b"\n"):
            size, digest = len(line), hashlib.sha256(line)
            while rest := readline(BLOCK):
                size += len(rest)
                digest.update(rest)
                if rest.endswith(b"\n"):
                    break
            reason = too_large(f"line {number}", size) + only(KEPT)
            yield number, Beginning.of(line[:KEPT], digest.hexdigest()), reason
            continue
        try:
            text = line.decode().strip(" \t\r\n")
        except UnicodeDecodeError as error:
            reason = f"line {number} is not UTF-8 at byte {error.start + 1}"
            yield number, *kept(line.strip(), reason)
            continue
        if text:
            yield number, text, None


def read_json(stream: BinaryIO) -> Iterator[Record]:
    """Read an array of objects in UTF-8, element by element; an object by itself is one record.

    After an element that is not JSON nothing tells where the next one begins: it is the last.
    """
    text = _JsonText(stream)
    number = 0
    first = text.peek()
    if not first:
        yield 1, "", "the file is empty: it has neither an array nor an object"
        return
    try:
        if first == "{":
            number = 1
            yield 1, *text.element("the object")
        elif first == "[":
            text.skip()
            while text.peek() != "]" or number:
                number += 1
                if not text.peek():
                    raise Unusable("the file ends before the array does")
                yield number, *text.element(f"element {number}")
                if text.peek() == "]":
                    break
                if text.peek() != ",":
                    what = text.peek() or "the end of the file"
                    raise Unusable(f"after element {number} there is {what!r}, not ',' or ']'")
                text.skip()
            text.skip()
        else:
            number = 1
            raise Unusable(f"the file begins with {first!r}, not with '[' or '{{'")
        if text.peek():
            number += 1
            raise Unusable(
                "there is more after the end of the JSON (for an object a line: format: ndjson)"
            )
    except Unusable as error:
        reason = f"line {text.line}: {error}; the rest of the file is not read"
        yield number, *kept(text.rest(), reason)


class _JsonText:
    """A JSON text that is read in blocks.

    Attributes:
        line: number of the line that has been reached.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._read = cast(io.BufferedReader, stream).read1
        self._characters = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._buffer = ""
        self._at = 0
        self._begun = b""
        # Only the ends of values are wanted; an int() of too many digits would be an error.
        self._decode = json.JSONDecoder(parse_int=float).raw_decode
        self.line = 1

    def peek(self) -> str:
        """The next character that is not blank; nothing at the end."""
        while True:
            match = _BLANK.match(self._buffer, self._at)
            if match is not None:
                self._advance(match.end())
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._grow():
                return ""

    def skip(self) -> None:
        """Go over the character that ``peek`` gave."""
        self._at += 1

    def rest(self) -> bytes:
        """What follows, as far as it has been read; or what was given up begins with."""
        rest = self._buffer[self._at : self._at + KEPT]
        return self._begun or rest.encode("utf-8", "surrogateescape")

    def element(self, name: str) -> tuple[str | bytes, str | None]:
        """Go over the next element: its text in one line, and why it is no record.

        Raises:
            Unusable: it is not JSON.
        """
        self.peek()
        line = self.line
        try:
            value, end = self._decoded(name)
        except _TooMuch as error:
            return self._over(f"{name} (line {line})", error)
        text = _in_one_line(self._buffer[self._at : end])
        self._advance(end)
        if not isinstance(value, dict):
            kind = _JSON_TYPES.get(type(value), "a number")
            raw = text.encode("utf-8", "surrogateescape")
            return kept(raw, f"{name} (line {line}) is {kind}, not an object")
        if not is_text(text):
            raw = text.encode("utf-8", "surrogateescape")
            return kept(raw, f"{name} (line {line}) is not UTF-8")
        if (size := size_of(text)) > RECORD_LIMIT:
            return kept(text.encode(), too_large(f"{name} (line {line})", size))
        return text, None

    def _over(self, what: str, error: _TooMuch) -> tuple[bytes, str]:
        """Go over an element that cannot be read: what is kept of it, and why it is no record.

        Raises:
            Unusable: it is not JSON.
        """
        outline, size, digest = Outline(), 0, hashlib.sha256()
        while True:
            try:
                end = outline.over(self._buffer, self._at)
            except NoOutline:
                raise error from None
            if outline.ended and not (size or error.deep):  # all is here, and could not be read
                raise error
            text = _in_one_line(self._buffer[self._at : end])
            data = text.encode("utf-8", "surrogateescape")
            self._begun += data[: KEPT - len(self._begun)]
            size += len(data)
            digest.update(data)
            self._advance(end)
            if outline.ended:
                break
            if not self._grow():
                raise error
        head, self._begun = self._begun, b""
        reason = too_large(what, size) if size > RECORD_LIMIT else f"{what} is {TOO_DEEP}"
        if size == len(head):
            return head, reason
        return Beginning.of(head, digest.hexdigest()), reason + only(len(head))

    def _decoded(self, name: str) -> tuple[object, int]:
        while True:
            problem = None
            try:
                value, end = self._decode(self._buffer, self._at)
                if end < len(self._buffer):  # else a number may go on
                    return value, end
            except json.JSONDecodeError as error:
                problem = f"{name} is not JSON: {error.msg}"
            except RecursionError:
                raise _TooMuch(f"{name} is {TOO_DEEP}", deep=True) from None
            if len(self._buffer) - self._at >= RECORD_LIMIT:
                raise _TooMuch(problem or too_large(name))
            if not self._grow():
                if problem is None:
                    return value, end
                raise Unusable(problem)

    def _advance(self, end: int) -> None:
        self.line += self._buffer.count("\n", self._at, end)
        self._at = end

    def _grow(self) -> bool:
        """Read a block; as much again as there is, so that a long element costs no square."""
        wanted = max(BLOCK, len(self._buffer) - self._at)
        parts: list[bytes] = []
        while wanted > 0:
            try:
                data = self._read(wanted)
            except (OSError, EOFError, zlib.error):
                if not parts:
                    raise
                break  # what precedes the damage comes first
            if not data:
                break
            parts.append(data)
            wanted -= len(data)
        text = self._characters.decode(b"".join(parts), final=not parts)
        self._buffer = self._buffer[self._at :] + text
        self._at = 0
        return bool(parts or text)


def _in_one_line(text: str) -> str:
    """A line break in JSON can only be white space: texts have it as \\n."""
    return text.replace("\n", " ").replace("\r", " ")


def kept(content: bytes, reason: str, most: int = KEPT) -> tuple[bytes, str]:
    """What a dead letter keeps of something, with a word on it where that is not all."""
    if len(content) <= most:
        return content, reason
    digest = hashlib.sha256(content).hexdigest()
    return Beginning.of(content[:most], digest), reason + only(most)

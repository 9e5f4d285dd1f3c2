"""Dead letters as a file to be fixed: NDJSON, one letter a line.

A line has ``letter`` (its id) and the record: ``record`` where it is a JSON object, ``text`` where
it is anything else. The other members tell a person what is wrong, and are not read back. The
record of a refused tombstone is the tombstone: sent as it is it deletes, and a record in its place
is sent instead. A record's text is taken over character by character, so that no number loses
digits on the way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from idemflow.dead_letters.store import Letter
from idemflow.errors import UsageError
from idemflow.steps.replay import as_line

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Mended:
    """A line of the file.

    Attributes:
        line: its number, from 1.
        letter: the letter's id.
        content: the record as it is to be sent.
    """

    line: int
    letter: str
    content: str


def write_line(letter: Letter, content: str) -> str:
    """A letter's line, without a line break."""
    head = {
        "letter": letter.id,
        "reason": letter.reason,
        "step": letter.step,
        "time": letter.time,
        "run": letter.run,
        "source": letter.source,
        "position": letter.position,
        "record_id": letter.record_id,
        "version": letter.version,
        "delete": letter.delete or None,
        "stage": letter.stage,
        "attempts": letter.attempts,
    }
    known = json.dumps(
        {name: value for name, value in head.items() if value is not None}, ensure_ascii=False
    )
    record = as_line(content)
    if record is None:
        return f'{known[:-1]}, "text": {json.dumps(content, ensure_ascii=False)}}}'
    return f'{known[:-1]}, "record": {record}}}'


def read(file: Path) -> Iterator[Mended]:
    """The lines of a file; blank ones are left out.

    Raises:
        UsageError: the file cannot be read, or a line is none of the above: with its number.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="\n") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield _parse(f"{file}:{number}", number, line)
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8: {error}") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def _parse(place: str, number: int, line: str) -> Mended:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise UsageError(f"{place}: not JSON: {error.msg} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: not JSON that can be read: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{place}: a {_type(found)}, not a JSON object")
    letter = found.get("letter")
    if not isinstance(letter, str) or not letter:
        raise UsageError(f"{place}: 'letter' must be the letter's id, as export wrote it")
    if ("record" in found) == ("text" in found):
        raise UsageError(f"{place}: needs 'record' (a JSON object) or 'text', one of both")
    if "text" in found:
        if not isinstance(found["text"], str):
            raise UsageError(f"{place}: 'text' is a {_type(found['text'])}, not text")
        return Mended(number, letter, found["text"])
    if not isinstance(found["record"], dict):
        raise UsageError(f"{place}: 'record' is a {_type(found['record'])}, not a JSON object")
    return Mended(number, letter, _member(line, "record"))


def _type(value: object) -> str:
    names: dict[type, str] = {list: "list", str: "text", bool: "boolean", dict: "JSON object"}
    return "null" if value is None else names.get(type(value), "number")


def _member(line: str, name: str) -> str:
    """The text of a member of the JSON object in a line that is known to be one."""
    found = ""
    place = _skip(line, _skip(line, 0) + 1)
    while line[place] != "}":
        key, place = _DECODER.raw_decode(line, place)
        start = _skip(line, _skip(line, place) + 1)  # behind the colon
        _, place = _DECODER.raw_decode(line, start)
        if key == name:  # of several, the last one counts, as for json.loads
            found = line[start:place]
        place = _skip(line, place)
        if line[place] == ",":
            place = _skip(line, place + 1)
    return found


def _skip(line: str, place: int) -> int:
    match = _SPACE.match(line, place)
    return match.end() if match else place

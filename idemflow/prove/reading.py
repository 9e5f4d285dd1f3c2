"""Reads the records of a pipeline's script without NiFi: what a process of its own runs.

It gets its task as JSON on standard input (see :class:`Task`), and writes a JSON object a line::

    {"given": 500, "entries": [[id, digest, version], ...], "refused": [position, ...],
     "dropped": 3}

and ``{"end": true}`` last. Digest and version are those of the manifest: the digest of a delete is
blank. It runs as NiFi's user, and with what NiFi's Python can import: the standard library, the
steps, and the installed packages.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any, NamedTuple, TextIO

from idemflow.steps.identify import sort
from idemflow.steps.parts import RECORD_BYTES, Part, size_of
from idemflow.steps.records import NoRecord, to_line

# Records that are transformed together: backwards, in the second reading.
_WINDOW = 500


class Task(NamedTuple):
    """What to read.

    Attributes:
        script: text of the source's script.
        function: its generator.
        arguments: the generator's keyword arguments.
        transform: text of the transform's script, and its function; ``None`` without one.
        identity: the rule of the Identify step.
        version: the same, or ``None``.
        delete: the same, or ``None``.
        backwards: whether records are transformed in another order: a transform that is no function
            of its record alone gives something else then.
    """

    script: str
    function: str
    arguments: dict[str, Any]
    transform: tuple[str, str] | None
    identity: dict[str, Any]
    version: dict[str, str] | None
    delete: dict[str, Any] | None
    backwards: bool


def read(task: Task) -> Iterator[dict[str, Any]]:
    """What a run would send, some records at a time."""
    generator = _function(task.script, task.function)
    transform = _function(*task.transform) if task.transform else None
    for lines, refused in _windows(generator(**task.arguments)):
        found: dict[str, Any] = {
            "given": len(lines) + len(refused),
            "entries": [],
            "refused": [str(position) for position in refused],
            "dropped": 0,
        }
        if lines:
            ordered = lines[::-1] if task.backwards else lines
            data = "\n".join(line for line, _ in ordered).encode()
            positions = iter([position for _, position in ordered])
            for result in sort(
                Part(data, len(ordered)), _endless(positions), transform, "document",
                identity=task.identity, version=task.version, delete=task.delete,
            ):  # fmt: skip
                found["entries"] += result.entries
                found["refused"] += [more["idemflow.position"] for _, more in result.refused]
                found["dropped"] += result.dropped
        yield found


def _endless(positions: Iterator[int]) -> Iterator[int | None]:
    yield from positions
    yield from repeat(None)


def _windows(records: Iterable[object]) -> Iterator[tuple[list[tuple[str, int]], list[int]]]:
    """Records as lines with their positions, and the positions of what is no record."""
    lines: list[tuple[str, int]] = []
    refused: list[int] = []
    for position, record in enumerate(records, start=1):
        try:
            line = to_line(record)
        except NoRecord:
            line = None
        if line is None or size_of(line) > RECORD_BYTES:
            refused.append(position)
        else:
            lines.append((line, position))
        if len(lines) + len(refused) == _WINDOW:
            yield lines, refused
            lines, refused = [], []
    if lines or refused:
        yield lines, refused


def _function(text: str, name: str) -> Callable[..., Any]:
    """A function of a script, which is run as NiFi's engine runs it."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "script", "exec"), names)
    found: Callable[..., Any] = names[name]
    return found


def main(given: TextIO, taken: TextIO) -> None:
    """Read a task and write what it gives."""
    for found in read(Task(**json.load(given))):
        taken.write(json.dumps(found) + "\n")
    taken.write('{"end": true}\n')
    taken.flush()


if __name__ == "__main__":
    # What the script prints is not to stand between the lines.
    own = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    main(sys.stdin, own)

"""Runs what makes documents: the last step of a source, the transform, identity.

Standard library and steps only. ``idemflow prove`` runs it in a process of its own, as NiFi's user
and with what NiFi's Python can import: it gets its task as JSON on standard input (see
:class:`Task`), and writes a JSON object a line::

    {"given": 500, "entries": [[id, digest, version], ...], "refused": [position, ...],
     "dropped": 3}

and ``{"end": true}`` last. Digest and version are those of the manifest: the digest of a delete is
blank.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TextIO

from idemflow.preview.session import FAILURE, SUCCESS, Context, Enough, FlowFile, Log, Session
from idemflow.preview.session import scopes as scopes_of_nifi
from idemflow.steps.chunk_result import ChunkResult
from idemflow.steps.identify import results
from idemflow.steps.rules.positions import decode, encode

Given = tuple[bytes, Mapping[str, str]]
"""Content and attributes of a FlowFile."""


class Script(NamedTuple):
    """A user's function.

    Attributes:
        text: of the script.
        file: its path, as errors name it.
        function: the function's name.
    """

    text: str
    file: str
    function: str


class Task(NamedTuple):
    """What to run.

    Attributes:
        body: the Script Body of the source's last step; ``None`` where what is given are records,
            as JSON lines.
        file: the path of the user's script in it, as errors name it.
        properties: of that step.
        transform: the user's function; ``None`` without one.
        identity: the rule of the Identify step.
        version: the same, or ``None``.
        delete: the same, or ``None``.
        most: how many records are wanted; ``None`` for all.
        backwards: whether records are transformed in another order: a transform that is no function
            of its record alone gives something else then.
    """

    body: str | None
    file: str
    properties: Mapping[str, str]
    transform: Script | None
    identity: Mapping[str, Any]
    version: Mapping[str, str] | None
    delete: Mapping[str, Any] | None
    most: int | None = None
    backwards: bool = False


@dataclass
class Seconds:
    """How long the steps took so far, in seconds."""

    source: float = 0.0
    transform: float = 0.0
    identity: float = 0.0


class Failed(Exception):
    """The source, or a script as a whole, fails.

    Attributes:
        file: the script, if it is one of the user's.
        line: the line in it.
    """

    def __init__(self, message: str, file: str = "", line: int | None = None) -> None:
        super().__init__(message)
        self.file = file
        self.line = line


def run(
    task: Task, given: Iterable[Given], take: Callable[[ChunkResult, str | None], None]
) -> Seconds:
    """Run it; what scripts print goes to standard error.

    Args:
        task: what to run.
        given: the FlowFiles that the source's last step takes one by one, such as a trigger.
        take: is told what became of some more records, and the file that they come from.

    Raises:
        Failed: the source gives no records.
    """
    with contextlib.redirect_stdout(sys.stderr), scopes_of_nifi():
        return _Run(task, take).all(given)


class _Run:
    def __init__(self, task: Task, take: Callable[[ChunkResult, str | None], None]) -> None:
        self._task = task
        self._take = take
        self._seconds = Seconds()
        self._identifying = self._told = 0.0
        self._left = task.most
        self._transform: Callable[[dict[str, Any]], object] | None = None
        if task.transform is not None:
            text, file, name = task.transform
            function = _names(text, file)[name]

            def timed(record: dict[str, Any]) -> object:
                began = time.perf_counter()
                try:
                    found = function(record)
                    # A generator does its work when it is asked for what it gives.
                    return [*found] if hasattr(found, "gi_frame") else found
                finally:
                    self._seconds.transform += time.perf_counter() - began

            self._transform = timed

    def all(self, given: Iterable[Given]) -> Seconds:
        began = time.perf_counter()
        for content, attributes in given:
            if self._left is not None and self._left <= 0:
                break
            session = Session(content, attributes, self._identify, self._left)
            try:
                self._collect(session)
            except Enough:
                session.hand_on_rest()
            finally:
                session.close()
        self._seconds.source = time.perf_counter() - began - self._identifying - self._told
        self._seconds.identity = self._identifying - self._seconds.transform
        return self._seconds

    def _collect(self, session: Session) -> None:
        task = self._task
        if task.body is None:
            records = session.get()
            assert records is not None
            session.transfer(records, SUCCESS)
            return
        context, log = Context(task.properties), Log()
        bound = {"session": session, "context": context, "log": log,
                 "REL_SUCCESS": SUCCESS, "REL_FAILURE": FAILURE}  # fmt: skip
        _names(task.body, task.file, bound)

    def _identify(self, session: Session, flow_file: FlowFile, relationship: str) -> None:
        if relationship != SUCCESS or flow_file.getAttribute("idemflow.kind") is not None:
            return
        began = time.perf_counter()
        task = self._task
        if task.backwards and flow_file.getAttribute("idemflow.reason") is None:
            flow_file = _backwards(session, flow_file)
        source = flow_file.getAttribute("idemflow.source")
        inside = 0.0
        positions = flow_file.getAttribute("idemflow.positions")
        for found in results(
            session, flow_file, positions or flow_file.getAttribute("idemflow.position"),
            self._transform,
            identity=task.identity, version=task.version, delete=task.delete,
        ):  # fmt: skip
            if self._left is not None:
                self._left -= found.taken
            if flow_file.getAttribute("idemflow.reason") is not None:
                # What becomes of it inherits its attributes, which have step, reason and place.
                found.refused = [
                    (text, flow_file.attributes | more) for text, more in found.refused
                ]
            told = time.perf_counter()
            self._take(found, source)
            inside += time.perf_counter() - told
        # What is done with the results is no step's.
        self._told += inside
        self._identifying += time.perf_counter() - began - inside


def _backwards(session: Session, flow_file: FlowFile) -> FlowFile:
    with session.read(flow_file) as stream:
        lines = stream.readAllBytes().split(b"\n")
    positions = decode(flow_file.getAttribute("idemflow.positions"), len(lines)) or ()
    with session.write(flow_file) as out:
        out.write(b"\n".join(lines[::-1]))
    return session.putAttribute(flow_file, "idemflow.positions", encode(positions[::-1]))


def _names(text: str, file: str, bound: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The names of a script, which is run as NiFi's engine runs it.

    Raises:
        Failed: it fails.
    """
    names: dict[str, Any] = {"__name__": "__main__", "__file__": file, **(bound or {})}
    try:
        exec(compile(text, file, "exec"), names)
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and error.code in (None, 0):
            return names  # to NiFi that is the end of the script
        line, at = None, error.__traceback__
        while at is not None:
            if at.tb_frame.f_code.co_filename == file:
                line = at.tb_lineno
            at = at.tb_next
        own = type(error).__module__ == "builtins" and type(error).__name__ == "CannotCollect"
        message = str(error) if own else f"{type(error).__name__}: {error}"
        raise Failed(message, "" if own else file, line) from error
    return names


def main(given: TextIO, taken: TextIO) -> None:
    """Read a task and write what it gives."""
    asked = json.load(given)
    script = asked["task"].pop("transform")
    task = Task(**asked["task"], transform=script and Script(*script))

    def take(found: ChunkResult, source: str | None) -> None:  # noqa: ARG001
        told = {
            "given": found.taken,
            "entries": found.entries,
            "refused": [more["idemflow.position"] for _, more in found.refused],
            "dropped": found.dropped,
        }
        taken.write(json.dumps(told) + "\n")

    run(task, [(b"", asked["attributes"])], take)
    taken.write('{"end": true}\n')
    taken.flush()


if __name__ == "__main__":
    # What the script prints is not to stand between the lines.
    own = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    main(sys.stdin, own)

"""The journal of a proof: plain JSON that any report can draw; docs/prove.md describes it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from idemflow.errors import UsageError
from idemflow.prove.judge import Outcome
from idemflow.security.owner import write_file

# Raised with each change that a reader of before would not understand.
FORMAT = 1
# A journal is not trusted to be small.
_MAX_BYTES = 64 << 20

Verdict = Literal["passed", "failed", "inconclusive"]


@dataclass(frozen=True)
class Event:
    """Something that was done or seen.

    Attributes:
        at: seconds since the try began.
        what: what, in words.
        kind: ``fault`` from its begin, ``mended`` at its end, ``done`` or ``seen``.
    """

    at: float
    what: str
    kind: Literal["fault", "mended", "done", "seen"] = "done"


@dataclass(frozen=True)
class Sample:
    """How far the pipeline was at a time.

    Attributes:
        at: seconds since the try began.
        queued: FlowFiles in its queues; ``None`` where NiFi did not answer.
        documents: documents in its index; ``None`` where Elasticsearch did not answer.
    """

    at: float
    queued: int | None
    documents: int | None


@dataclass(frozen=True)
class Try:
    """A method, applied once.

    Attributes:
        number: from 1.
        seed: of its random choices.
        verdict: ``inconclusive`` where what was to be done did not happen.
        why: the verdict in words.
        started: ISO 8601.
        seconds: how long it took.
        recovery: seconds from the fault until all records had come to their end; ``None`` without a
            fault.
        runs: the ids of its runs.
        outcome: what became of the records; ``None`` where it was not judged.
        verified: whether ``idemflow verify`` found the index to be what the runs sent.
        moment: whether the pipeline has a moment for the method that is long enough to be hit.
        events: what was done and seen, in its order.
        samples: how far the pipeline was meanwhile.
    """

    number: int
    seed: int
    verdict: Verdict
    why: str
    started: str
    seconds: float
    recovery: float | None = None
    runs: list[str] = field(default_factory=list)
    outcome: Outcome | None = None
    verified: bool | None = None
    moment: bool = True
    events: list[Event] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


@dataclass
class MethodResult:
    """A method and its tries.

    Attributes:
        name: its name on the command line.
        what: what it does, in words.
        tries: each of them.
    """

    name: str
    what: str
    tries: list[Try] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """Failed where a try did; passed where one did and none failed."""
        found = {one.verdict for one in self.tries}
        if "failed" in found:
            return "failed"
        return "passed" if "passed" in found else "inconclusive"

    def total(self, kind: str) -> int:
        """How many records of a kind all its tries have."""
        return sum(getattr(one.outcome, kind) for one in self.tries if one.outcome)

    @property
    def inconclusive(self) -> int:
        """How many tries say nothing."""
        return sum(one.verdict == "inconclusive" for one in self.tries)

    @property
    def possible(self) -> bool:
        """Whether the pipeline has a moment for it."""
        return self.verdict != "inconclusive" or any(one.moment for one in self.tries)

    @property
    def recovery(self) -> float | None:
        """The longest recovery, in seconds."""
        return max((one.recovery for one in self.tries if one.recovery is not None), default=None)


@dataclass
class SteadyState:
    """The pipeline when nothing is done to it.

    Attributes:
        problems: what is not steady, in words.
        quiet: quiet runs, each into an empty index.
    """

    problems: list[str] = field(default_factory=list)
    quiet: list[Try] = field(default_factory=list)


@dataclass
class Journal:
    """A proof.

    Attributes:
        format: :data:`FORMAT`.
        idemflow: the version that wrote it.
        pipeline: the pipeline's name.
        copy: the name of the copy that ran.
        command: the command that does the same again.
        seed: of all random choices.
        started: ISO 8601.
        seconds: how long it took.
        verdict: of all of it.
        why: the verdict in words.
        stopped: why it did not come to its end; empty where it did.
        environment: machine and servers.
        source: where it is known from what the source gives, and how much that is.
        before: the steady state before the first method.
        after: the steady state after the last one; ``None`` where it was not looked at, since
            something had failed or was stopped before.
        methods: what was done.
        not_tried: methods that were not, and why.
    """

    idemflow: str
    pipeline: str
    copy: str
    command: str
    seed: int
    started: str
    seconds: float = 0.0
    verdict: Verdict = "inconclusive"
    why: str = ""
    stopped: str = ""
    environment: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    before: SteadyState = field(default_factory=SteadyState)
    after: SteadyState | None = None
    methods: list[MethodResult] = field(default_factory=list)
    not_tried: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def conclude(self) -> None:
        """Say what all of it comes to."""
        states = [state for state in (self.before, self.after) if state]
        problems = [text for state in states for text in state.problems]
        by: dict[str, list[str]] = {"failed": [], "passed": [], "inconclusive": []}
        for one in self.methods:
            by[one.verdict].append(one.name)
        if problems:
            self.verdict, self.why = "failed", problems[0]
        elif self.stopped:
            self.verdict, self.why = "inconclusive", self.stopped
        elif by["failed"]:
            first = next(
                attempt
                for one in self.methods
                for attempt in one.tries
                if attempt.verdict == "failed"
            )
            self.verdict, self.why = "failed", f"{', '.join(by['failed'])}: {first.why}"
        elif by["inconclusive"] or not by["passed"] or self.after is None:
            what = ", ".join(by["inconclusive"]) or "the proof"
            self.verdict, self.why = "inconclusive", f"{what} did not come to pass"
        else:
            self.verdict, self.why = "passed", "nothing twice, nothing lost, nothing stale"


_JOURNAL = TypeAdapter(Journal)


def write(journal: Journal, file: Path) -> None:
    """Write a journal, 0600: it may name ids."""
    write_file(file, json.dumps(dataclasses.asdict(journal), indent=1, ensure_ascii=False) + "\n")


def read(file: Path) -> Journal:
    """Read a journal.

    Raises:
        UsageError: the file is none, or cannot be read.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", next_command="idemflow prove PIPELINE"
        ) from error
    try:
        if len(data) > _MAX_BYTES:
            raise ValueError("it is too long")
        journal = _JOURNAL.validate_json(data)
        if journal.format != FORMAT:
            raise ValueError(
                f"it has the format {journal.format}, and this idemflow reads {FORMAT}"
            )
    except (ValidationError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{file} is no journal of a proof: {_problem(error)}",
            next_command="idemflow prove PIPELINE writes one",
        ) from error
    return journal


def _problem(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    more = error.error_count() - 1
    told = f"{field}: {first['msg']}" if field else first["msg"]
    return f"{told} (and {more:,} more)" if more else told

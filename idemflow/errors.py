"""Every error that idemflow raises on purpose.

    IdemflowError                 exit 1   something went wrong; says what to run next
    ├── UsageError                exit 2   a value that the user gave cannot be used
    │   ├── SettingError                   a setting, from the environment or idemflow.toml
    │   ├── ChangedOnCanvas                what an operator did on the canvas would be lost
    │   └── PipelineError                  a pipeline's YAML or script (file, line, field)
    │       └── PipelineErrors             all that is wrong in them
    ├── SupplyError               exit 1   an artifact could not be downloaded
    ├── ServerError               exit 1   a server cannot be started or has died
    │   ├── PortTaken
    │   └── NotReady                       a wait reached its deadline
    ├── RuntimeNotUp              exit 3   there is no running NiFi or Elasticsearch to talk to
    ├── Unreachable               exit 3   a server that should run does not answer
    │   └── PointInTimeLost                it was restarted while a state of it was being read
    ├── LoginRefused              exit 4   a server answered 401 or 403
    ├── CanvasError               exit 1   NiFi refused a change
    ├── RequestRefused            exit 1   Elasticsearch refuses each request, whatever is in it
    ├── GitError                  exit 1   git fails, or is not installed
    ├── NotIdempotent             exit 5   duplicates, losses or different contents were found
    ├── Drift                     exit 6   the canvas differs from git or from the YAML
    ├── RecordsRefused            exit 7   more records became dead letters than may
    ├── NothingRead               exit 8   a source that should have records had none
    ├── RerunDiffers              exit 9   an audited flow is not known to be idempotent
    │   └── NotProved                      a proof came to no end: what it was to do did not happen
    ├── LeftToDo                  exit 10  a converted script has lines that a person must change
    └── Stopped                   exit 130 the user stopped a command; what it began goes on

Only the package ``cli`` turns them into text and exit codes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

STOPPED = 130
CRASHED = 70
# What the command's exit code says; docs/operating.md has the same table.
EXIT_CODES = {
    0: "done",
    1: "it failed; the message says why",
    2: "a value that was given cannot be used",
    3: "a server does not run or does not answer",
    4: "a server refused the login",
    5: "duplicates, losses or different contents",
    6: "the canvas differs from git or from the YAML",
    7: "more records became dead letters than --max-dead-letters or expect says",
    8: "nothing, or too little or too long ago, was read where something was expected",
    9: "a rerun of an audited flow would not leave the same, or an audit or a proof cannot tell",
    10: "a converted script has lines that are left to a person",
    CRASHED: "an error in idemflow itself",
    STOPPED: "stopped with Ctrl-C",
}


def meant(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for a name that is none of those that are known; often nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


class IdemflowError(Exception):
    """The base class: one sentence that names the cause, and the next command to run.

    Args:
        message: what went wrong, for a person; one or a few lines, no traceback.
        next_command: what to run or change next, if there is one.
    """

    exit_code = 1

    def __init__(self, message: str, *, next_command: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_command = next_command


class UsageError(IdemflowError):
    """A value that the user gave cannot be used."""

    exit_code = 2


class SettingError(UsageError):
    """A setting has a value that cannot be used.

    Args:
        name: the setting's name.
        message: what is wrong with the value and what is allowed.
    """

    def __init__(self, name: str, message: str, *, next_command: str | None = None) -> None:
        super().__init__(f"setting {name}: {message}", next_command=next_command)
        self.name = name


class PipelineError(UsageError):
    """A pipeline's YAML or script cannot be used.

    Args:
        file: the file as the user would name it.
        message: the cause and what is allowed.
        line: 1-based line, if known.
        field: dotted field name, if known.
    """

    def __init__(
        self,
        file: str,
        message: str,
        *,
        line: int | None = None,
        field: str | None = None,
        next_command: str | None = None,
    ) -> None:
        place = file if line is None else f"{file}:{line}"
        text = f"{place}: {field}: {message}" if field else f"{place}: {message}"
        super().__init__(text, next_command=next_command)
        self.file = file
        self.cause = message
        self.line = line
        self.field = field


class ChangedOnCanvas(UsageError):
    """What an operator did on the canvas, or another committed, would be lost."""


class PipelineErrors(PipelineError):
    """Several things are wrong in a pipeline's YAML and its scripts.

    Args:
        errors: two or more, in the files' order; the place is that of the first. Those of several
            files may be such themselves.
    """

    def __init__(self, errors: Sequence[PipelineError]) -> None:
        every: list[PipelineError] = []
        for one in errors:
            every += one.errors if isinstance(one, PipelineErrors) else (one,)
        first = every[0]
        super().__init__(first.file, "", line=first.line, field=first.field)
        self.errors: tuple[PipelineError, ...] = tuple(every)
        self.message = "\n".join([f"{len(every)} mistakes:", *(one.message for one in every)])
        self.args = (self.message,)


class SupplyError(IdemflowError):
    """An artifact of the embedded runtime could not be downloaded."""


class ServerError(IdemflowError):
    """A server cannot be started or has died; carries the tail of its log.

    Args:
        server: ``nifi`` or ``elasticsearch``.
        message: what happened.
        log_tail: the last lines of the server's log, if there are any.
    """

    def __init__(
        self,
        server: str,
        message: str,
        *,
        log_tail: str = "",
        next_command: str | None = None,
    ) -> None:
        super().__init__(message, next_command=next_command)
        self.server = server
        self.log_tail = log_tail


class PortTaken(ServerError):
    """Another program listens on a port that a server needs."""


class NotReady(ServerError):
    """A server did not become ready before the deadline."""


class RuntimeNotUp(IdemflowError):
    """There is no running NiFi or Elasticsearch to talk to."""

    exit_code = 3


class Unreachable(IdemflowError):
    """A server that should run does not answer."""

    exit_code = 3


class RequestRefused(IdemflowError):
    """Elasticsearch refuses each request of a step, whatever is in it: no outage, no bad data."""


class PointInTimeLost(Unreachable):
    """Elasticsearch was restarted, or away, and no longer keeps the state that is being read."""


class LoginRefused(IdemflowError):
    """A server answered 401 or 403."""

    exit_code = 4


class CanvasError(IdemflowError):
    """NiFi refused a change to the canvas.

    Args:
        message: what went wrong.
        status: the status of NiFi's answer, if it is one of HTTP.
    """

    def __init__(
        self, message: str, *, status: int | None = None, next_command: str | None = None
    ) -> None:
        super().__init__(message, next_command=next_command)
        self.status = status


class GitError(IdemflowError):
    """The program git failed, or is not installed."""


class NotIdempotent(IdemflowError):
    """Duplicates, losses or different contents were found."""

    exit_code = 5


class Drift(IdemflowError):
    """The canvas differs from git or from the YAML."""

    exit_code = 6


class RecordsRefused(IdemflowError):
    """More records became dead letters, or are it, than may."""

    exit_code = 7


class NothingRead(IdemflowError):
    """A source that should have records had none, or too few, or has had them too long ago."""

    exit_code = 8


class RerunDiffers(IdemflowError):
    """Running an audited flow twice would not leave the same, or that cannot be told."""

    exit_code = 9


class NotProved(RerunDiffers):
    """What a proof was to do to a pipeline did not happen, so that it says nothing."""


class LeftToDo(IdemflowError):
    """A converted script has lines that a person must change before it runs."""

    exit_code = 10


class Stopped(IdemflowError):
    """The user stopped a command; what it began goes on."""

    exit_code = STOPPED

"""What a command tells about itself: ``-v``, ``--log-file``, and the report of a crash."""

from __future__ import annotations

import contextlib
import logging
import platform
import sys
import tempfile
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

import idemflow
from idemflow.config import settings
from idemflow.config.masking import masked
from idemflow.config.paths import resources
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.security.owner import write_file
from idemflow.security.secrets import stored_secrets

# The second one tells of each request to NiFi and Elasticsearch: method, address and status.
_LOGGERS = ("idemflow", "urllib3.connectionpool")
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_KEPT = 200


class _Shown(logging.Handler):
    """Standard error, above progress bars."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self.console = console

    def filter(self, record: logging.LogRecord) -> bool:
        # A library's warning of a second attempt is for those who ask for requests.
        asked = record.name.startswith("idemflow") or self.level <= logging.DEBUG
        return asked and bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        self.console.print(self.format(record), markup=False)


class _Kept(logging.Handler):
    """The last lines, for the report of a crash."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class _Formatter(logging.Formatter):
    """Masks what looks like a secret."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class Call:
    """One call of the command line, and its log.

    Args:
        console: standard error.

    Attributes:
        options: the settings among the program's own options.
    """

    def __init__(self, console: Console) -> None:
        self.options: dict[str, Any] = {}
        self._shown, self._kept = _Shown(console), _Kept()
        self._handlers: list[logging.Handler] = []

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Takes part in logging for the time of the call."""
        before = {name: logging.getLogger(name).level for name in _LOGGERS}
        # Above urllib3's logger nipyapi has handlers of its own, which would print each request.
        requests = logging.getLogger(_LOGGERS[1])
        requests.propagate = False
        self._add(self._shown)
        self._add(self._kept)
        try:
            yield
        finally:
            requests.propagate = True
            for name, level in before.items():
                logging.getLogger(name).setLevel(level)
                for handler in self._handlers:
                    logging.getLogger(name).removeHandler(handler)
            for handler in self._handlers:
                handler.close()

    def _add(self, handler: logging.Handler) -> None:
        handler.setFormatter(_Formatter(_FORMAT))
        self._handlers.append(handler)
        for name in _LOGGERS:
            logging.getLogger(name).addHandler(handler)
            logging.getLogger(name).setLevel(logging.DEBUG)

    def show(self, verbosity: int) -> None:
        """Shows more: 1 what is done, 2 each request as well."""
        self._shown.setLevel(min(self._shown.level, _LEVELS[min(verbosity, 2)]))

    def write(self, file: Path) -> None:
        """Writes everything to a file, too; to its end if it is there.

        Raises:
            UsageError: the file cannot be written.
        """
        try:
            file.touch(0o600)
            self._add(logging.FileHandler(file, encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"--log-file: cannot write {file}: {error.strerror}") from error

    def report(self, error: BaseException, arguments: Sequence[str]) -> Path:
        """Writes what a person can send: where it crashed, in which versions, with what before.

        Args:
            error: the unexpected error.
            arguments: the command line.

        Returns:
            the file, 0600, with every secret masked.

        Raises:
            OSError: no file can be written.
        """
        chosen: Settings | None = None
        try:
            chosen = settings.resolve(self.options)
            shown = "\n".join(f"{name} = {value!r}" for name, value in chosen)
        except Exception as refused:  # it may be what crashed
            shown = str(refused)
        parts = {
            "command": f"idemflow {' '.join(arguments)}",
            "versions": _versions(),
            "settings": shown,
            "error": "".join(traceback.format_exception(error)),
            "log": "\n".join(self._kept.lines),
        }
        text = "\n\n".join(f"== {title}\n{part.rstrip()}" for title, part in parts.items())
        secrets = {*chosen.secrets(), *stored_secrets(chosen.folders.secrets)} if chosen else set()
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        content = masked(text) + "\n"
        if chosen:
            with contextlib.suppress(OSError):
                chosen.home.mkdir(parents=True, exist_ok=True)
                write_file(chosen.folders.crash_log, content)
                return chosen.folders.crash_log
        file = Path(tempfile.gettempdir(), "idemflow-crash.log")
        write_file(file, content)
        return file


def _versions() -> str:
    from idemflow.supply.artifacts import read_lock  # noqa: PLC0415 -- only after a crash

    lock = read_lock(resources() / "artifacts.toml")
    return (
        f"idemflow {idemflow.__version__}\nPython {sys.version}\n{platform.platform()}\n"
        f"embedded NiFi {lock.nifi_version}, Elasticsearch {lock.elasticsearch_version}"
    )


def options(*, hidden: bool = False) -> list[click.Option]:
    """The options ``-v`` and ``--log-file``, for the program and for each of its commands."""

    def show(context: click.Context, _: click.Parameter, verbosity: int) -> None:
        if verbosity:
            context.find_root().obj.show(verbosity)

    def write(context: click.Context, _: click.Parameter, file: Path | None) -> None:
        if file:
            context.find_root().obj.write(file)

    def option(flags: Sequence[str], callback: Callable[..., None], **extra: Any) -> click.Option:
        return click.Option(flags, callback=callback, expose_value=False, hidden=hidden, **extra)

    path = click.Path(dir_okay=False, path_type=Path)
    return [
        option(
            ["-v", "--verbose"], show, count=True, help="Say what is done; -vv: and each request."
        ),
        option(
            ["--log-file"], write, type=path, metavar="FILE", help="Keep the whole log in a file."
        ),
    ]

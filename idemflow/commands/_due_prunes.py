"""What a supervisor prunes: pipelines that NiFi runs by itself, where no command comes by.

``idemflow prune --due`` does it, in a process of its own. It may be broken off at any moment, as a
prune may; its memory and its clients go with it; and however long it waits for a server or for a
busy flow, the supervisor looks at its servers meanwhile.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from idemflow.config.settings import PREFIX, Settings
from idemflow.pipeline import files, spec, yaml_limits
from idemflow.servers.upkeep import END_SECONDS
from idemflow.servers.watching import Event
from idemflow.steps.rules.words import counted

# How often it is asked what is due: the files of the project may have been edited, and another
# command may have had its turn.
LOOK_SECONDS = 300.0
# Of what it says when it fails, so much is told, in characters.
_SHOWN = 2000
_COMMAND = (sys.executable, "-P", "-m", "idemflow", "prune", "--due", "--json")


class DuePrunes:
    """Prunes what is due: an :class:`~idemflow.servers.upkeep.Upkeep`.

    Args:
        settings: the resolved settings.
        command: what does it, and prints what it did as JSON.
    """

    def __init__(self, settings: Settings, command: Sequence[str] = _COMMAND) -> None:
        self._project, self._command = settings.project, command
        self._child: _Child | None = None
        self._at = float("-inf")  # when it is asked again
        self._wanted = True  # whether there was something to prune, so that it may have gone
        self._told: dict[str, str] = {}

    def look(self, now: float, *, well: bool) -> Sequence[Event]:
        """See :meth:`idemflow.servers.upkeep.Upkeep.look`."""
        if self._child is not None:
            if self._child.process.poll() is None:
                return []
            child, self._child = self._child, None
            return [*self._news(*child.result())]
        if not well:
            self._at = now  # once they are well again
        elif now >= self._at:
            self._at = now + LOOK_SECONDS
            before, self._wanted = self._wanted, _is_wanted(self._project)
            if before or self._wanted:
                return self._start()
        return []

    def end(self) -> None:
        """See :meth:`idemflow.servers.upkeep.Upkeep.end`."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def _start(self) -> Sequence[Event]:
        environment = {**os.environ, f"{PREFIX}PROJECT": str(self._project)}
        try:
            self._child = _Child(self._command, environment)
        except OSError as error:  # no process, no room for what it prints
            return [*self._news({}, f"idemflow prune cannot be started: {error}")]
        return []

    def _news(self, found: Mapping[str, Any], problem: str) -> Iterator[Event]:
        """What is told of a call; of what is wrong, only what was not told after the last one.

        Another version of idemflow may have been installed meanwhile, and print something else.
        """
        before, self._told = self._told, {}
        for one in found.get("pipelines", ()):
            name = one["pipeline"]
            if one.get("busy"):
                yield from self._wrong(before, name, "records are on their way", "idemflow status")
            else:
                yield Event("pruned", f"{name} is pruned: {_did(one)}", pipeline=name)
        for one in found.get("left", ()):
            yield from self._wrong(before, one["pipeline"], one["reason"], one["next_command"])
        if problem:
            reason, _, then = problem.partition("\nnext: ")
            yield from self._wrong(before, "", reason, then or "idemflow prune --due")

    def _wrong(
        self, before: Mapping[str, str], name: str, reason: str, next_command: str | None
    ) -> Iterator[Event]:
        self._told[name] = reason
        if before.get(name) != reason:
            text = f"{name or 'What is due'} is not pruned: {reason}"
            yield Event("unpruned", text, next_command=next_command, pipeline=name or None)


class _Child:
    """The command, at work. What it prints goes to files: nobody reads it before it has ended."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        with ExitStack() as opened:
            self._out, self._err = (opened.enter_context(TemporaryFile()) for _ in range(2))
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._out,
                stderr=self._err,
                # Ctrl-C on a terminal is for the supervisor, which ends it.
                start_new_session=True,
            )
            self._files = opened.pop_all()

    def result(self) -> tuple[Mapping[str, Any], str]:
        """What it printed as JSON; and what went wrong, where it printed none."""
        with self._files:
            out, err = _text(self._out), _text(self._err)
        try:
            return json.loads(out), ""
        except ValueError:
            said = err.rpartition("error: ")[2].strip()[-_SHOWN:]
            return {}, said or f"idemflow prune has ended with {self.process.returncode}"

    def end(self) -> None:
        """End it: as Ctrl-C does, or else by force."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._files.close()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _did(one: Mapping[str, Any]) -> str:
    """What was done to a pipeline, for a person."""
    counts = (
        (one.get("folded", 0), "run folded", "runs folded"),
        (one.get("forgotten", 0), "run forgotten", "runs forgotten"),
        (one.get("dead_letters", 0), "dead letter deleted", "dead letters deleted"),
        (len(one.get("indices", ())), "index deleted", "indices deleted"),
    )
    return ", ".join(counted(*count) for count in counts if count[0]) or "nothing had to go"


def _is_wanted(project: Path) -> bool:
    """Whether a file of a project may say ``prune.every``.

    To look for the words takes a thousandth of the time of the command, which reads the files.
    """
    return any(_may_say(project, name) for name in spec.names(project))


def _may_say(project: Path, name: str) -> bool:
    try:
        text = files.read_text(project, f"flows/{name}.yaml", yaml_limits.BYTES)
    except (OSError, ValueError):
        return True  # the command says what is wrong
    return "prune" in text and "every" in text

"""What the source of a pipeline gives, known from elsewhere than from what its runs say they sent.

A script is called in a process of its own, as NiFi's user, twice: in two processes with different
hashes, and the second time its records are transformed in another order. What differs then does not
come from the records alone. Of another source, the reference is what a quiet run left in an empty
index.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import IO, Any

from idemflow.config.paths import Home
from idemflow.config.settings import Settings
from idemflow.elasticsearch.spill import Row, Scratch, Spill
from idemflow.errors import PipelineError
from idemflow.pipeline.spec import Pipeline
from idemflow.preview import runner
from idemflow.prove import judge
from idemflow.security.owner import folder, place, servers_user
from idemflow.sources.source import Local
from idemflow.supply.packages import installed
from idemflow.supply.python_env import python_environment

_log = logging.getLogger(__name__)

# How long a source may take to give its records, in seconds.
READS_WITHIN = 900.0
_LINES_OF_ERROR = 3


@dataclass
class Reference:
    """What the source gives.

    Attributes:
        how: where that is known from, in words.
        given: how many records, or documents made of them.
        left_out: records that the transform makes nothing of.
        documents: all others.
        steady: what is wrong with the source itself, in words: nothing where it gives the same each
            time.
        contents: whether it gives the same contents each time, and not the same ids alone.
    """

    how: str
    rows: Spill = field(repr=False)
    given: int = 0
    left_out: int = 0
    documents: int = 0
    steady: list[str] = field(default_factory=list)
    contents: bool = True

    def all(self) -> Iterator[Row]:
        """The rows, for :func:`idemflow.prove.judge.judge`."""
        for part in self.rows.parts():
            yield from part


def of_script(settings: Settings, pipeline: Pipeline, room: Scratch) -> Reference | None:
    """Call the generator of a pipeline whose records come from one.

    Args:
        settings: the resolved settings.
        pipeline: the pipeline.
        room: for the ids.

    Returns:
        What it gives; ``None`` where no function alone gives the records.

    Raises:
        PipelineError: the function fails, or does not come to an end.
    """
    if pipeline.collect.generator is None:
        return None
    process = _process(settings)
    first, second = (
        _Reading(settings, pipeline, process, backwards=there) for there in (False, True)
    )
    reference = Reference("its function, called by the proof itself", room.spill())
    with room.apart() as apart:
        both = apart.spill()
        for number, reading in enumerate((first, second)):
            both.add((key, number, *more) for key, *more in reading.rows())
        _compare(both, reference)
    reference.given = first.given
    # What one reading left out alone is a document that is missing then.
    reference.left_out = max(0, first.given - reference.documents)
    return reference


def _compare(both: Spill, reference: Reference) -> None:
    """Put two readings into one, and say how they differ."""
    lonely, changed, named = 0, 0, ""
    for part in both.parts():
        readings: dict[str, tuple[list[Row], list[Row]]] = {}
        for key, number, kind, digest, version in part:
            readings.setdefault(key, ([], []))[number].append((key, kind, digest, version))
        reference.documents += reference.rows.add(
            row for one, other in readings.values() for row in one or other
        )
        for key, (one, other) in readings.items():
            if not (one and other):
                lonely += 1
                named = named or key.replace("\0", "record ")
            elif sorted(map(str, one)) != sorted(map(str, other)):
                changed += 1
    if lonely:
        reference.steady.append(
            f"called twice, the source gives other ids: {lonely:,} are in one reading alone, "
            f"such as {named!r}"
        )
    reference.contents = not changed


class _Reading:
    """One call of the source, in a process of its own.

    Attributes:
        given: records so far, or documents made of them.
        dropped: those of them that the transform made nothing of.
    """

    def __init__(
        self, settings: Settings, pipeline: Pipeline, process: Mapping[str, Any], *, backwards: bool
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._process = process
        self._backwards = backwards
        self.given = self.dropped = 0

    def rows(self) -> Iterator[Row]:
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                text=True, encoding="utf-8", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors, start_new_session=True, **self._process,
            )  # fmt: skip
            timer = Timer(READS_WITHIN, process.kill)
            timer.start()
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                with process.stdin as given:
                    json.dump(self._task(), given)
                ended = yield from self._rows(process.stdout)
                if process.wait() or not ended:
                    raise self._failed(errors)
            except BrokenPipeError:
                process.wait()
                raise self._failed(errors) from None
            finally:
                timer.cancel()
                process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        pipe.close()

    def _rows(self, lines: Iterable[str]) -> Generator[Row, None, bool]:
        for line in lines:
            some = json.loads(line)
            if some.get("end"):
                return True
            entries = [(key, digest, version) for key, digest, version in some["entries"]]
            refused = [judge.place(position) for position in some["refused"]]
            self.dropped += some["dropped"]
            self.given += len(entries) + len(refused) + some["dropped"]
            yield from judge.given(entries)
            yield from judge.refused(refused)
        return False

    def _task(self) -> Mapping[str, Any]:
        pipeline = self._pipeline
        made = runner.task(self._settings, pipeline, Local(), backwards=self._backwards)
        return {"task": made._asdict(), "attributes": runner.trigger(pipeline, {})}

    def _failed(self, errors: IO[bytes]) -> PipelineError:
        errors.seek(0)
        lines = errors.read()[-4000:].decode(errors="replace").strip().splitlines()
        said = "; ".join(line.strip() for line in lines[-_LINES_OF_ERROR:])
        call = self._pipeline.collect.generator
        return PipelineError(
            call.script if call else self._pipeline.name,
            f"cannot be read by the proof: {said or f'no end within {READS_WITHIN:.0f} s'}",
            next_command=f"idemflow run {self._pipeline.name} shows whether NiFi can",
        )


def _process(settings: Settings) -> Mapping[str, Any]:
    """What ``subprocess`` needs to start a process that reads, as the user that NiFi runs as."""
    owner = servers_user(settings.home, settings.run_as_user)
    home = Home(settings.folders.proofs)
    folder(home.root, 0o700 if owner.is_self else 0o711)
    python = python_environment(home, owner, installed(settings))
    executable = Path(sys.executable).resolve()
    if not owner.can_reach(executable):
        executable = folder(home.python / "bin", 0o755) / executable.name
        place(Path(sys.executable).resolve(), executable)
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(map(str, python.path)),
        "PYTHONHOME": str(python.prefix),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LD_LIBRARY_PATH": str(python.library.parent),
        **{name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ},
    }
    call = [executable, "-m", "idemflow.preview.reading"]
    return {"args": call, "env": environment, "cwd": "/", **owner.identity()}

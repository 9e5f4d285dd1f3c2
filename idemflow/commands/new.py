"""``idemflow new``: a pipeline from what the data are, with the reason for each proposal."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from idemflow.commands import _new_files as files
from idemflow.commands import _new_test
from idemflow.commands.init import ProjectFile
from idemflow.config import paths
from idemflow.config.settings import Settings
from idemflow.config.values import FILE
from idemflow.errors import UsageError, meant
from idemflow.pipeline import spec
from idemflow.profile import keys, state
from idemflow.profile.guess import Column, Found, Guess, Origin, Repeated
from idemflow.profile.keys import Keys
from idemflow.sources import registry
from idemflow.sources.fields import check_name

CONTENT = "content-hash"
NONE = "none"
# What a record must not be called at its top level: see docs/identity.md.
_RESERVED = ("_id", "_version", "_op", "idemflow_deleted")


@dataclass(frozen=True)
class Choices:
    """What is chosen in place of the proposals; ``None`` takes the proposal.

    Attributes:
        identity: fields, or :data:`CONTENT` alone.
        version: a field, or :data:`NONE`.
        index: the name of the index.
        mode: ``upsert`` or ``snapshot``.
    """

    identity: tuple[str, ...] | None = None
    version: str | None = None
    index: str | None = None
    mode: Literal["upsert", "snapshot"] | None = None


@dataclass(frozen=True)
class NewPipeline:
    """What was written.

    Attributes:
        pipeline: the pipeline's name.
        records: how many records were looked at.
        guesses: what was found or chosen, each with its reason.
        columns: the fields of the records.
        notes: what a person should know.
        files: the files of the project.
        before: what to run before the next command.
        next_command: the next command.
    """

    pipeline: str
    records: int
    guesses: tuple[Guess, ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    files: tuple[ProjectFile, ...]
    before: tuple[str, ...]
    next_command: str


@dataclass(frozen=True)
class Draft:
    """A pipeline that is not written yet.

    Attributes:
        settings: the resolved settings.
        name: the pipeline's name.
        found: what the data are.
        keys: what may make an id.
        notes: what a person should know.
    """

    settings: Settings
    name: str
    found: Found
    keys: Keys
    notes: tuple[str, ...]

    def guesses(self, choices: Choices) -> tuple[Guess, ...]:
        """What the pipeline would say, each with its reason.

        Raises:
            UsageError: a choice does not fit the data; says which records speak against it.
        """
        version = self._version(choices)
        identity = self._identity(choices, version)
        found = [*self.found.guesses, identity]
        if version is not None:
            found.append(version)
        elif self.found.versioned:
            why = f"no field tells; {self.found.versioned}"
            found.append(Guess("version", None, "likely", self._records, why))
        if gone := state.gone(self.found.data):
            found.append(gone)
        return (*found, self._mode(choices, identity), self._index(choices))

    def write(self, choices: Choices, *, test: bool = True) -> NewPipeline:
        """Write the pipeline's files.

        Args:
            choices: what is chosen.
            test: whether to write a golden test with a few of the records.

        Raises:
            UsageError: see :meth:`guesses`; or one of them is there.
        """
        guesses = self.guesses(choices)
        project = self.settings.project
        flow = f"flows/{self.name}.yaml"
        found = self.found
        if "snapshot" in (one.value for one in guesses if one.what == "mode"):
            # A snapshot needs all rows in each run.
            collect = {kind: {key: item for key, item in value.items() if key != "incremental"}
                       if isinstance(value, dict) else value
                       for kind, value in found.collect.items()}  # fmt: skip
            found = dataclasses.replace(found, collect=collect)
        texts = {flow: files.flow(self.name, found, guesses), **found.files}
        made = []
        for name in texts:
            _check_free(project / name)
        for name, text in texts.items():
            _write(project / name, text)
            made.append(ProjectFile(name, "made"))
        if self.found.settings:
            with (project / FILE).open("a", encoding="utf-8") as stream:
                stream.write(f"\n{self.found.settings}")
            made.append(ProjectFile(FILE, "added to"))
        pipeline, notes = spec.load(project, self.name), self.notes
        if test:
            of_test, note = _new_test.write(self._reaching(), pipeline)
            made += of_test
            notes = (*notes, note)
        return NewPipeline(
            self.name, self._records, guesses, tuple(self.found.data.columns), notes,
            tuple(made), self.found.before, f"idemflow run {self.name}",
        )  # fmt: skip

    def _reaching(self) -> Settings:
        """The settings as they are now; a password may have been given to this command alone."""
        found = {one.name: one for one in (*self.settings.databases, *self.found.databases)}
        return self.settings.model_copy(update={"databases": tuple(found.values())})

    @property
    def _records(self) -> int:
        return self.found.data.records

    def _identity(self, choices: Choices, version: Guess | None) -> Guess:
        chosen = choices.identity
        if chosen is None:
            if self.keys.best is not None:
                return self.keys.best
            why = (
                "no field, and no two or three together, differ in all records; of records that "
                "are alike in all fields one is kept"
            )
            return Guess("identity", (CONTENT,), "sure", self._records, why)
        if chosen == (CONTENT,):
            why = "as you said; a changed record is another document"
            return Guess("identity", chosen, "sure", self._records, why)
        for name in chosen:
            column = self._column("identity", name)
            if column.kind in ("boolean", "other") or column.spread:
                raise UsageError(
                    f"--identity {name}: it is {column.why}, and makes no id",
                    next_command=self._instead(),
                )
            if column.empty:
                raise UsageError(
                    f"--identity {name}: {column.empty:,} of {self._records:,} records have no "
                    "value there, and so would have no id",
                    next_command=self._instead(),
                )
        repeated = keys.prove(self.found.data, chosen)
        if not repeated:
            why = f"as you said; different in all {self._records:,} records"
            return Guess("identity", chosen, "sure", self._records, why)
        if choices.version in (None, NONE) or version is None:
            raise UsageError(
                f"--identity {' '.join(chosen)} does not tell all records apart: "
                f"{examples(repeated)}. Where these are states of one thing, name the field that "
                "says which is newer with --version",
                next_command=self._instead(),
            )
        why = f"as you said; {examples(repeated)}: the newest by {version.value[0]} counts"
        return Guess("identity", chosen, "likely", self._records, why)

    def _version(self, choices: Choices) -> Guess | None:
        if choices.version is None:
            return state.version(self.found.data)
        if choices.version == NONE:
            return None
        column = self._column("version", choices.version)
        if column.empty:
            raise UsageError(
                f"--version {column.name}: {column.empty:,} of {self._records:,} records have no "
                "value there, and would be dead letters"
            )
        integer = state.whole(column)
        if not integer and (column.kind != "date" or isinstance(column.mapping, dict)):
            raise UsageError(
                f"--version {column.name}: a version is an ISO 8601 date or a whole number that is "
                f"not negative; these are {column.why}"
            )
        kind = "integer" if integer else "timestamp"
        return Guess("version", (column.name, kind), "sure", self._records, "as you said")

    def _mode(self, choices: Choices, identity: Guess) -> Guess:
        if choices.mode is not None:
            return Guess("mode", choices.mode, "sure", self._records, "as you said")
        if identity.value == (CONTENT,):
            why = "a record that changes has another id: each run replaces what was there"
            return Guess("mode", "snapshot", "likely", self._records, why)
        if self.found.reads_again:
            why = "no field tells when a row changed: each run reads all, and what is gone goes"
            return Guess("mode", "snapshot", "likely", self._records, why)
        why = "a record writes its document, and leaves all others"
        return Guess("mode", "upsert", "likely", self._records, why)

    def _index(self, choices: Choices) -> Guess:
        why = "as you said" if choices.index else "the pipeline's name"
        return Guess("index", choices.index or self.name, "sure", 0, why)

    def _column(self, option: str, name: str) -> Column:
        column = self.found.data.column(name)
        if column is None:
            known = [one.name for one in self.found.data.columns]
            hint = meant(name, known) or f": {', '.join(known)[:500]}"
            raise UsageError(f"--{option} {name}: the records have no such field{hint}")
        return column

    def _instead(self) -> str:
        best = self.keys.best
        fields = " ".join(f"--identity {name}" for name in best.value) if best else ""
        return f"the same command with {fields or f'--identity {CONTENT}'}"


@contextmanager
def look(settings: Settings, origin: Origin) -> Iterator[Draft]:
    """Look at data that a pipeline is to be made of; the draft is good until the end.

    Args:
        settings: the resolved settings.
        origin: where they are, and the pipeline's name.

    Raises:
        UsageError: the pipeline is there, or the data cannot be read.
    """
    _check(settings, origin.pipeline)
    for kind in registry.kinds():
        looked = registry.load(kind).look(settings, origin)
        if looked is None:
            continue
        with looked as found:
            best = keys.find(found.data)
            yield Draft(settings, origin.pipeline, found, best, _notes(found, best))
            return
    raise UsageError(
        f"--from {origin.where}: neither a file (.csv, .tsv, .txt, .ndjson, .jsonl, .json, packed "
        "with .gz or not), a script (.py), nor a database (postgresql://..., or its name)",
        next_command="idemflow new --help",
    )


def script(name: str) -> Origin:
    """The beginning of a script, in place of data."""
    path = f"scripts/{name.replace('-', '_')}.py"
    return Origin(path, name, texts={path: files.script(name)})


def arguments(values: Iterable[str]) -> dict[str, bool | int | float | str]:
    """The arguments of a function, from ``NAME=VALUE`` each: true, false, a number or a text.

    Raises:
        UsageError: one has no such form.
    """
    found: dict[str, bool | int | float | str] = {}
    for item in values:
        name, equals, text = item.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--set {item!r} is not NAME=VALUE")
        found[name] = _scalar(text)
    return found


def _scalar(text: str) -> bool | int | float | str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) and text != "NaN" else text


def examples(repeated: Sequence[Repeated]) -> str:
    """Values that several records have, in words."""
    return ", ".join(
        f"{' '.join(str(value)[:60] for value in one.value)!r} is there {one.records:,} times"
        for one in repeated
    )


def _check(settings: Settings, name: str) -> None:
    try:
        check_name(name)
    except ValueError as error:
        raise UsageError(f"{name!r} cannot be the name of a pipeline: {error}") from None
    if not paths.is_project(settings.project):
        raise UsageError(
            f"there is no project in {settings.project}, nor in a folder above",
            next_command="idemflow init, then the same command again",
        )
    if spec.is_there(settings.project, name):
        raise UsageError(
            f"there is a pipeline {name!r} already: {settings.project / 'flows' / name}.yaml",
            next_command="another name; or delete that file",
        )


def _notes(found: Found, best: Keys) -> tuple[str, ...]:
    notes = list(found.notes)
    for key, repeated in best.against.items():
        verb = "are together" if len(key) > 1 else "is"
        notes.append(f"{', '.join(key)} {verb} no key: {examples(repeated)}")
    reserved = [one for one in _RESERVED if found.data.column(one)]
    if reserved:
        notes.append(
            f"{', '.join(reserved)}: no record may have a field of that name; rename it where it "
            "comes from, or in a transform (docs/pipelines.md)"
        )
    return tuple(notes)


def _check_free(file: Path) -> None:
    if os.path.lexists(file):
        raise UsageError(
            f"{file} is there already", next_command="another name; or delete that file"
        )


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8") as stream:
        stream.write(text)

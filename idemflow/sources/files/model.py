"""The YAML of the source ``files``: files in a directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from idemflow import servers
from idemflow.config.settings import Settings
from idemflow.drawing.boxes import Json
from idemflow.drawing.collect import Collect
from idemflow.drawing.parameters import Parameter
from idemflow.errors import PipelineError, UsageError
from idemflow.profile.guess import Found, Origin
from idemflow.sources.fields import Period, Strict, Text
from idemflow.sources.files import columns
from idemflow.sources.files.draw import COLLECT, DIRECTORY, draw
from idemflow.sources.files.sample import beginning
from idemflow.sources.source import Local, Source

TYPES = ("number", "integer", "boolean", "date")


def _type(value: str) -> str:
    if "%" in value:
        columns.check_format(value)
    elif value not in TYPES:
        raise ValueError(f'{", ".join(TYPES)}, or a format of dates such as "%d.%m.%Y"')
    return value


class Csv(Strict):
    """How a CSV file is written.

    Attributes:
        delimiter: what stands between two values.
        encoding: the character encoding, by Python's name.
        types: columns that are not text.
        decimal: what stands before the fraction of a number.
        thousands: what may stand between three digits of one.
        missing: what a column with a type has where there is no value, beside nothing at all.
    """

    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    types: dict[str, Annotated[str, AfterValidator(_type)]] = Field(default_factory=dict)
    decimal: Literal[".", ","] = "."
    thousands: Literal[".", ",", "'", "\u2019", " ", "\u00a0", "\u202f"] | None = None
    missing: list[Text] = Field(default_factory=list)

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.thousands == self.decimal:
            raise ValueError("decimal and thousands are two different characters")
        return self

    def options(self) -> dict[str, Any]:
        """The arguments of ``read_csv``; what is not given is left out, where a read of before
        has left it out, too: else all files would be read anew."""
        return self.model_dump(exclude_defaults=True) | self.model_dump(
            include={"delimiter", "encoding", "types"}
        )

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError("a character encoding such as utf-8 or latin-1") from None
        return value


class Files(Strict):
    """Files in a directory.

    Attributes:
        directory: where they are, absolute or relative to the project.
        pattern: which of them, as a glob pattern below the directory.
        format: what is in them; ``json`` is an array of objects.
        quiet: how long a file must not have changed before it is read.
        newer_wins: whether, without a version field, the newer of two files with the same record
            wins, whenever each arrives; else the record that is sent last does.
        csv: details of CSV.
    """

    directory: Text
    pattern: Text = "*"
    format: Literal["csv", "ndjson", "json"]
    quiet: Period = "5 s"
    newer_wins: bool = True
    csv: Csv = Field(default_factory=Csv)

    @field_validator("pattern")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError('a pattern below the directory, such as "*.csv" or "**/*.json"')
        return value


class FilesSource(Source):
    """Records from files in a directory."""

    steps = (COLLECT,)

    files: Files

    @classmethod
    def look(cls, settings: Settings, origin: Origin) -> AbstractContextManager[Found] | None:
        from idemflow.sources.files import look  # noqa: PLC0415 (slow to import)

        return look.look(settings, origin) if look.reads(origin.where) else None

    @property
    def summary(self) -> str:
        return f"Reads {self.files.pattern} in {self.files.directory}."

    @property
    def versions(self) -> bool:
        return self.files.newer_wins

    @property
    def remembers(self) -> bool:
        return True

    def dataset(self, settings: Settings) -> tuple[str, str] | None:
        return "file", str(settings.project / self.files.directory)

    def draw(self, collect: Collect, script: str | None) -> tuple[Json, Json]:  # noqa: ARG002
        return draw(self.files, collect)

    def local(
        self,
        settings: Settings,
        records: int,  # noqa: ARG002
        sample: Path | None = None,
    ) -> Local:
        directory = sample or settings.project / self.files.directory
        # A person who looks does not wait: what is still being written is read as it is.
        return Local({"directory": str(directory), "quiet": "0"})

    def sample(self, settings: Settings, records: int) -> tuple[str, bytes]:
        directory = settings.project / self.files.directory
        file = next(
            (one for one in sorted(directory.glob(self.files.pattern)) if one.is_file()), None
        )
        if file is None:
            raise UsageError(f"{directory} has no file {self.files.pattern}")
        content = beginning(file, self.files.format, self.files.csv.options(), records)
        if content is None:
            raise UsageError(f"the first record of {file.name} is longer than 64 KB")
        return file.relative_to(directory).as_posix(), content

    def problems(self, settings: Settings, pipeline: str) -> Iterator[PipelineError]:
        try:
            self.parameters(settings, pipeline)
        except PipelineError as error:
            yield error

    def parameters(self, settings: Settings, pipeline: str) -> list[Parameter]:
        directory = settings.project / self.files.directory
        servers.check_readable(settings, pipeline, directory, field="collect.files.directory")
        return [Parameter(DIRECTORY, str(directory), "Where the files are, as NiFi sees it")]

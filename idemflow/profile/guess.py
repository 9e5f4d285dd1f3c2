"""What was found out of data: values, not side effects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from idemflow.config.database_settings import ConfiguredDatabase

Confidence = Literal["sure", "likely", "possible"]
Kind = Literal["integer", "number", "boolean", "date", "text", "other"]


@dataclass(frozen=True)
class Guess:
    """Something that data do not say of themselves.

    Attributes:
        what: what it is of, such as ``identity`` or ``delimiter``.
        value: what is guessed.
        confidence: ``sure`` where all the data or their owner say so, ``likely`` where a name does
            as well, ``possible`` where nothing speaks against it.
        records: how many records it is founded on.
        why: the reason, in a few words.
    """

    what: str
    value: Any
    confidence: Confidence
    records: int
    why: str


@dataclass(frozen=True)
class Column:
    """A field of the records.

    Attributes:
        name: its name; dots lead into objects.
        kind: what all of its values are.
        mapping: its type in an index, or full mapping.
        why: the reason for kind and mapping.
        form: of a date that is not ISO 8601, its format as ``strptime`` has it.
        timed: of a date, whether it has a time.
        empty: records without a value.
        distinct: about how many different values there are.
        average: the average length of a value, in characters.
        spread: whether it is in a list, so that a record may have several.
    """

    name: str
    kind: Kind
    mapping: str | dict[str, Any]
    why: str
    form: str | None = None
    timed: bool = False
    empty: int = 0
    distinct: int = 0
    average: float = 0.0
    spread: bool = False


@dataclass(frozen=True)
class Repeated:
    """A value of a key that several records have.

    Attributes:
        value: the values of its fields.
        records: how many records have it.
    """

    value: tuple[Any, ...]
    records: int


class Data(ABC):
    """Records that can be asked, all of them.

    Attributes:
        columns: their fields.
        records: how many there are.
        declared: keys that the data's owner vouches for, such as a primary key.
    """

    columns: Sequence[Column]
    records: int
    declared: Sequence[tuple[str, ...]] = ()

    @abstractmethod
    def distinct(self, keys: Sequence[tuple[str, ...]]) -> list[int]:
        """About how many different values keys of one or several fields have."""

    @abstractmethod
    def repeated(self, key: tuple[str, ...]) -> list[Repeated]:
        """Two values of a key that several records have; none if each record has its own."""

    def column(self, name: str) -> Column | None:
        """A field by its name."""
        return next((one for one in self.columns if one.name == name), None)


@dataclass(frozen=True)
class Origin:
    """Where data are that a pipeline is to be made of.

    Attributes:
        where: a file, the address of a database, or its name in ``idemflow.toml``.
        pipeline: the name of the pipeline.
        table: of a database.
        delimiter, encoding: of CSV, where they are known.
        function: of a script, where it has several.
        arguments: the function's arguments.
        texts: the texts of files that are not written yet, by their names in the project.
    """

    where: str
    pipeline: str
    table: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    function: str | None = None
    arguments: dict[str, bool | int | float | str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What a look at data gives: how a pipeline collects them, and what is in them.

    Attributes:
        collect: the value of ``collect:``.
        data: the records.
        guesses: how they are read, with reasons.
        notes: what a person should know.
        reads_again: whether each run reads all records, and so sees what is gone.
        versioned: whether the source gives records a version of its own, and how, in words.
        settings: lines to add to ``idemflow.toml``.
        databases: what these lines say, with the password that was given.
        before: commands to run before the first run.
        files: further files of the project by their names, such as a script.
    """

    collect: dict[str, Any]
    data: Data
    guesses: tuple[Guess, ...] = ()
    notes: tuple[str, ...] = ()
    reads_again: bool = False
    versioned: str | None = None
    settings: str = ""
    databases: tuple[ConfiguredDatabase, ...] = ()
    before: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)

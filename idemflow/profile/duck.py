"""Files as data: DuckDB reads them, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from idemflow.errors import UsageError
from idemflow.profile.guess import Column, Data, Repeated

MEMORY = "512MB"
# A record is as long as one may be that a pipeline takes, at most.
RECORD_BYTES = 20 << 20


@contextmanager
def connection(memory: str = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own, which holds no more than so much; what is more goes to disk.

    Raises:
        UsageError: DuckDB refuses something; says why.
    """
    with TemporaryDirectory(prefix="idemflow-profile-") as folder:
        opened = duckdb.connect(
            config={
                "memory_limit": memory,
                "threads": 2,
                "temp_directory": folder,
                # A file's name is never taken for something to install.
                "autoinstall_known_extensions": "false",
                "preserve_insertion_order": "false",
            }
        )
        try:
            yield opened
        except duckdb.Error as error:
            first = str(error).split("\n", 1)[0]
            raise UsageError(f"the data cannot be read: {first}") from error
        finally:
            opened.close()


def literal(text: object) -> str:
    """A text in SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def name(text: str) -> str:
    """A name in SQL."""
    return '"' + text.replace('"', '""') + '"'


@dataclass
class DuckData(Data):
    """The records of a relation.

    Attributes:
        db: the connection.
        relation: what stands behind FROM.
        values: the SQL of each field's value, by its name.
    """

    db: duckdb.DuckDBPyConnection
    relation: str
    values: dict[str, str]
    columns: Sequence[Column]
    records: int
    declared: Sequence[tuple[str, ...]] = ()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.db.execute(sql).fetchall()

    def distinct(self, keys: Sequence[tuple[str, ...]]) -> list[int]:
        wanted = ", ".join(f"approx_count_distinct({self._key(key)})" for key in keys)
        return [*self.ask(f"SELECT {wanted} FROM {self.relation}")[0]] if keys else []

    def repeated(self, key: tuple[str, ...]) -> list[Repeated]:
        # Equal values have equal hashes, which need little memory however long the values are.
        value = self._key(key)
        hashes = self.ask(
            f"SELECT h FROM (SELECT hash({value}) h FROM {self.relation}) "
            "GROUP BY h HAVING count(*) > 1 LIMIT 100"
        )
        if not hashes:
            return []
        among = ", ".join(str(found) for (found,) in hashes)
        rows = self.ask(
            f"SELECT {', '.join(self.values[field] for field in key)}, count(*) "
            f"FROM {self.relation} WHERE hash({value}) IN ({among}) "
            "GROUP BY ALL HAVING count(*) > 1 LIMIT 2"
        )
        return [Repeated(row[:-1], row[-1]) for row in rows]

    def _key(self, key: tuple[str, ...]) -> str:
        values = [self.values[field] for field in key]
        return values[0] if len(values) == 1 else f"row({', '.join(values)})"


def text_file(path: Path) -> str:
    """A file's name for DuckDB's readers; a name is no pattern.

    Raises:
        UsageError: there is no such file, or it cannot be read.
    """
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    plain = "".join(f"[{c}]" if c in "*?[" else c for c in str(path.absolute()))
    return literal(plain)

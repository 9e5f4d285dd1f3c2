"""A look at a table of PostgreSQL, for ``idemflow new``: its columns, its keys, how it changes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from idemflow.config import databases, registry
from idemflow.config.database_settings import ConfiguredDatabase
from idemflow.config.pip import pip
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.profile import state
from idemflow.profile.guess import Column, Data, Found, Origin, Repeated
from idemflow.profile.mapping import share

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgresql://", "postgres://")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_TABLE = re.compile(r'[A-Za-z_"][A-Za-z0-9_."$ -]*').fullmatch
# What a JDBC address takes of a libpq one, under the same name.
_SHARED = ("sslmode", "sslrootcert", "sslcert", "sslkey", "options")
_INTEGERS = {"smallint", "integer", "bigint"}
_NUMBERS = {"numeric", "real", "double precision"}
_AS_TEXT = {"text", "character varying", "character", "uuid", "inet", "cidr", "interval", "citext"}
_JSON = {"type": "text", "index": False}


@dataclass
class TableData(Data):
    """The rows of a table."""

    db: psycopg.Connection[Any]
    table: str
    columns: Sequence[Column]
    records: int
    declared: Sequence[tuple[str, ...]]

    def distinct(self, keys: Sequence[tuple[str, ...]]) -> list[int]:
        return [
            self.db.execute(
                f"SELECT count(*) FROM (SELECT DISTINCT {_names(key)} FROM {self.table}) found"
            ).fetchall()[0][0]
            for key in keys
        ]

    def repeated(self, key: tuple[str, ...]) -> list[Repeated]:
        rows = self.db.execute(
            f"SELECT {_names(key)}, count(*) FROM {self.table} GROUP BY {_names(key)} "
            "HAVING count(*) > 1 LIMIT 2"
        ).fetchall()
        return [Repeated(row[:-1], row[-1]) for row in rows]


def reads(settings: Settings, where: str) -> bool:
    """Whether that is the address of a database, or the name of one."""
    known = {*registry.found("databases"), *(one.name for one in settings.databases)}
    return where.startswith(SCHEMES) or where in known


@contextmanager
def look(settings: Settings, origin: Origin) -> Iterator[Found]:
    """Look at all of a table.

    Yields:
        What is there; the rows can be asked until the end.

    Raises:
        UsageError: the database cannot be reached, or has no such table.
    """
    target = _target(settings, origin.where)
    with _connected(target) as db:
        configured = _configured(target, db)
        found = _table(db, origin.table)
        columns, expressions = _columns(db, found)
        row = db.execute(
            f"SELECT count(*), {', '.join(expressions.measured)} FROM {found}"
        ).fetchall()[0]
        records = int(row[0])
        filled = [_filled(one, row[1 + 2 * at : 3 + 2 * at], records)
                  for at, one in enumerate(columns)]  # fmt: skip
        data = TableData(db, found, filled, records, _keys(db, found))
        if not data.declared:
            _distinct(data)
        sql: dict[str, Any] = {"database": target.name}
        if expressions.query:
            sql["query"] = "SELECT\n" + ",\n".join(expressions.query) + f"\nFROM {found}"
        else:
            sql["table"] = found
        changed = state.version(data)
        if changed and changed.value[1] == "timestamp" and _PLAIN(changed.value[0]):
            sql["incremental"] = {
                "column": changed.value[0], "type": "timestamp", "overlap": "5 min",
            }  # fmt: skip
        yield Found(
            {"sql": sql}, data, notes=tuple(expressions.notes),
            reads_again="incremental" not in sql,
            settings=configured.settings, databases=configured.databases,
            before=configured.before,
        )  # fmt: skip


@dataclass(frozen=True)
class _Target:
    """A database: for psycopg, and as ``idemflow.toml`` names it."""

    name: str
    login: dict[str, Any]
    new_url: str | None = None
    """Its JDBC address, where ``idemflow.toml`` lacks it."""
    known: ConfiguredDatabase | None = None
    """Its table of ``idemflow.toml``."""


@dataclass(frozen=True)
class _Configured:
    """What ``idemflow.toml`` gets, which databases there are with it, and what to do before."""

    settings: str = ""
    databases: tuple[ConfiguredDatabase, ...] = ()
    before: tuple[str, ...] = ()


def _target(settings: Settings, where: str) -> _Target:
    if not where.startswith(SCHEMES):
        known = databases.database(settings, where)
        parts = urlsplit(known.url.removeprefix("jdbc:"))
        if parts.scheme != databases.POSTGRESQL:
            raise UsageError(
                f"{where} is no PostgreSQL: idemflow looks at tables of PostgreSQL only",
                next_command="write flows/NAME.yaml by hand: docs/databases.md has an example",
            )
        login = _login(parts.hostname, parts.port, parts.path, parts.query)
        return _Target(where, {**login, "user": known.username, "password": known.password})
    try:
        parts = urlsplit(where)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"the address of the database cannot be read: {error}") from None
    query = dict(parse_qsl(parts.query))
    dbname = unquote(parts.path.removeprefix("/"))
    if not dbname:
        raise UsageError(
            "the address names no database",
            next_command="idemflow new NAME --from postgresql://user@host:5432/database --table T",
        )
    user = unquote(parts.username or query.get("user", "")) or None
    password = unquote(parts.password or query.get("password", "")) or None
    shared = urlencode({key: query[key] for key in _SHARED if key in query})
    host = parts.hostname or "localhost"
    shown = f"[{host}]" if ":" in host else host
    url = f"jdbc:postgresql://{shown}{f':{port}' if port else ''}/{quote(dbname)}"
    url += f"?{shared}" if shared else ""
    name, there = _name(settings, dbname, url)
    login = {**_login(host, port, parts.path, parts.query), "user": user, "password": password}
    return _Target(name, login, url if there is None else None, there)


def _configured(target: _Target, db: psycopg.Connection[Any]) -> _Configured:
    """How NiFi is let in where psycopg was, which takes a login from the address, from variables
    such as ``PGPASSWORD`` and from ``~/.pgpass``."""
    user = db.info.user
    if target.new_url is None:
        if target.known is None or not db.pgconn.used_password:
            return _Configured()
        lacks = target.known.password_env if target.known.password is None else None
        # The password may have been given to this command alone, which reads the table once more.
        given = replace(target.known, username=user, password=db.info.password)
        return _Configured(databases=(given,), before=(_needed(lacks, user),) if lacks else ())
    lines = [f"[databases.{target.name}]", f'url = "{target.new_url}"', f'username = "{user}"']
    if not db.pgconn.used_password:
        found = ConfiguredDatabase(target.name, target.new_url, user)
        return _Configured("\n".join(lines) + "\n", (found,))
    variable = re.sub(r"\W", "_", target.name).upper() + "_PASSWORD"
    lines.append(f'password_env = "{variable}"')
    found = ConfiguredDatabase(
        target.name, target.new_url, user, variable, password=db.info.password
    )
    return _Configured("\n".join(lines) + "\n", (found,), (_needed(variable, user),))


def _needed(variable: str, user: str) -> str:
    return f"export {variable}=...   # the password of {user}"


def _login(host: str | None, port: int | None, path: str, query: str) -> dict[str, Any]:
    given = dict(parse_qsl(query))
    kept = {key: given[key] for key in _SHARED if key in given}
    return {"host": host, "port": port, "dbname": unquote(path.removeprefix("/")), **kept}


def _name(settings: Settings, dbname: str, url: str) -> tuple[str, ConfiguredDatabase | None]:
    """A name for the database, and its table of ``idemflow.toml`` where that has it already."""
    there: dict[str, ConfiguredDatabase] = {one.name: one for one in settings.databases}
    for name, one in there.items():
        if one.url == url:
            return name, one
    base = re.sub(r"[^a-z0-9_-]+", "-", dbname.lower()).strip("-_")[:60]
    base = base if base[:1].isalpha() else f"db-{base}".rstrip("-")
    taken = {*there, "demo"}
    names = (base, *(f"{base}-{number}" for number in range(2, 100)))
    return next(one for one in names if one not in taken), None


@contextmanager
def _connected(target: _Target) -> Iterator[psycopg.Connection[Any]]:
    try:
        import psycopg  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise UsageError(
            "to look at a table, idemflow needs psycopg",
            next_command=pip("install 'idemflow[postgresql]'"),
        ) from error
    login = {key: value for key, value in target.login.items() if value is not None}
    try:
        with psycopg.connect(**login, connect_timeout=10) as db:
            db.read_only = True
            db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            yield db
    except psycopg.Error as error:
        text = " ".join(str(error).split())
        password = target.login.get("password")
        text = text.replace(password, "***") if password else text
        raise UsageError(f"the database {target.name} cannot be read: {text}") from None


def _table(db: psycopg.Connection[Any], table: str | None) -> str:
    """The table's name, as the server writes it."""
    if table is not None and _TABLE(table):
        found = db.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE oid = to_regclass(%s) "
            "AND relkind IN ('r', 'p', 'v', 'm', 'f')", [table],
        ).fetchall()  # fmt: skip
        if found:
            return str(found[0][0])
    tables = [
        name for (name,) in db.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE relkind IN ('r', 'p', 'v', 'm') AND nspname NOT IN "
            "('pg_catalog', 'information_schema') ORDER BY 1 LIMIT 30"
        ).fetchall()
    ]  # fmt: skip
    close = difflib.get_close_matches(table or "", tables, n=1)
    known = f"it has {', '.join(tables)}" if tables else "it has none that this user sees"
    what = "name a table of the database" if table is None else f"there is no table {table!r}"
    raise UsageError(
        f"{what}: {known}",
        next_command=f"the same command with --table {(close or tables)[0]}" if tables else None,
    )


@dataclass
class _Expressions:
    """What is asked of the columns, and the query that NiFi is to send where it needs one."""

    measured: list[str]
    query: list[str]
    notes: list[str]


def _columns(db: psycopg.Connection[Any], table: str) -> tuple[list[Column], _Expressions]:
    rows = db.execute(
        "SELECT attname, format_type(atttypid, NULL), t.typtype FROM pg_attribute a "
        "JOIN pg_type t ON t.oid = atttypid WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped ORDER BY attnum", [table],
    ).fetchall()  # fmt: skip
    columns, measured, query, helped = [], [], [], []
    for name, kind, sort in rows:
        base = kind.partition("(")[0].strip()
        what, mapping, why, expression = _type(base, sort)
        quoted = f'"{name.replace(chr(34), chr(34) * 2)}"'
        value = expression.format(quoted)
        field = name if _PLAIN(name) else re.sub(r"\W", "_", name, flags=re.ASCII)
        field = field if _PLAIN(field) else f"_{field}"
        if value != quoted or field != name:
            helped.append(name)
            query.append(f'{value} AS "{field}"')
        else:
            query.append(quoted)
        length = f"avg(length({quoted}::text))" if what == "text" else "NULL"
        measured += [f"count({quoted})", length]
        columns.append(Column(field, what, mapping, why, timed=base.startswith("timestamp")))
    notes = [f"the query changes {', '.join(helped)}: NiFi cannot read these as they are"]
    return columns, _Expressions(measured, query if helped else [], notes if helped else [])


def _type(base: str, sort: str) -> tuple[Any, str | dict[str, Any], str, str]:  # noqa: PLR0911
    """Of a type: what it is, its mapping, why, and the SQL of its value."""
    if base in _INTEGERS:
        return "integer", "long", base, "{}"
    if base in _NUMBERS:
        return "number", "double", base, "{}"
    if base == "boolean":
        return "boolean", "boolean", base, "{}"
    if base == "date" or base.startswith("timestamp"):
        return "date", "date", base, "{}"
    if base in _AS_TEXT or base.startswith("time") or sort == "e":
        return "text", "keyword", base if sort != "e" else f"{base}, an enum", "{}"
    if base in ("json", "jsonb"):
        return "other", _JSON, "JSON comes as a text; a transform can read it", "{}"
    if base in ("smallint[]", "integer[]", "bigint[]"):
        return "other", "long", f"{base}: a list", "{}"
    if base.endswith("[]"):
        return "other", _JSON, f"{base}: as the text of a JSON list", "to_jsonb({})::text"
    if base == "money":
        return "number", "double", "money, as a number", "{}::numeric"
    if base == "bytea":
        return "other", "binary", "bytes, as base64", "encode({}, 'base64')"
    return "text", "keyword", f"{base}, as a text", "{}::text"


def _filled(column: Column, row: Sequence[Any], records: int) -> Column:
    empty, average = records - row[0], float(row[1] or 0)
    mapping = "text" if column.mapping == "keyword" and average > 64 else column.mapping
    why = column.why + share(empty, records)
    return replace(column, empty=empty, average=average, mapping=mapping, why=why)


def _keys(db: psycopg.Connection[Any], table: str) -> list[tuple[str, ...]]:
    """The primary key, and unique keys without null; the primary one first."""
    rows = db.execute(
        "SELECT array_agg(attname ORDER BY ord)::text[], bool_and(attnotnull) FROM pg_index, "
        "unnest(indkey) WITH ORDINALITY AS k(num, ord), pg_attribute a "
        "WHERE indrelid = %s::regclass AND indisunique AND indisvalid AND indpred IS NULL "
        "AND indexprs IS NULL AND ord <= indnkeyatts AND attrelid = indrelid AND attnum = num "
        "GROUP BY indexrelid, indisprimary ORDER BY indisprimary DESC", [table],
    ).fetchall()  # fmt: skip
    return [tuple(names) for names, filled in rows if filled and all(map(_PLAIN, names))]


def _distinct(data: TableData) -> None:
    fit = [one for one in data.columns if one.kind in ("integer", "text", "date") and not one.empty]
    counts = iter(data.distinct([(one.name,) for one in fit if _PLAIN(one.name)]))
    data.columns = [replace(one, distinct=next(counts)) if one in fit else one
                    for one in data.columns]  # fmt: skip


def _names(key: tuple[str, ...]) -> str:
    return ", ".join('"' + one.replace('"', '""') + '"' for one in key)

"""The demo database's orders: made once from a seed, then changed batch by batch.

Faker makes pools of customers, products and notes, and each order draws from them: a Faker call an
order would take a quarter of an hour for a million. The same seed makes the same orders.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, LiteralString

from idemflow.demo.postgresql import scram
from idemflow.demo.server import DATABASE, Login, connect
from idemflow.errors import UsageError
from idemflow.steps.rules.words import counted
from idemflow.supply.progress import Progress

if TYPE_CHECKING:
    from faker import Faker
    from psycopg import Connection

CUSTOMERS, PRODUCTS, NOTES = 5_000, 500, 300
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "JPY")
STATUSES = ("open", "paid", "packed", "shipped", "delivered", "cancelled")
FIRST = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
YEAR, MONTH = datetime.timedelta(days=365), datetime.timedelta(days=30)
BLOCK = 10_000
MAX_ORDERS = 100_000_000

_TABLE = """
create table orders (
    id         bigint primary key,
    customer   text not null,
    email      text not null,
    product    text not null,
    quantity   integer not null,
    price      numeric(10, 2) not null,
    currency   text not null,
    status     text not null,
    note       text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted    boolean not null default false
)
"""
_CHANGE = """
update orders set status = new.status, quantity = new.quantity, updated_at = now()
from unnest(%s::bigint[], %s::text[], %s::integer[]) as new(id, status, quantity)
where orders.id = new.id
"""
_DELETE = "update orders set deleted = true, updated_at = now() where id = any(%s)"

Order = tuple[object, ...]
"""A row: the values of the table's columns, in their order."""


@dataclass(frozen=True)
class Batch:
    """What a batch of changes did.

    Attributes:
        number: its number, from 1.
        updated: orders that got another status and quantity.
        inserted: new orders.
        deleted: orders that were marked as deleted.
        at: the ``updated_at`` of them all.
    """

    number: int
    updated: int
    inserted: int
    deleted: int
    at: datetime.datetime


@dataclass(frozen=True)
class Counts:
    """How many orders there are, and how many of them are marked as deleted."""

    orders: int
    deleted: int


class Pools:
    """Names, addresses, products and notes that orders draw from.

    Args:
        seed: the seed of Faker's chance.
    """

    def __init__(self, seed: int) -> None:
        from faker import Faker  # noqa: PLC0415 -- slow to import, and only new orders need it

        fake = Faker()
        fake.seed_instance(seed)
        names = [fake.name() for _ in range(CUSTOMERS)]
        self.customers = [(name, _email(name, n, fake)) for n, name in enumerate(names)]
        self.products = [
            (fake.catch_phrase(), Decimal(fake.random_int(100, 50_000)) / 100)
            for _ in range(PRODUCTS)
        ]
        written = [fake.sentence() for _ in range(NOTES)]
        self.notes = [*written, *[None] * (2 * NOTES)]

    def orders(self, ids: range, chance: random.Random) -> Iterator[Order]:
        """Orders of the year 2024, each changed within 30 days."""
        step = YEAR / max(len(ids), 1)
        for start in range(0, len(ids), BLOCK):
            block = ids[start : start + BLOCK]
            created = [FIRST + step * (start + n + chance.random()) for n in range(len(block))]
            updated = [at + MONTH * chance.random() for at in created]
            yield from self.at(block, created, updated, chance)

    def at(
        self,
        ids: range,
        created: Sequence[datetime.datetime],
        updated: Sequence[datetime.datetime],
        chance: random.Random,
    ) -> Iterator[Order]:
        """Orders of these times."""
        count = len(ids)
        columns = zip(
            ids,
            chance.choices(self.customers, k=count),
            chance.choices(self.products, k=count),
            chance.choices(range(1, 10), k=count),
            chance.choices(CURRENCIES, k=count),
            chance.choices(STATUSES, k=count),
            chance.choices(self.notes, k=count),
            created,
            updated,
            strict=True,
        )
        for key, (customer, email), (product, price), quantity, *rest in columns:
            yield (key, customer, email, product, quantity, price, *rest, False)


def _email(name: str, number: int, fake: Faker) -> str:
    local = "".join(c for c in name.lower().replace(" ", ".") if c.isalnum() or c == ".")
    return f"{local.strip('.')}.{number}@{fake.safe_domain_name()}"


def fill(owner: Login, reader: Login, count: int, seed: int, progress: Progress) -> bool:
    """Makes the database, the login that may only read, and the orders.

    Args:
        owner: the login that does it.
        reader: the login to make.
        count: how many orders.
        seed: of their chance.

    Returns:
        ``False`` where they are there already.
    """
    with connect(owner, database="postgres") as connection:
        connection.autocommit = True  # a database cannot be made within a transaction
        query = "select 1 from pg_database where datname = %s"
        if not connection.execute(query, (DATABASE,)).fetchone():
            connection.execute(f"create database {DATABASE}")
    # One transaction: a start that was interrupted leaves nothing half made.
    with connect(owner) as connection:
        if _one(connection, "select to_regclass('public.orders') is not null")[0]:
            return False
        progress.step(f"Making {counted(count, 'order')}")
        _make_reader(connection, reader)
        connection.execute(_TABLE)
        insert(connection, "orders", count, seed)
        connection.execute("create index on orders (updated_at)")
        connection.execute("create sequence changes")
    with connect(owner) as connection:
        connection.autocommit = True
        connection.execute("vacuum (analyze) orders")
    return True


def insert(connection: Connection, table: LiteralString, count: int, seed: int) -> None:
    """Copies new orders, from the id 1, into an empty table like ``orders``."""
    with connection.cursor().copy(f"copy {table} from stdin") as copy:
        for order in Pools(seed).orders(range(1, count + 1), random.Random(seed)):
            copy.write_row(order)


def _make_reader(connection: Connection, reader: Login) -> None:
    found = connection.execute("select 1 from pg_roles where rolname = %s", (reader.username,))
    verb = "alter" if found.fetchone() else "create"
    # A statement that fails is logged: it holds the password's hash, never the password.
    hashed = scram(reader.username, reader.password)
    connection.execute(f"{verb} role {reader.username} login password '{hashed}'".encode())
    connection.execute(
        f"alter default privileges grant select on tables to {reader.username}".encode()
    )


def counts(owner: Login) -> Counts:
    """How many orders there are."""
    with connect(owner) as connection:
        query: LiteralString = "select count(*), count(*) filter (where deleted) from orders"
        return Counts(*_one(connection, query))


def change(owner: Login, *, updates: int, inserts: int, deletes: int, seed: int) -> Batch:
    """Changes orders in one transaction, so that all get the same ``updated_at``.

    The n-th batch of a seed is the same for the same orders. No order is updated and deleted in
    one batch, and a deleted one is left alone.

    Args:
        owner: the login that does it.
        updates: how many get another status and quantity.
        inserts: how many are new.
        deletes: how many are marked as deleted.
        seed: of the batch's chance.

    Raises:
        UsageError: fewer orders are left than are to be updated and deleted.
    """
    with connect(owner) as connection:
        # Two batches at a time would choose from the same orders.
        connection.execute("lock table orders in share row exclusive mode")
        number, at = _one(connection, "select nextval('changes'), now()")
        (live,) = _one(connection, "select array_agg(id order by id) from orders where not deleted")
        (last,) = _one(connection, "select coalesce(max(id), 0) from orders")
        live = live or []
        if updates + deletes > len(live):
            raise UsageError(
                f"{updates} updates and {deletes} deletes need {updates + deletes:,} orders, and "
                f"only {len(live):,} are not deleted",
                next_command="idemflow demo-db change --updates N --deletes N, with less",
            )
        chance = random.Random(f"{seed} {number}")
        chosen = chance.sample(live, updates + deletes)
        updated, deleted = chosen[:updates], chosen[updates:]
        statuses = [chance.choice(STATUSES) for _ in updated]
        quantities = [chance.randint(1, 9) for _ in updated]
        connection.execute(_CHANGE, (updated, statuses, quantities))
        connection.execute(_DELETE, (deleted,))
        if inserts:
            pools = Pools(seed)
            with connection.cursor().copy("copy orders from stdin") as copy:
                ids, times = range(last + 1, last + inserts + 1), [at] * inserts
                for order in pools.at(ids, times, times, chance):
                    copy.write_row(order)
    return Batch(number, len(updated), inserts, len(deleted), at)


def _one(connection: Connection, query: LiteralString) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None  # none of these queries can give no row
    return row

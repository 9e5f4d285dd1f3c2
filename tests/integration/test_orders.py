"""The pipeline ``orders``: rows of a real PostgreSQL that change while they are read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from idemflow.canvas import client, control, monitoring, process_groups
from idemflow.demo.server import Login, owner
from idemflow.sources.sql.draw import READ
from tests.integration.tools import (
    ROOT,
    UNJUDGED,
    Idemflow,
    Project,
    is_as_previewed,
    kill,
    wait_until,
)
from tests.integration.watched import Source

pytestmark = pytest.mark.timeout(300)

TABLE = """
create table {name} (
  id bigint primary key, value text, changed timestamptz, local timestamp, amount numeric,
  extra jsonb, gone boolean not null default false
)
"""


@pytest.fixture(scope="module")
def database(idemflow: Idemflow) -> Iterator[psycopg.Connection]:
    """The demo database, as its owner."""
    # Another test may have made it, with other orders.
    idemflow.ok("demo-db", "stop", "--delete")
    idemflow.ok("demo-db", "start", "--orders", "500")
    with connected(owner(idemflow.settings())) as connection:
        yield connection


def connected(login: Login) -> psycopg.Connection:
    """Another connection to the demo database, each statement a transaction of its own."""
    return psycopg.connect(
        host="127.0.0.1", port=login.port, user=login.username, password=login.password,
        dbname="demo", autocommit=True,
    )  # fmt: skip


class Rows:
    """A table of its own, and the pipeline that reads it."""

    def __init__(
        self, idemflow: Idemflow, project: Project, database: psycopg.Connection, name: str
    ) -> None:
        self.name, self.database = name, database
        self.command = idemflow.inside(project.path)
        self.ledger = idemflow.ledger()
        database.execute(TABLE.format(name=name))
        (project.path / "flows").mkdir(exist_ok=True)
        self.file = project.path / f"flows/{name}.yaml"
        self.file.write_text(
            f"pipeline: {name}\n"
            "collect:\n"
            "  sql:\n"
            "    database: demo\n"
            f"    table: {name}\n"
            "    incremental: {column: changed, overlap: 10 s}\n"
            "identity: id\n"
            "version: changed\n"
            "delete: gone\n"
            f"index: {{name: {name}}}\n"
            "load: {retry_after: 1 s}\n"
        )

    def put(self, *ids: int, changed: str, **more: Any) -> None:
        """Insert or update rows."""
        columns = {"value": "x", **more}
        names = ", ".join(columns)
        self.database.cursor().executemany(
            f"insert into {self.name} (id, changed, {names}) values "
            f"(%s, %s, {', '.join(['%s'] * len(columns))}) on conflict (id) do update set "
            f"(changed, {names}) = (excluded.changed, "
            + ", ".join(f"excluded.{name}" for name in columns)
            + ")",
            [(number, changed, *columns.values()) for number in ids],
        )

    def change(self, old: str, new: str) -> None:
        """Change the YAML, and the canvas with it."""
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))
        self.command.ok("deploy", self.name)

    def remembered(self) -> dict[str, str]:
        """What the next read goes by."""
        (state,) = self.command.json("source", "show", self.name)["states"]
        return dict(state["entries"])

    def run(self) -> dict[str, Any]:
        (report,) = self.command.json("run", self.name, *UNJUDGED)["runs"]
        assert (report["lost"], report["duplicates"]) == (0, 0)
        return dict(report)

    def documents(self) -> dict[str, dict[str, Any]]:
        return dict(self.ledger.documents(self.name))

    def check(self) -> None:
        assert self.command.json("verify", self.name)["equal"] is True


@pytest.fixture
def rows(
    request: pytest.FixtureRequest,
    idemflow: Idemflow,
    project: Project,
    database: psycopg.Connection,
) -> Rows:
    """A pipeline with a table of its own."""
    name = request.node.name.removeprefix("test_")[:40]
    return Rows(idemflow, project, database, name)


def test_orders_that_change_over_time(
    idemflow: Idemflow, project: Project, database: psycopg.Connection
) -> None:
    """The shipped pipeline: load, change, load what changed, and the index is what the table is."""
    shutil.copytree(ROOT / "flows", project.path / "flows")
    shutil.copytree(ROOT / "scripts", project.path / "scripts")
    command = idemflow.inside(project.path)
    (orders,) = database.execute("select count(*) from orders where not deleted").fetchone() or (0,)
    for number in range(3):
        (report,) = command.json("run", "orders")["runs"]
        assert (report["lost"], report["duplicates"], report["dead_letters"]) == (0, 0, 0)
        assert report["created"] == (orders, 20, 20)[number]
        if number == 0:
            assert is_as_previewed(command, "orders", "orders")
        if number:
            assert report["sent"] < orders
        wanted = database.execute(
            "select id, price, updated_at from orders where not deleted"
        ).fetchall()
        found = dict(idemflow.ledger().documents("orders"))
        assert {(key, float(doc["price"])) for key, doc in found.items()} == {
            (str(key), float(price)) for key, price, _ in wanted
        }
        assert command.json("verify", "orders")["equal"] is True
        command.ok("demo-db", "change")


def test_rows_of_one_timestamp_and_late_commits(rows: Rows) -> None:
    at = "2026-05-01T12:00:00.123456Z"
    rows.put(1, 2, changed=at)
    assert rows.run()["created"] == 2
    # Committed later, with the very same timestamp, and with one a little earlier.
    rows.put(3, changed=at)
    rows.put(4, changed="2026-05-01T11:59:51Z")
    rows.put(5, changed="2026-05-01T11:00:00Z")
    report = rows.run()
    assert report["created"] == 2
    assert sorted(rows.documents()) == ["1", "2", "3", "4"]
    # What is older than the overlap comes with a reset, and that is harmless.
    rows.command.ok("source", "reset", rows.name)
    assert rows.run()["created"] == 1
    assert len(rows.documents()) == 5
    rows.check()


def test_an_id_that_is_committed_late(idemflow: Idemflow, rows: Rows) -> None:
    """Two transactions, of which the first to take an id is the last to commit."""
    rows.change("{column: changed, overlap: 10 s}", "{column: id, type: integer}")
    late = f"insert into {rows.name} (id, changed) values (%s, now())"
    with connected(owner(idemflow.settings())) as slow, slow.transaction():
        slow.execute(late, [100])
        rows.put(101, changed="2026-05-01T12:00:00Z")
        assert rows.run()["created"] == 1
    assert rows.run()["created"] == 1
    assert sorted(rows.documents()) == ["100", "101"]
    # The limit: while it was open, more ids were given out than the overlap has.
    with connected(owner(idemflow.settings())) as slow, slow.transaction():
        slow.execute(late, [102])
        rows.put(10_103, changed="2026-05-01T12:00:00Z")
        assert rows.run()["created"] == 1
    assert rows.run()["created"] == 0
    rows.command.ok("source", "reset", rows.name)
    assert rows.run()["created"] == 1
    rows.check()


def test_the_position_belongs_to_what_was_read(idemflow: Idemflow, rows: Rows) -> None:
    other = f"{rows.name}_2"
    rows.database.execute(TABLE.format(name=other))
    rows.put(1, 2, changed="2026-05-01T12:00:00Z")
    assert rows.run()["created"] == 2
    assert rows.remembered()["table"] == rows.name
    # All of what was never read, though it is older than what was.
    rows.database.execute(
        f"insert into {other} (id, changed) values (3, '2026-01-01'), (4, '2026-01-02')"
    )
    rows.change(f"table: {rows.name}", f"table: {other}")
    assert rows.run()["created"] == 2
    assert rows.remembered()["table"] == other
    said = f"the table changed from {rows.name} to {other}"
    assert said in rows.remembered()["anew"]
    client.connect(idemflow.target().nifi)
    group = process_groups.find_id(rows.name)
    assert any(said in item.message for item in monitoring.bulletins(group))
    assert rows.run()["sent"] == 1  # the last one, as ever

    rows.change("{column: changed, overlap: 10 s}", "{column: id, type: integer, overlap: 0}")
    assert rows.run()["sent"] == 2
    assert "the column changed from changed to id" in rows.remembered()["anew"]
    assert rows.run()["sent"] == 1
    rows.change(f"table: {other}", f"query: select * from {other} where id > 0")
    assert rows.run()["sent"] == 2
    rows.change("id > 0", "id > 1")
    assert rows.run()["sent"] == 2
    assert "the query changed" in rows.remembered()["anew"]

    login = owner(idemflow.settings())
    project = rows.file.parents[1]
    (project / "owner").write_text(login.password)
    (project / "owner").chmod(0o600)
    (project / "idemflow.toml").write_text(
        f'[databases.again]\nurl = "jdbc:postgresql://127.0.0.1:{login.port}/demo"\n'
        f'username = "{login.username}"\npassword_file = "owner"\n'
    )
    rows.change("database: demo", "database: again")
    assert rows.run()["sent"] == 2
    assert "the database changed from demo to again" in rows.remembered()["anew"]
    # Another address under the same name is another database, too.
    text = (project / "idemflow.toml").read_text()
    (project / "idemflow.toml").write_text(text.replace("127.0.0.1", "localhost"))
    rows.command.ok("deploy", rows.name)
    assert rows.run()["sent"] == 2
    assert "the address changed from jdbc:" in rows.remembered()["anew"]
    # Another index has nothing of what was read so far.
    rows.change(f"index: {{name: {rows.name}}}", f"index: {{name: {other}}}")
    assert rows.run()["created"] == 2
    assert rows.run()["sent"] == 1
    rows.check()


def test_large_rows(rows: Rows) -> None:
    """600 MB of rows of a megabyte, with NiFi's heap of 1 GB, and one row that is too large.

    A transform keeps Elasticsearch's disk out of it.
    """
    scripts = rows.file.parents[1] / "scripts"
    scripts.mkdir()
    (scripts / "small.py").write_text(
        "def small(record):\n    return record | {'value': len(record['value'])}\n"
    )
    with rows.file.open("a") as file:
        file.write("transform: {script: scripts/small.py, function: small}\n")
    rows.change("{column: changed, overlap: 10 s}", "{column: id, type: integer}")
    rows.database.execute(f"alter table {rows.name} alter value set storage external")
    fill = f"insert into {rows.name} (id, changed, value) "
    rows.database.execute(
        fill + "select n, now(), repeat(md5(n::text), 32768) from generate_series(1, 600) n"
    )
    rows.database.execute(fill + "values (601, now(), repeat('large', 6291456))")
    report = rows.run()
    assert (report["sent"], report["created"], report["dead_letters"]) == (601, 600, 1)
    assert {one["value"] for one in rows.documents().values()} == {1 << 20}
    (letter,) = rows.command.json("dead-letters", "list", rows.name)["letters"]
    assert (letter["source"], letter["position"]) == (rows.name, "601")
    assert "the record is longer than 20 MB: it has 31,457," in letter["reason"]
    # To send it again gives the same letter, which says why.
    rows.command.run("dead-letters", "replay", rows.name)
    (again,) = rows.command.json("dead-letters", "list", rows.name)["letters"]
    assert (again["id"], again["reason"]) == (letter["id"], letter["reason"])
    rows.check()


def test_a_wrong_clock_hides_nothing(rows: Rows) -> None:
    rows.put(1, changed="9999-01-01T00:00:00Z")
    rows.put(2, changed="2026-05-01T12:00:00Z")
    rows.run()
    rows.database.execute(f"insert into {rows.name} (id, value, changed) values (3, 'now', now())")
    rows.run()
    assert sorted(rows.documents()) == ["1", "2", "3"]


def test_rows_without_the_column_are_dead_letters_once(rows: Rows) -> None:
    rows.put(1, changed="2026-05-01T12:00:00Z")
    rows.database.execute(f"insert into {rows.name} (id) values (2)")
    assert rows.run()["dead_letters"] == 1
    assert rows.run()["dead_letters"] == 1
    assert len(rows.command.json("dead-letters", "list", rows.name)["letters"]) == 1
    rows.put(2, changed="2026-05-01T13:00:00Z")
    assert rows.run()["dead_letters"] == 0
    assert sorted(rows.documents()) == ["1", "2"]


def test_deleted_rows_and_their_late_predecessors(rows: Rows) -> None:
    rows.put(1, 2, changed="2026-05-01T12:00:00Z")
    rows.run()
    rows.put(1, changed="2026-05-01T12:00:02Z", gone=True)
    assert rows.run()["deleted"] == 1
    assert sorted(rows.documents()) == ["2"]
    # A restored backup: the row as it was before.
    rows.put(1, changed="2026-05-01T12:00:01Z", gone=False)
    assert rows.run()["stale"] >= 1
    assert sorted(rows.documents()) == ["2"]
    rows.check()


def test_values_of_postgresql(rows: Rows) -> None:
    rows.put(
        9007199254740993,
        changed="1969-07-20T20:17:40.000001Z",
        value="ü \U0001f40d \u2028",
        local="2026-03-29T02:30:00.654321",
        amount="12345678901234567890.123456789",
        extra='{"a": [1, null]}',
    )
    rows.run()
    (document,) = rows.documents().values()
    assert document["id"] == 9007199254740993
    assert document["changed"] == "1969-07-20T20:17:40.000001Z"
    assert document["local"] == "2026-03-29T02:30:00.654321Z"
    assert document["value"] == "ü \U0001f40d \u2028"
    assert document["extra"] == '{"a": [1, null]}'
    rows.check()


def test_how_soon_searches_see_a_row_follows_the_yaml_and_what_a_crash_takes_the_setting(
    idemflow: Idemflow, project: Project, database: psycopg.Connection
) -> None:
    rows = Rows(idemflow, project, database, "rows_refresh")
    rows.put(1, changed="2026-01-01T00:00:00Z")
    index = rows.ledger.client.indices

    def given(name: str, of: str = "rows_refresh") -> str | None:
        found = index.get_settings(index=of, flat_settings=True)
        (only,) = {one["settings"].get(f"index.{name}") for one in found.values()}
        return None if only is None else str(only)

    def refreshed() -> str | None:
        return given("refresh_interval")

    def durability() -> str | None:
        return given("translog.durability")

    rows.file.write_text(
        rows.file.read_text().replace("rows_refresh}", "rows_refresh, refresh: 7 s}")
    )
    assert rows.run()["created"] == 1
    assert refreshed() == "7000ms"
    rows.file.write_text(rows.file.read_text().replace("refresh: 7 s", "refresh: 1 min"))
    rows.command.ok("deploy", rows.name)
    assert refreshed() == "60000ms"
    # What was written is seen by the checks all the same.
    assert rows.run()["overwritten"] == 1
    rows.file.write_text(rows.file.read_text().replace(", refresh: 1 min", ""))
    chosen = project.path / "idemflow.toml"
    chosen.write_text('[settings]\ndurability = "fast"\n')
    rows.command.ok("deploy", rows.name)
    assert (refreshed(), durability()) == (None, "async")
    assert given("translog.durability", of="idemflow-*") is None
    chosen.unlink()
    rows.command.ok("deploy", rows.name)
    assert durability() is None


def test_an_empty_table(rows: Rows) -> None:
    report = rows.run()
    assert (report["sent"], report["created"]) == (0, 0)
    rows.put(1, changed="2026-05-01T12:00:00Z")
    assert rows.run()["created"] == 1


def test_a_login_of_ones_own_and_a_first_deployment_that_fails(rows: Rows) -> None:
    password = "a${b}c$$d #{e} $${f}"  # NiFi's language, were it not kept from it
    with rows.database.cursor() as cursor:
        cursor.execute(f"create role {rows.name} login password '{password}'")
        cursor.execute(f"grant select on {rows.name} to {rows.name}")
    project = rows.file.parent.parent
    secret = project / "password"
    secret.touch(0o600)
    secret.write_text(password)
    settings = project / "idemflow.toml"
    settings.write_text(
        "[databases.own]\n"
        f'url = "jdbc:postgresql://127.0.0.1:{rows.database.info.port}/demo"\n'
        f'username = "{rows.name}"\n'
        'password_file = "password"\n'
        'driver_class = "no.such.Driver"\n'
    )
    rows.file.write_text(rows.file.read_text().replace("database: demo", "database: own"))
    rows.put(1, changed="2026-05-01T12:00:00Z")
    failed = rows.command.fail("run", rows.name)
    assert "does not work here and was taken off the canvas" in failed.stderr
    assert "not valid: Database: Failed to invoke" in failed.stderr
    assert "no.such.Driver" in failed.stderr
    assert process_groups.find(rows.name) is None
    settings.write_text(settings.read_text().replace("no.such.Driver", "org.postgresql.Driver"))
    assert rows.run()["created"] == 1


def test_sql_that_is_wrong(rows: Rows) -> None:
    rows.file.write_text(rows.file.read_text().replace(f"table: {rows.name}", "table: nowhere"))
    result = rows.command.fail("run", rows.name)
    assert "nowhere" in result.stderr
    assert "Read rows" in result.stderr


def test_a_killed_nifi_keeps_what_it_has_read_and_reads_the_rest(
    idemflow: Idemflow, project: Project, rows: Rows, shared_folder: Path
) -> None:
    """Rows, whose database is away when NiFi is back, and files that it was just reading."""
    # The last test of the module: its connection to the database ends here.
    rows.put(1, changed="2026-05-01T12:00:00Z")
    rows.run()
    files = Source(idemflow, project, "killed-files", shared_folder)
    files.describe("format: ndjson")
    files.write("a.ndjson", '{"id":"a"}')
    assert files.run()["sent"] == 1
    count = 100_000
    files.write("b.ndjson", "".join(f'{{"id":{number}}}\n' for number in range(count)))
    idemflow.ok("demo-db", "stop")
    client.connect(idemflow.target().nifi)
    reading, group = process_groups.find_id(files.name), process_groups.find_id(rows.name)
    control.run_once(reading)
    wait_until(lambda: monitoring.activity(reading).active > 0, "the files are being read")
    kill(idemflow, "nifi")
    idemflow.ok("up")

    (state,) = rows.command.json("source", "show", rows.name)["states"]
    assert state["entries"]["until"].startswith("2026-05-01T12:00:00")
    # NiFi runs, the database does not: the run waits, and goes on by itself.
    result = rows.command.fail("run", rows.name)
    assert "idemflow demo-db start" in result.stderr
    client.connect(idemflow.target().nifi)
    control.run_once(group)
    wait_until(
        lambda: any(item.name == READ for item in monitoring.bulletins(group)), "NiFi says why"
    )
    assert monitoring.activity(group).queued > 0
    idemflow.ok("demo-db", "start")
    wait_until(lambda: monitoring.activity(group).queued == 0, "the run goes on", seconds=90)
    rows.check()

    wait_until(lambda: monitoring.activity(reading).queued == 0, "the files are read", seconds=180)
    wait_until(lambda: len(files.documents()) == count + 1, "all records arrive", seconds=180)
    assert files.run()["sent"] == 0
    assert files.equal()

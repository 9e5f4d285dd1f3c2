"""The demo database: a real PostgreSQL, started, changed, killed and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from idemflow.config.databases import check_driver, database
from idemflow.demo.server import Login, owner, port, read_record, reader
from idemflow.errors import IdemflowError
from tests.integration.tools import (
    Idemflow,
    as_earlier_versions_left_it,
    free_ports,
    on_free_ports,
    readable_folder,
)

pytestmark = pytest.mark.timeout(300)
ORDERS = 300


@contextmanager
def new_home() -> Iterator[Idemflow]:
    """The command on a home of its own."""
    with readable_folder() as folder:  # started by root, PostgreSQL runs as another user
        (folder / "project").mkdir()
        command = on_free_ports(project=str(folder / "project"), home=str(folder / "home"))
        try:
            yield command
        finally:
            command.run("demo-db", "stop")


@pytest.fixture(scope="module")
def shared() -> Iterator[Idemflow]:
    """A running database that tests only look at."""
    with new_home() as command:
        command.ok("demo-db", "start", "--orders", str(ORDERS))
        yield command


@pytest.fixture
def own() -> Iterator[Idemflow]:
    """A home without a database yet."""
    with new_home() as command:
        yield command


@pytest.fixture(scope="module")
def broken() -> Iterator[Idemflow]:
    """A database that tests break, each from where the one before has left it."""
    with new_home() as command:
        yield command


def connect(login: Login) -> psycopg.Connection:
    return psycopg.connect(
        host="127.0.0.1", port=login.port, user=login.username, password=login.password,
        dbname="demo",
    )  # fmt: skip


def rows(command: Idemflow) -> list[tuple[Any, ...]]:
    with connect(owner(command.settings())) as connection:
        return connection.execute("select * from orders order by id").fetchall()


def process(command: Idemflow) -> psutil.Process:
    record = read_record(command.settings().folders)
    assert record
    found = record.process()
    assert found
    return found


def kill(command: Idemflow) -> None:
    """As a crash does it: nothing is tidied up."""
    family = [process(command), *process(command).children()]
    for one in family:
        one.kill()
    psutil.wait_procs(family, timeout=30)


def test_a_second_start_changes_nothing(shared: Idemflow) -> None:
    before, pid = rows(shared), process(shared).pid
    again = shared.json("demo-db", "start", "--orders", "5", "--seed", "1")
    assert (again["started"], again["filled"], again["orders"]) == (False, False, ORDERS)
    text = shared.ok("demo-db", "start", "--orders", "5").stdout
    assert "already runs" in text
    assert "idemflow demo-db stop --delete" in text
    assert (rows(shared), process(shared).pid) == (before, pid)


def test_status(shared: Idemflow) -> None:
    found = shared.json("demo-db", "status")
    assert found["server"]["state"] == "running"
    assert found["server"]["version"].startswith("16.")
    assert (found["orders"], found["deleted"]) == (ORDERS, 0)
    assert "password" not in found
    shown = shared.ok("demo-db", "status").stdout
    assert str(port(shared.settings())) in shown
    assert owner(shared.settings()).password not in shown
    assert (
        owner(shared.settings()).password in shared.ok("demo-db", "status", "--show-login").stdout
    )
    everything = json.loads(shared.run("status", "--json").stdout)
    assert everything["demo_db"]["state"] == "running"
    assert "demo-db" in shared.run("status").stdout


def test_it_listens_on_loopback_and_is_not_root(shared: Idemflow) -> None:
    pid = process(shared).pid
    addresses = {
        tuple(c.laddr)
        for c in psutil.net_connections("inet")
        if c.pid == pid and c.status == psutil.CONN_LISTEN
    }
    assert addresses == {("127.0.0.1", port(shared.settings()))}
    assert not [c for c in psutil.net_connections("unix") if c.pid == pid and c.laddr]
    assert process(shared).uids().effective != 0


def test_passwords_are_private(shared: Idemflow) -> None:
    home = shared.settings().home
    passwords = [login(shared.settings()).password for login in (owner, reader)]
    for one in [process(shared), *process(shared).children()]:
        shown = "\0".join([*one.cmdline(), *one.environ().values()])
        assert not [password for password in passwords if password in shown]
    file = home / "secrets" / "demo-db.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert (home / "demo-db" / "data").stat().st_mode & 0o777 == 0o700
    files = [f for f in (home / "demo-db").rglob("*") if f.is_file()]
    assert len(files) > 100
    for path in files:
        content = path.read_bytes()
        assert not [password for password in passwords if password.encode() in content], path


def test_nobody_gets_in_without_the_password(shared: Idemflow) -> None:
    login = owner(shared.settings())
    for wrong in ("", "wrong", login.username):
        with pytest.raises(psycopg.OperationalError):
            connect(replace(login, password=wrong)).close()


def test_nifis_user_may_only_read(shared: Idemflow) -> None:
    with connect(reader(shared.settings())) as connection:
        found = connection.execute("select count(*) from orders").fetchone()
    assert found == (ORDERS,)
    for statement in (
        "update orders set quantity = 1",
        "delete from orders",
        "create table mine (a int)",
        "select pg_read_file('/etc/passwd')",
    ):
        with (
            connect(reader(shared.settings())) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement.encode())


def test_the_connection_for_nifi(shared: Idemflow) -> None:
    chosen = shared.settings()
    found = database(chosen, "demo")
    with pytest.raises(IdemflowError, match="no driver of PostgreSQL"):
        check_driver(chosen, found)
    driver = chosen.folders.driver("postgresql")
    driver.parent.mkdir(parents=True)
    driver.touch()
    check_driver(chosen, found)
    assert found.url == f"jdbc:postgresql://127.0.0.1:{port(chosen)}/demo"
    assert (found.username, found.driver_path) == ("idemflow_reader", driver)
    assert found.password == reader(chosen).password


def test_a_new_pipeline_of_a_table_has_a_test(shared: Idemflow, tmp_path: Path) -> None:
    """Its password may be known to this command alone: no later one can read the table."""
    (tmp_path / "flows").mkdir()
    command, login = shared.inside(tmp_path), reader(shared.settings())
    address = f"postgresql://{login.username}:{login.password}@127.0.0.1:{login.port}/demo"
    for name, where in (("orders", "demo"), ("more", address), ("again", address)):
        found = command.json("new", name, "--from", where, "--table", "orders")
        assert found["notes"][-1].startswith(f"tests/{name} has a copy of the first 5 records")
        assert bool(found["before"]) == (where == address)
        (tested,) = command.json("test", name)["tests"]
        assert (tested["state"], tested["documents"] + tested["refused"]) == ("same", 5)
        sample = (tmp_path / "tests" / name / "sample.ndjson").read_text()
        assert json.loads(sample.splitlines()[0])["updated_at"].endswith("Z")
    assert login.password not in "".join(
        one.read_text() for one in tmp_path.rglob("*") if one.is_file()
    )


def test_a_login_from_the_environment_is_asked_for_again(
    shared: Idemflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NiFi knows neither the variables of psycopg nor its file of passwords."""
    (tmp_path / "flows").mkdir()
    login = reader(shared.settings())
    monkeypatch.setenv("PGUSER", login.username)
    monkeypatch.setenv("PGPASSWORD", login.password)
    command, address = shared.inside(tmp_path), f"postgresql://127.0.0.1:{login.port}/demo"
    found = command.json("new", "orders", "--from", address, "--table", "orders")
    assert found["before"][0].startswith("export DEMO_2_PASSWORD=")
    settings = (tmp_path / "idemflow.toml").read_text()
    assert f'username = "{login.username}"' in settings
    assert 'password_env = "DEMO_2_PASSWORD"' in settings
    assert login.password not in settings


def test_another_port_for_a_running_database_is_refused(shared: Idemflow) -> None:
    (other,) = free_ports(1)
    result = shared.fail("demo-db", "start", "--port", str(other))
    assert result.code == 2
    assert f"next: idemflow demo-db stop && idemflow demo-db start --port {other}" in result.stderr


def test_a_taken_port_is_explained(shared: Idemflow, own: Idemflow) -> None:
    taken = str(port(shared.settings()))
    result = own.fail("demo-db", "start", "--port", taken)
    assert f"port {taken}, which demo-db needs, is taken by" in result.stderr
    assert "next: idemflow demo-db start --port " in result.stderr
    assert not (own.settings().home / "demo-db").exists()
    assert process(shared).is_running()


def test_changes_are_the_same_for_the_same_seed(own: Idemflow) -> None:
    numbers = ("--updates", "20", "--inserts", "7", "--deletes", "5", "--seed", "3")
    contents = []
    with ExitStack() as homes:
        for command in (own, homes.enter_context(new_home())):
            command.ok("demo-db", "start", "--orders", str(ORDERS))
            before = {row[0]: row for row in rows(command)}
            batch = command.json("demo-db", "change", *numbers)
            assert (batch["updated"], batch["inserted"], batch["deleted"]) == (20, 7, 5)
            after = {row[0]: row for row in rows(command)}
            changed = {key for key, row in after.items() if before.get(key) != row}
            assert len(changed) == 32
            assert set(after) - set(before) == set(range(ORDERS + 1, ORDERS + 8))
            assert {after[key][10].isoformat() for key in changed} == {batch["at"]}
            assert sum(row[11] for row in after.values()) == 5
            second = command.json("demo-db", "change", *numbers)
            assert second["number"] == 2
            assert second["at"] > batch["at"]
            # The times of a change are those of the clock; all else comes from the seed.
            contents.append([(*row[:9], row[11]) for row in rows(command)])
    assert contents[0] == contents[1]
    assert [row[9] for row in contents[0]].count(True) == 10


def test_more_changes_than_orders(own: Idemflow) -> None:
    own.ok("demo-db", "start", "--orders", "10")
    result = own.fail("demo-db", "change", "--updates", "9", "--deletes", "2")
    assert "only 10 are not deleted" in result.stderr
    assert len(rows(own)) == 10
    own.ok("demo-db", "change", "--updates", "0", "--inserts", "0", "--deletes", "10")
    assert all(row[11] for row in rows(own))
    assert own.json("demo-db", "change", "--updates", "0", "--deletes", "0")["inserted"] == 20


def test_data_survive_a_stop(own: Idemflow) -> None:
    assert own.run("demo-db", "status").code == 3
    assert own.fail("demo-db", "change").code == 3
    assert own.json("demo-db", "start", "--orders", "0")["orders"] == 0
    own.ok("demo-db", "change", "--updates", "0", "--deletes", "0", "--inserts", "3")
    before, old = rows(own), process(own)
    idle = connect(owner(own.settings()))  # a client that stays must not hold the stop up
    assert own.json("demo-db", "stop") == {"stopped": True, "killed": [], "deleted": False}
    idle.close()
    assert not old.is_running()
    assert "not running" in own.ok("demo-db", "stop").stdout
    as_earlier_versions_left_it(own, "demo-db/data", "demo-db/logs", "demo-db/tmp")
    assert own.json("demo-db", "start")["filled"] is False
    assert rows(own) == before
    # `down` stops it as well, and deletes it on request.
    assert own.json("down")["stopped"] == ["demo-db"]
    assert own.run("demo-db", "status").code == 3
    own.ok("demo-db", "start")
    own.ok("down", "--delete", "--yes")
    assert not own.settings().home.exists()


def test_an_interrupted_first_start_leaves_nothing_half_made(own: Idemflow) -> None:
    starting = own.start("demo-db", "start", "--orders", "2000000")
    assert starting.stderr
    for line in starting.stderr:
        if "Making 2,000,000 orders" in line:
            break
    starting.send_signal(signal.SIGKILL)
    starting.communicate(timeout=60)
    result = own.json("demo-db", "start", "--orders", "20")
    assert (result["started"], result["filled"], result["orders"]) == (False, True, 20)


def test_a_killed_database_starts_again(broken: Idemflow) -> None:
    broken.ok("demo-db", "start", "--orders", "50")
    broken.ok("demo-db", "change", "--updates", "5", "--deletes", "1")
    before, uid = rows(broken), process(broken).uids().real
    kill(broken)
    state = json.loads(broken.run("demo-db", "status", "--json").stdout)["server"]["state"]
    assert state == "dead"
    # Meanwhile the number that PostgreSQL noted went to another process of the same user.
    note = broken.settings().home / "demo-db" / "data" / "postmaster.pid"
    with subprocess.Popen(["sleep", "100"], user=uid if os.geteuid() == 0 else None) as stranger:
        lines = note.read_text(encoding="utf-8").splitlines()
        note.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n", encoding="utf-8")
        assert broken.json("demo-db", "start")["started"] is True
        assert stranger.poll() is None
        stranger.kill()
    assert rows(broken) == before


def test_a_process_that_took_the_recorded_number_is_left_alone(broken: Idemflow) -> None:
    broken.ok("demo-db", "start")
    broken.ok("demo-db", "stop")
    with subprocess.Popen(["sleep", "100"]) as stranger:
        started = psutil.Process(stranger.pid).create_time() - 100
        record = {"pid": stranger.pid, "create_time": started, "port": 1, "version": "16"}
        (broken.settings().home / "demo-db.json").write_text(json.dumps(record), encoding="utf-8")
        assert broken.json("demo-db", "stop")["stopped"] is False
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_that_cannot_start_is_shown_with_its_log(broken: Idemflow) -> None:
    broken.ok("demo-db", "start")
    broken.ok("demo-db", "stop")
    conf = broken.settings().home / "demo-db" / "data" / "postgresql.conf"
    kept = conf.read_text(encoding="utf-8")
    conf.write_text(f"{kept}shared_buffers = nonsense\n", encoding="utf-8")
    result = broken.fail("demo-db", "start")
    assert "PostgreSQL ended while it started" in result.stderr
    assert "shared_buffers" in result.stderr
    assert "next: idemflow logs demo-db" in result.stderr
    assert "shared_buffers" in broken.ok("logs", "demo-db").stdout
    conf.write_text(kept, encoding="utf-8")


def test_lost_passwords_are_explained(broken: Idemflow) -> None:
    broken.ok("demo-db", "start")
    file = broken.settings().home / "secrets" / "demo-db.json"
    kept = file.read_text(encoding="utf-8")
    file.write_text(kept.replace('": "', '": "x'), encoding="utf-8")
    assert "refuses the login of idemflow" in broken.fail("demo-db", "start").stderr
    file.unlink()
    assert "is gone or damaged" in broken.fail("demo-db", "start").stderr
    assert broken.json("demo-db", "stop", "--delete")["deleted"] is True
    assert broken.json("demo-db", "start", "--orders", "2")["orders"] == 2

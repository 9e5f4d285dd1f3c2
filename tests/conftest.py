"""Fixtures of the tests that need the real servers, which are started once through ``up``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from xdist.remote import Producer

from tests.integration.tools import (
    ROOT,
    Git,
    Idemflow,
    Project,
    empty_canvas,
    empty_elasticsearch,
    identify,
    in_repository,
    on_free_ports,
    readable_folder,
)
from tests.packages import installed
from tests.scheduling import WITHOUT_SERVERS, SparingServers

# Processes that share the tests end together when the long files come first. Those that kill and
# start servers need all processors, those about versions mostly wait for NiFi, which looks at a
# repository once a minute: they take turns, so that one of each is under way.
FIRST = (
    "faults/test_kill.py",
    "integration/test_flow_registry.py",
    "integration/test_readme.py",
    "browser/test_versions.py",
    "soak/test_soak.py",
    "faults/test_kill_versions.py",
    "integration/test_second_runtime.py",
    "integration/test_java_modules.py",
    "integration/test_versions_and_snapshots.py",
    "integration/test_schedulers.py",
    "integration/test_backup.py",
    "integration/test_orders.py",
    "integration/test_prove.py",
    "integration/test_book.py",
    "integration/test_supervise.py",
    "integration/test_ledger.py",
    "integration/test_flow.py",
)

# The markers of a folder's tests: what `pytest -m` and the Makefile choose by.
MARKERS = {
    "unit": ("unit",),
    "integration": ("servers",),
    "browser": ("servers", "browser"),
    "faults": ("servers", "faults"),
    "soak": ("servers", "soak"),
    "compat": ("servers", "compat"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder; put the files of :data:`FIRST` first; refuse servers to those
    that are said to need none."""
    for item in items:
        for marker in MARKERS.get(item.path.relative_to(ROOT / "tests").parts[0], ("unit",)):
            item.add_marker(marker)
        fixtures: list[str] = getattr(item, "fixturenames", [])
        if "servers" in fixtures and item.nodeid.startswith(WITHOUT_SERVERS):
            raise pytest.UsageError(f"{item.nodeid} needs servers: see tests/scheduling.py")
    rank = {ROOT / "tests" / name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: rank.get(item.path, len(FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SparingServers | None:
    """Let the last of three or more processes begin with what needs no servers."""
    return SparingServers(config, log) if len(config.getoption("tx")) > 2 else None


@contextmanager
def started(
    command: Idemflow, *options: str, failed: Callable[[], bool], logs: str
) -> Iterator[None]:
    """A runtime that runs.

    Args:
        command: of a new home.
        options: of ``up``.
        failed: whether the logs are to be kept, in the end.
        logs: where to, below ``test-results/``.
    """
    try:
        up = command.json("up", *options, timeout=1800)
        assert set(up["started"]) == {"nifi", "elasticsearch"}
        yield
    finally:
        command.run("down")
        if failed():
            _keep(command.settings().home, ROOT / "test-results" / logs)


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Idemflow]:
    """The runtime of the session, or of one of the processes that share its tests.

    Its NiFi knows the package with a fourth source.
    """
    process = os.environ.get("PYTEST_XDIST_WORKER", ".")
    with readable_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(installed(folder / "packages")))
        command = on_free_ports(project=str(ROOT), home=str(folder / "home"))
        with started(command, failed=lambda: bool(request.session.testsfailed), logs=process):
            yield command


@pytest.fixture(scope="module")
def idemflow(servers: Idemflow) -> Iterator[Idemflow]:
    """The command on a running runtime, whose canvas and indices are empty at first."""
    yield servers
    if servers.run("status").code:
        servers.ok("up")  # a test that failed may have left a server dead
    empty_canvas(servers)
    empty_elasticsearch(servers)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project's folder."""
    return Project(tmp_path)


@pytest.fixture
def git(project: Project) -> Git:
    """The git command, in a repository that the project's folder is."""
    run = in_repository(project.path)
    run("init", "-q", "-b", "main")
    identify(run)
    return run


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that the servers' user may read, too."""
    with readable_folder() as folder:
        yield folder


def _keep(home: Path, target: Path) -> None:
    """Copy logs and the configuration that holds no secrets; no data."""
    shutil.rmtree(target, ignore_errors=True)
    for pattern in ("*/logs/*.log", "nifi/conf/logback.xml", "elasticsearch/config/*.yml"):
        for file in home.glob(pattern):
            copy = target / file.relative_to(home)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)

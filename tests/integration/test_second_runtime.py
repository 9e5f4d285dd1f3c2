"""A second runtime on one machine: its first start, versions that are promoted to it, its end.

Promotion goes by the commands that docs/versioning.md names. The tests build on each other.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nipyapi
import pytest
from pydantic import SecretStr

from idemflow import __version__
from idemflow.canvas import client, contexts, control, parameters, process_groups, versions
from idemflow.drawing import catalog
from tests.conftest import started
from tests.integration.tools import (
    COUNTING,
    ROOT,
    Git,
    Idemflow,
    Project,
    as_earlier_versions_left_it,
    commit_pipeline,
    deployed_from_git,
    empty_elasticsearch,
    family,
    identify,
    in_repository,
    kill,
    on_free_ports,
    processes,
    put_step,
    remove_pipeline,
    remove_registries,
    set_tasks,
    tasks,
    wait_until,
    waiting,
)
from tests.packages import require, wheel

pytestmark = pytest.mark.timeout(600)

NAME = "promoted"


def repack(nar: Path, target: Path, name: str) -> None:
    """A NAR with the same contents under another name, as if someone else had made it."""
    with zipfile.ZipFile(nar) as source, zipfile.ZipFile(target, "w") as copy:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "META-INF/MANIFEST.MF":
                content = re.sub(
                    rb"(?m)^Nar-Id: .*?(\r?)$", rb"Nar-Id: %b\1" % name.encode(), content
                )
            if entry.filename == "META-INF/docs/extension-manifest.xml":
                content = content.replace(b"idemflow-scripting-nar", name.encode())
            copy.writestr(entry, content)


@pytest.fixture(scope="module")
def second(idemflow: Idemflow, request: pytest.FixtureRequest) -> Iterator[Idemflow]:
    """A runtime with someone else's NAR, in a folder that only its owner may enter, and a NiFi
    whose clock is not in UTC."""
    folder = Path(tempfile.mkdtemp(prefix="idemflow closed "))  # mode 0700
    (folder / "flows").mkdir()
    (folder / "idemflow.toml").write_text(
        '[settings]\nnifi_java_options = ["-Duser.timezone=America/Bogota"]\n'
    )
    wheel(folder / "wheels", "shout", "2.0")
    require(folder, "shout")
    command = on_free_ports(project=str(folder))
    (bundled,) = (idemflow.settings().home / "nifi").glob("nars/idemflow-scripting-nar-*.nar")
    nars = folder / "my nars"
    nars.mkdir()
    repack(bundled, nars / "mine.nar", "mine-nar")
    assert command.run("status").code == 3
    options = ("--nars", str(nars), "--nifi-heap", "768m", "--elasticsearch-heap", "512m")
    before = request.session.testsfailed
    with started(
        command, *options, failed=lambda: request.session.testsfailed > before, logs="second"
    ):
        yield command
    command.run("down", "--delete", "--yes")
    # The copies of other projects' versions, which it keeps.
    shutil.rmtree(command.settings().home, ignore_errors=True)
    shutil.rmtree(folder)


@pytest.fixture
def development(idemflow: Idemflow, project: Project, git: Git) -> Iterator[Idemflow]:
    """Version v2 as the files say, and v3 with what was changed on the canvas and run."""
    commit_pipeline(project, git, NAME, COUNTING, "{count: 3}")
    with deployed_from_git(idemflow.inside(project.path), NAME) as command:
        command.json("flow", "commit", NAME, "-m", "Load it")
        command.json("flow", "tag", NAME, "v2")
        set_tasks(NAME, 4)
        assert command.json("run", NAME, "--as-deployed")["documents"] == 3
        command.json("flow", "commit", NAME, "-m", "Load with four tasks")
        command.json("flow", "tag", NAME, "v3")
        yield command


@pytest.fixture
def production(second: Idemflow, project: Project) -> Iterator[Idemflow]:
    """The other runtime, in the same project."""
    yield second.inside(project.path)
    clean(second)


def on(command: Idemflow) -> None:
    """Look at that runtime's canvas from now on."""
    client.connect(command.target().nifi)


def clean(command: Idemflow) -> None:
    on(command)
    remove_pipeline(NAME)
    remove_registries()


def versions_of_documents(command: Idemflow) -> list[int]:
    """How often each document was written; none where there is no index."""
    with command.elasticsearch() as elasticsearch:
        if not elasticsearch.indices.exists(index=NAME):
            return []
        elasticsearch.indices.refresh(index=NAME)
        found = elasticsearch.search(index=NAME, version=True, size=100)
        return [hit["_version"] for hit in found["hits"]["hits"]]


def parameter(name: str) -> str | None:
    return parameters.values(f"idemflow {NAME}")[name]


def test_a_nifi_without_the_steps(second: Idemflow) -> None:
    """What NiFi's Python lacks is told before anything changes; put there, it is found."""
    on(second)
    installed = second.settings().folders.python / "own" / "idemflow"
    hidden = installed.rename(installed.with_name("hidden"))
    refused = second.inside(ROOT).fail("deploy", "people")
    told = " ".join(refused.stderr.split())
    assert "NiFi's Python lacks the steps of people: No module named 'idemflow'" in told
    assert f"run `pip install --no-deps idemflow=={__version__}` in NiFi's Python" in told
    assert nipyapi.nifi.ProcessGroupsApi().get_process_groups("root").process_groups == []
    assert contexts.named("idemflow people") is None
    hidden.rename(installed)
    assert second.inside(ROOT).json("deploy", "people")["created"] is True


def test_two_projects_do_not_see_each_others_packages(
    idemflow: Idemflow, second: Idemflow, project: Project
) -> None:
    script = "import shout\n\ndef records():\n    yield {'id': shout.VERSION}\n"
    own = Project(second.settings().project)
    for one in (own, project):
        one.pipeline("shouts", script)
    assert second.json("run", "shouts")["documents"] == 1
    assert [*dict(second.ledger().documents("shouts"))] == ["2.0"]
    beside = idemflow.inside(project.path).fail("deploy", "shouts")
    assert "scripts/shouts.py:1: NiFi's Python has no module 'shout'" in beside.stderr
    # What is asked for later comes with a restart, which is for the user to order.
    requirements = own.path / "requirements.txt"
    before = requirements.read_text()
    require(own.path, "shout", "whisper")
    for command in (("up",), ("run", "shouts")):
        refused = second.fail(*command)
        assert refused.code == 2
        assert f"NiFi runs without the packages that {requirements} says now" in refused.stderr
        assert "next: idemflow down && idemflow up" in refused.stderr
    requirements.write_text(before)
    assert second.json("up")["started"] == []
    on(second)
    remove_pipeline("shouts")
    (own.path / "flows/shouts.yaml").unlink()


def test_a_nifi_whose_clock_is_not_in_utc(second: Idemflow, project: Project) -> None:
    """It would read a database's timestamps without a zone as others than they are."""
    on(second)
    assert control.clock() == "COT"
    (project.path / "flows").mkdir()
    (project.path / "flows/rows.yaml").write_text(
        "pipeline: rows\n"
        "collect: {sql: {database: shop, table: orders}}\n"
        "identity: id\n"
        "index: {name: rows}\n"
    )
    configuration = project.path / "idemflow.toml"
    configuration.write_text(
        '[databases.shop]\nurl = "jdbc:postgresql://127.0.0.1:1/shop"\n'
        'username = "reader"\npassword_file = "password"\n'
    )
    (project.path / "password").write_text("secret")
    (project.path / "password").chmod(0o600)
    command = second.inside(project.path)
    told = " ".join(command.fail("deploy", "rows").stderr.split())
    assert "NiFi's clock is COT, not UTC" in told
    assert "-Duser.timezone=UTC" in told
    assert 'timezone = "NiFi" in [databases.shop]' in told
    assert process_groups.find("rows") is None
    assert contexts.named("idemflow rows") is None
    with configuration.open("a") as file:
        file.write('timezone = "NiFi"\n')
    assert command.json("deploy", "rows")["created"] is True
    remove_pipeline("rows")


def test_someone_elses_execute_script(second: Idemflow) -> None:
    """The bundle's is left out, and the pipeline works the same."""
    if os.geteuid() == 0:  # the servers' user may not enter the project's folder
        assert second.settings().home.is_relative_to("/var/lib/idemflow")
    on(second)
    types = nipyapi.nifi.FlowApi().get_processor_types().processor_types
    assert [item.bundle.artifact for item in types if item.type == catalog.SCRIPT] == ["mine-nar"]
    assert [item.bundle.artifact for item in types if item.type == catalog.PUT] == [
        "idemflow-elasticsearch-nar"
    ]
    report = second.inside(ROOT).json("run", "people", "--records", "100")
    assert (report["documents"], report["runs"][0]["lost"]) == (100, 0)


@dataclass(frozen=True)
class Mixed(Idemflow):
    """The command with one server of another runtime, which is thus the user's own."""

    own: str = ""

    def environment(self) -> dict[str, str]:
        known = super().environment()
        del known[f"IDEMFLOW_{self.own.upper()}_PORT"]
        known.pop(f"IDEMFLOW_{self.own.upper()}_JAVA_OPTIONS", None)
        for name in ("url", "username", "password", "ca"):
            value = getattr(self.resolved, f"{self.own}_{name}")
            text = value.get_secret_value() if name == "password" else str(value)
            known[f"IDEMFLOW_{self.own.upper()}_{name.upper()}"] = text
        return known


def mixed(second: Idemflow, own: str, other: Idemflow) -> Mixed:
    """The second runtime with another one's server."""
    there = getattr(other.target(), own)
    settings = {
        "project": ROOT,
        f"{own}_url": there.url,
        f"{own}_username": there.username,
        f"{own}_password": SecretStr(there.password),
        f"{own}_ca": there.ca_file,
    }
    return Mixed(second.resolved.model_copy(update=settings), own)


def load_people(command: Idemflow, records: int, into: Idemflow) -> None:
    """Load so many people, and find them in the Elasticsearch of a runtime."""
    command.json("deploy", "people")
    report = command.json("run", "people", "--records", str(records))
    assert (report["documents"], report["runs"][0]["created"]) == (records, records)
    with into.elasticsearch() as elasticsearch:
        assert elasticsearch.count(index="people")["count"] == records
    assert command.json("verify", "people")["equal"] is True


def test_the_embedded_nifi_with_an_elasticsearch_of_ones_own(
    idemflow: Idemflow, second: Idemflow
) -> None:
    kill(second, "elasticsearch")
    command = mixed(second, "elasticsearch", idemflow)
    empty_elasticsearch(idemflow)
    assert command.json("up")["started"] == []
    status = command.json("status")
    assert (status["runtime"], [one["embedded"] for one in status["servers"]]) == (
        "mixed",
        [True, False],
    )
    assert "elasticsearch (yours)" in command.ok("status").stdout
    load_people(command, 60, idemflow)
    assert command.fail("logs", "elasticsearch").code == 2
    # It has the name on an Elasticsearch that is not this runtime's.
    command.ok("remove", "people", "--data", "--dead-letters", "--yes")


def test_a_nifi_of_ones_own_with_the_embedded_elasticsearch(
    idemflow: Idemflow, second: Idemflow
) -> None:
    command = mixed(second, "nifi", idemflow)
    assert command.json("up")["started"] == ["elasticsearch"]
    empty_elasticsearch(second)
    load_people(command, 40, second)
    assert command.fail("logs", "nifi").code == 2
    command.ok("remove", "people", "--data", "--dead-letters", "--yes")


def test_a_server_that_is_killed(second: Idemflow) -> None:
    nifi = processes(second)["nifi"]
    kill(second, "elasticsearch")
    assert {s["state"] for s in json.loads(second.run("status", "--json").stdout)["servers"]} == {
        "running",
        "dead",
    }
    assert second.run("open").code == 3
    folders = ("config", "data", "logs", "tmp")
    as_earlier_versions_left_it(second, *(f"elasticsearch/{name}" for name in folders))
    up = second.json("up")
    assert (up["started"], up["steps"]) == (["elasticsearch"], __version__)
    assert processes(second)["nifi"].pid == nifi.pid
    data = second.settings().folders.elasticsearch / "data"
    assert data.stat().st_uid == processes(second)["elasticsearch"].uids().effective


def test_a_nifi_that_was_started_by_another_idemflow(second: Idemflow) -> None:
    file = second.settings().folders.python / "own" / "idemflow" / "__init__.py"
    text = file.read_text()
    file.unlink()  # it may be the checkout's own file
    file.write_text(text.replace(__version__, "0.0.9"))
    told = " ".join(second.ok("up").stdout.split())
    assert f"NiFi runs the steps of idemflow 0.0.9; those of {__version__} come with a" in told


def test_two_runtimes_of_one_project(development: Idemflow, production: Idemflow, git: Git) -> None:
    assert production.json("deploy", f"{NAME}@v3")["created"] is True
    assert production.run("drift", f"{NAME}@v3", "--from", "git").code == 0
    assert production.run("drift", f"{NAME}@v2", "--from", "git").code == 6
    assert production.json("run", NAME, "--as-deployed")["documents"] == 3
    # A run that had gone to the other Elasticsearch would have written each document again.
    assert versions_of_documents(production) == [1, 1, 1]
    assert versions_of_documents(development) == [1, 1, 1]

    on(production)
    assert tasks(NAME) == 4
    assert parameter("elasticsearch.url") == production.target().loader.url
    assert production.target().loader.url != development.target().loader.url
    for runtime in (development, production):
        assert (runtime.target().loader.password or "") not in git("log", "-p", "--all")

    # What was queued when the change came arrives after it, and the way back is the same.
    nipyapi.canvas.schedule_processor(put_step(NAME), False)
    control.run_once(process_groups.find_id(NAME))
    wait_until(lambda: waiting(NAME) == 3, "three records wait")
    production.json("flow", "rollback", NAME)
    assert (waiting(NAME), tasks(NAME)) == (3, 1)
    production.json("deploy", f"{NAME}@v3")
    assert (waiting(NAME), tasks(NAME)) == (3, 4)
    control.start_steps(process_groups.find_id(NAME))
    wait_until(lambda: versions_of_documents(production) == [2, 2, 2], "what waited is loaded")
    production.json("deploy", f"{NAME}@v2")
    assert production.run("drift", f"{NAME}@v2", "--from", "git").code == 0
    assert production.json("run", NAME, "--as-deployed")["documents"] == 3

    # The one canvas knows nothing of the other's way.
    (status,) = development.json("flow", "status", NAME)["pipelines"]
    assert (status["state"], status["version"]["tags"]) == ("up to date", [f"{NAME}@v3"])
    (status,) = production.json("flow", "status", NAME)["pipelines"]
    assert status["state"] == "a newer version is in git"
    assert git("status", "--porcelain") == ""


def test_a_checkout_of_its_own_with_other_arguments(
    development: Idemflow, production: Idemflow, project: Project, git: Git, tmp_path: Path
) -> None:
    path = tmp_path / "production"
    git("clone", "-q", str(project.path), str(path))
    there = in_repository(path)
    identify(there)
    there("switch", "-q", "-c", "production", f"{NAME}@v2")
    Project(path).change(NAME, "count: 3", "count: 5")
    there("commit", "-q", "-a", "-m", "Five in production")
    command = production.inside(path)

    command.json("deploy", f"{NAME}@v2")
    refused = command.fail("deploy", f"{NAME}@v3")
    assert "merge" in refused.stderr
    there("merge", "-q", f"{NAME}@v3")
    before = versions_of_documents(development)
    command.json("deploy", f"{NAME}@v3")
    assert command.run("drift", f"{NAME}@v3", "--from", "git").code == 0
    report = command.json("run", NAME, "--as-deployed")
    assert (report["runs"][0]["sent"], report["documents"]) == (5, 5)
    assert versions_of_documents(development) == before
    on(command)
    assert (tasks(NAME), parameter("count")) == (4, "5")
    on(development)
    assert parameter("count") == "3"


def test_the_end_keeps_what_was_committed_on_the_canvas(
    second: Idemflow, project: Project, git: Git
) -> None:
    commit_pipeline(project, git, NAME, COUNTING, "{count: 3}")
    command = second.inside(project.path)
    command.json("deploy", NAME)
    on(command)
    (registry,) = nipyapi.nifi.ControllerApi().get_flow_registry_clients().registries
    made = versions.commit(
        process_groups.find_id(NAME), registry.id, NAME, "On the canvas", known=False, force=False
    )

    everything = family(second)
    refused = command.fail("down", "--delete")
    assert refused.code == 2
    assert f"This deletes from {second.settings().home}:" in refused.stderr
    assert "next: the same command with --yes" in refused.stderr
    assert all(process.is_running() for process in everything)
    result = command.json("down")
    assert set(result["stopped"]) == {"nifi", "elasticsearch"}
    assert result["killed"] == []
    # Elasticsearch's launcher ends by itself after its server.
    wait_until(lambda: not any(p.is_running() for p in everything), "all processes end")
    assert "Nothing was running" in command.ok("down").stdout
    folders = command.settings().folders
    assert f"Deleted {second.settings().home}" in command.ok("down", "--delete", "--yes").stdout
    # The home may hold the copies of other projects, whose commits are not brought anywhere here.
    assert not folders.nifi.exists()
    assert not folders.elasticsearch.exists()
    assert not folders.flows(project.path.resolve()).exists()
    assert git("log", "-1", "--format=%H %s") == f"{made} On the canvas"
    assert git("status", "--porcelain") == ""

"""What the tests on real servers share: the command as a user runs it, projects, waiting."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import textwrap
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import nipyapi
import psutil
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from idemflow.canvas import client, contexts, control, monitoring, process_groups
from idemflow.canvas.flow import PUT
from idemflow.cli import main
from idemflow.config import settings
from idemflow.config.combinations import ServerName
from idemflow.config.endpoint import Endpoint
from idemflow.config.settings import Settings
from idemflow.elasticsearch.ledger import Ledger
from idemflow.security.owner import servers_user
from idemflow.servers import Target, connect
from idemflow.servers.state import read_state

ROOT = Path(__file__).parents[2]
Git = Callable[..., str]

# A script of as many records as its argument says.
COUNTING = """
    def records(count):
        for number in range(count):
            yield {"id": number}
"""

# A script of a document, and of three dead letters.
REFUSED = """
    def records():
        yield {"id": 1}
        for number in range(3):
            yield {"name": f"no id {number}"}
"""

# Options of ``run`` where the test judges the report, whatever is in it.
UNJUDGED = ("--max-dead-letters", "1000000", "--allow-empty")

_OWN_PROCESS = {
    ("up",),
    ("down",),
    ("backup",),
    ("prove",),
    ("demo-db", "start"),
    ("demo-db", "stop"),
}


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """The object that ``--json`` printed."""
        return json.loads(self.stdout)


def _of_tests(variable: str) -> bool:
    """Whether a variable is for the tests alone; readline in their process sets the second."""
    return variable.startswith("IDEMFLOW_") or variable == "COLUMNS"


@dataclass(frozen=True)
class Idemflow:
    """The command ``idemflow``, with its arguments, environment, output and exit code.

    What starts or ends servers runs in a process of its own, as a user runs it; the others run in
    the tests' process, where they need not import everything anew each time.

    Attributes:
        resolved: the settings that the commands see; the environment passes them on.
    """

    resolved: Settings

    def environment(self) -> dict[str, str]:
        """The environment of the commands."""
        return {
            **{key: value for key, value in os.environ.items() if not _of_tests(key)},
            "IDEMFLOW_PROJECT": str(self.resolved.project),
            "IDEMFLOW_HOME": str(self.resolved.home),
            "IDEMFLOW_CACHE": str(self.resolved.cache),
            "IDEMFLOW_NIFI_PORT": str(self.resolved.nifi_port),
            "IDEMFLOW_ELASTICSEARCH_PORT": str(self.resolved.elasticsearch_port),
            "IDEMFLOW_DEMO_DB_PORT": str(self.resolved.further_ports["demo_db_port"]),
            **({"IDEMFLOW_PROJECT_ID": chosen} if (chosen := self.resolved.project_id) else {}),
            # The quick compiler alone: the optimizing one does not pay off for a few documents.
            "IDEMFLOW_ELASTICSEARCH_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1",
            "IDEMFLOW_NIFI_JAVA_OPTIONS": shlex.join(
                [*self.resolved.nifi_java_options, "-XX:TieredStopAtLevel=1"]
            ),
        }

    def run(self, *arguments: str, timeout: float = 300) -> Result:
        """Run a command, whatever its exit code."""
        if _OWN_PROCESS.isdisjoint({arguments[:1], arguments[:2]}):
            others = {key: None for key in os.environ if _of_tests(key)}
            with _connection_kept():
                ended = CliRunner().invoke(
                    main, arguments, env={**others, **self.environment()}, prog_name="idemflow"
                )
            assert "Traceback" not in ended.stderr, ended.stderr
            return Result(ended.exit_code, ended.stdout, ended.stderr)
        done = subprocess.run(
            [sys.executable, "-m", "idemflow", *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "idemflow", *arguments],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
            # Tests that run in the background of a shell have Ctrl-C ignored, and it is inherited.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def ok(self, *arguments: str, timeout: float = 300, code: int = 0) -> Result:
        """Run a command that must succeed, or end with a certain exit code."""
        result = self.run(*arguments, timeout=timeout)
        assert result.code == code, (
            f"{arguments}: exit {result.code}\n{result.stdout}{result.stderr}"
        )
        return result

    def fail(self, *arguments: str, timeout: float = 300) -> Result:
        """Run a command that must fail."""
        result = self.run(*arguments, timeout=timeout)
        assert result.code not in (0, 70), f"{arguments}\n{result.stdout}{result.stderr}"
        return result

    def json(self, *arguments: str, timeout: float = 300, code: int = 0) -> Any:
        """The same with ``--json``; the object that it prints."""
        return self.ok(*arguments, "--json", timeout=timeout, code=code).json()

    def inside(self, project: Path) -> Idemflow:
        """The same command on the same runtime, in another project's folder."""
        return Idemflow(self.resolved.model_copy(update={"project": project}))

    def settings(self) -> Settings:
        """The settings that the commands see."""
        return self.resolved

    def target(self) -> Target:
        """The running servers' addresses and logins."""
        return connect(self.resolved)

    def ledger(self) -> Ledger:
        """The ledger of the running Elasticsearch."""
        return Ledger(self.target().elasticsearch)

    def elasticsearch(self, endpoint: Endpoint | None = None) -> Elasticsearch:
        """A client of the running Elasticsearch, as idemflow's own user or another."""
        login = endpoint or self.target().elasticsearch
        return Elasticsearch(
            login.url,
            basic_auth=(login.username, login.password),
            ssl_context=ssl.create_default_context(cafile=login.ca_file),
            request_timeout=30,
        )


@dataclass(frozen=True)
class Project:
    """A project's folder that a test writes pipelines into."""

    path: Path

    def copy_people(self, name: str = "people", script: str | None = None) -> None:
        """Put the shipped pipeline ``people`` into it, under that name and with that script."""
        for folder in ("flows", "scripts"):
            (self.path / folder).mkdir(exist_ok=True)
        text = script or (ROOT / "scripts/people.py").read_text()
        (self.path / f"scripts/{name}.py").write_text(text)
        (self.path / f"flows/{name}.yaml").write_text((ROOT / "flows/people.yaml").read_text())
        self.change(name, "pipeline: people", f"pipeline: {name}")
        self.change(name, "scripts/people.py", f"scripts/{name}.py")
        self.change(name, "  name: people", f"  name: {name}")

    def change(self, pipeline: str, old: str, new: str) -> None:
        """Replace a text in a pipeline's YAML."""
        file = self.path / f"flows/{pipeline}.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    def pipeline(self, name: str, script: str, extra: str = "", **index: str) -> str:
        """Write a pipeline of that name and its script, with the function ``records``.

        Args:
            name: the pipeline's name, and by default its index'.
            script: the script's text; it is dedented.
            extra: more YAML.
            index: field types of the mapping.
        """
        mapping = "".join(f"\n    {key}: {value}" for key, value in index.items())
        yaml = textwrap.dedent(f"""\
            pipeline: {name}
            collect:
              script: scripts/{name}.py
              function: records
            identity: id
            index:
              name: {name}
        """) + (f"  mapping:{mapping}\n" if mapping else "")
        for folder in ("flows", "scripts"):
            (self.path / folder).mkdir(exist_ok=True)
        (self.path / f"flows/{name}.yaml").write_text(yaml + textwrap.dedent(extra))
        (self.path / f"scripts/{name}.py").write_text(textwrap.dedent(script))
        return name


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def on_free_ports(**chosen: Any) -> Idemflow:
    """The command for a runtime of its own, with these settings."""
    names = ("nifi_port", "elasticsearch_port", "demo_db_port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    return Idemflow(settings.resolve({**ports, **chosen}))


@contextmanager
def readable_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder with a space in its path that the servers' user may read, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="idemflow tests ", dir=parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def processes(command: Idemflow) -> dict[str, psutil.Process]:
    """The recorded servers that run."""
    return read_state(command.settings().folders.state).running()


def as_earlier_versions_left_it(command: Idemflow, *places: str) -> None:
    """Give these folders to NiFi's user, as which all servers ran; where root runs them."""
    home = command.settings().home
    owner = servers_user(home, None)
    for place in () if owner.is_self else places:
        for path in (home / place, *(home / place).rglob("*")):
            os.chown(path, owner.uid, owner.gid, follow_symlinks=False)


def family(command: Idemflow) -> list[psutil.Process]:
    """The servers and the launcher of Elasticsearch."""
    running = processes(command)
    launcher = running["elasticsearch"].parent()
    assert launcher
    return [*running.values(), launcher]


def kill(command: Idemflow, *servers: ServerName) -> None:
    """``kill -9`` of recorded servers, and wait until they are gone."""
    running = processes(command)
    for server in servers:
        os.kill(running[server].pid, signal.SIGKILL)
    _, alive = psutil.wait_procs([running[server] for server in servers], timeout=30)
    assert not alive


def saved_steps(command: Idemflow, pipeline: str) -> dict[str, dict[str, Any]]:
    """The processors of a pipeline as NiFi has written them to disk, by name.

    It does so some time after a change, the later the larger the canvas is; a NiFi that is killed
    before comes back without the change.
    """
    file = command.settings().folders.nifi / "data" / "flow.json.gz"
    try:
        root = json.loads(gzip.decompress(file.read_bytes()))["rootGroup"]
    except (OSError, EOFError, ValueError, zlib.error):  # it is being written
        return {}
    groups = [one for one in root["processGroups"] if one["name"] == pipeline]
    return {
        step["name"]: step
        for group in groups
        for inner in group["processGroups"]
        for step in inner["processors"]
    }


@contextmanager
def _connection_kept() -> Iterator[None]:
    """A command's login must not take the place of the test's own: a thread has one."""
    before = dict(vars(client.own))
    try:
        yield
    finally:
        vars(client.own).clear()
        vars(client.own).update(before)


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
    """Wait until a condition holds; fail with ``what`` if it does not in time."""
    deadline = time.monotonic() + seconds
    pause = 0.05
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(pause)
        pause = min(1.3 * pause, 0.4)  # each question to NiFi costs it 10 ms and more


def in_repository(path: Path) -> Git:
    """The git command in a repository, whosever it is; it must succeed, and gives what it prints.

    ``safe.directory``: where NiFi works on a repository of its own, that is another user's.
    """

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", str(path), *arguments],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    return run


def identify(git: Git) -> None:
    """Say who commits with the git command."""
    git("config", "user.name", "Human")
    git("config", "user.email", "human@example.org")


def commit_pipeline(
    project: Project, git: Git, name: str, script: str, arguments: str | None = None
) -> None:
    """Make a pipeline in a project under git, and commit its files.

    ``arguments`` are those of its script, as YAML.
    """
    project.pipeline(name, script)
    if arguments is not None:
        project.change(name, "function: records", f"function: records\n  arguments: {arguments}")
    git("add", ".")
    git("commit", "-q", "-m", "Add the pipeline")


@contextmanager
def deployed_from_git(command: Idemflow, name: str) -> Iterator[Idemflow]:
    """Deploy a committed pipeline and look at its canvas, from which it goes afterwards."""
    command.json("deploy", name)
    client.connect(command.target().nifi)
    yield command
    client.connect(command.target().nifi)
    remove_pipeline(name)
    remove_registries()


def remove_group(name: str) -> None:
    """Take a pipeline's group off the canvas, whatever is queued."""
    group = process_groups.find(name)
    if group is not None:
        _put_to_rest(group.id)
        process_groups.delete(group.id)


def remove_pipeline(name: str) -> None:
    """Take a pipeline's group and parameter context off the canvas, whatever is queued."""
    remove_group(name)
    context = contexts.named(f"idemflow {name}")
    if context is not None:
        nipyapi.parameters.delete_parameter_context(context)


def group_in(parent: str, name: str) -> Any:
    """Make a process group, as a person does on the canvas."""
    above = nipyapi.canvas.get_process_group(parent, "id")
    return nipyapi.canvas.create_process_group(above, name, (900.0, 900.0))


def move_group(group: str, parent: str) -> None:
    """Move a group into another, as a person does on the canvas."""
    api = nipyapi.nifi.SnippetsApi()
    entity = nipyapi.nifi.ProcessGroupsApi().get_process_group(group)
    revision = {"version": entity.revision.version, "clientId": "a person"}
    made = api.create_snippet(
        {
            "snippet": {
                "parentGroupId": entity.component.parent_group_id,
                "processGroups": {group: revision},
            }
        }
    ).snippet.id
    api.update_snippet({"snippet": {"id": made, "parentGroupId": parent}}, made)


def remove_registries() -> None:
    """Take the flow registry clients away; no group may be under version control any more."""
    for one in nipyapi.nifi.ControllerApi().get_flow_registry_clients().registries:
        nipyapi.versioning.delete_registry_client(one)


def empty_canvas(command: Idemflow) -> None:
    """Take away all that is on a canvas, whatever is queued, and all that belongs to it."""
    client.connect(command.target().nifi)
    root = nipyapi.canvas.get_root_pg_id()
    _put_to_rest(root)
    for group in nipyapi.nifi.ProcessGroupsApi().get_process_groups(root).process_groups:
        process_groups.delete(group.id)
    for context in nipyapi.parameters.list_all_parameter_contexts():
        nipyapi.parameters.delete_parameter_context(context)
    remove_registries()


def _put_to_rest(group: str) -> None:
    """Stop all of a group, drop what is queued and disable its services, each in one request."""
    control.stop(group)
    api = nipyapi.nifi.ProcessGroupsApi()
    drop = api.create_empty_all_connections_request(group).drop_request.id
    wait_until(
        lambda: api.get_drop_all_flowfiles_request(group, drop).drop_request.finished,
        "the queues are empty",
    )
    api.remove_drop_request1(group, drop)
    disabled = nipyapi.nifi.ActivateControllerServicesEntity(id=group, state="DISABLED")
    nipyapi.nifi.FlowApi().activate_controller_services(id=group, body=disabled)
    wait_until(
        lambda: all(
            one.component.state == "DISABLED" for one in process_groups.controller_services(group)
        ),
        "the services are disabled",
    )


def empty_elasticsearch(command: Idemflow) -> None:
    """Delete all indices of pipelines, and the ledger's, with their templates."""
    with command.elasticsearch() as elasticsearch:
        names = [str(name) for name in elasticsearch.indices.get(index="*", features="aliases")]
        if names:
            elasticsearch.indices.delete(index=names)
        none_is_fine = elasticsearch.options(ignore_status=404)
        none_is_fine.indices.delete_index_template(name="idemflow-*")


def put_step(name: str) -> Any:
    """The step of a pipeline on the canvas that an operator changes in the tests."""
    return process_groups.trigger(process_groups.find_id(name), PUT)


def set_tasks(name: str, count: int) -> None:
    """What an operator does: stop a step, change how many tasks it has, start it."""
    nipyapi.canvas.schedule_processor(put_step(name), False)
    nipyapi.canvas.update_processor(
        put_step(name),
        nipyapi.nifi.ProcessorConfigDTO(concurrently_schedulable_task_count=count),
    )
    nipyapi.canvas.schedule_processor(put_step(name), True)


def tasks(name: str) -> int:
    """How many tasks that step has."""
    return int(put_step(name).component.config.concurrently_schedulable_task_count)


def waiting(name: str) -> int:
    """How many FlowFiles wait for that step."""
    found: dict[str, int] = monitoring.activity(process_groups.find_id(name)).queues
    return sum(count for queue, count in found.items() if queue.endswith(PUT))


def is_as_previewed(command: Idemflow, name: str, index: str, code: int = 0) -> bool:
    """Whether an index has ids, versions and contents that a preview of the pipeline gives."""
    found = command.json("preview", name, "--all", "--limit", "10000", code=code)
    assert len(found["shown"]) == found["documents"] > 0
    previewed: dict[str, tuple[int | None, Any]] = {}
    for one in found["shown"]:
        before = previewed.get(one["id"], (None, None))
        if (one["version"] or 0) >= (before[0] or 0):
            previewed[one["id"]] = one["version"], None if one["operation"] != "index" else one
    with command.elasticsearch() as client:
        hits = client.search(index=index, size=10_000, version=True)["hits"]["hits"]
    there = {hit["_id"]: (hit["_version"], hit["_source"]) for hit in hits}
    wanted = {
        key: (there.get(key, (None,))[0] if version is None else version, one["document"])
        for key, (version, one) in previewed.items()
        if one is not None
    }
    return there == wanted

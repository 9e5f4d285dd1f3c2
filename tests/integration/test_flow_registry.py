"""The flow registry client on a running NiFi, next to git's own view of the repository."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nipyapi
import pytest

from idemflow.canvas import client
from idemflow.security.owner import servers_user
from tests.integration.tools import Idemflow, wait_until

pytestmark = pytest.mark.timeout(600)

TYPE = "io.idemflow.registry.GitFlowRegistryClient"
SECRET = "s3cr3t-of-this-test"
SCRIPT = """\
# One
flowFile = session.get()
if flowFile:
    session.transfer(flowFile, REL_SUCCESS)
"""
FILE = "flows/team/People.json"


@dataclass(frozen=True)
class Repository:
    """A repository that NiFi's user owns, worked on with the git command as that user."""

    path: Path

    def git(self, *arguments: str) -> str:
        owner = self.path.stat()
        other = owner.st_uid != os.getuid()
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={
                **os.environ,
                "HOME": str(self.path.parent),
                "GIT_CONFIG_GLOBAL": "/dev/null",
                **{f"GIT_{role}_NAME": "Human" for role in ("AUTHOR", "COMMITTER")},
                **{f"GIT_{role}_EMAIL": "h@example.org" for role in ("AUTHOR", "COMMITTER")},
            },
            user=owner.st_uid if other else None,
            group=owner.st_gid if other else None,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout).strip()

    def write(self, file: str, text: str) -> None:
        target = self.path / file
        owner = self.path.stat()
        missing = [folder for folder in target.parents if not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        for made in (*missing, target):
            os.chown(made, owner.st_uid, owner.st_gid)


@pytest.fixture
def repository(idemflow: Idemflow, shared_folder: Path) -> Repository:
    path = shared_folder / "repository"
    path.mkdir()
    settings = idemflow.settings()
    owner = servers_user(settings.home, settings.run_as_user)
    for made_folder in (shared_folder, path):
        os.chown(made_folder, owner.uid, owner.gid)
    made = Repository(path)
    made.git("init", "-q", "-b", "main")
    made.write("flows/team/.gitkeep", "")
    made.git("add", "flows")
    made.git("commit", "-q", "-m", "Make the bucket team")
    return made


@pytest.fixture
def registry(idemflow: Idemflow, repository: Repository) -> Iterator[Any]:
    """A client of that repository."""
    client.connect(idemflow.target().nifi)
    made = nipyapi.versioning.create_registry_client(
        name="flows in git",
        reg_type=TYPE,
        properties={"Repository Path": str(repository.path)},
    )
    yield made
    nipyapi.versioning.delete_registry_client(
        nipyapi.nifi.ControllerApi().get_flow_registry_client(made.id)
    )


@pytest.fixture
def people(idemflow: Idemflow) -> Iterator[Any]:
    """A group with a script, a controller service, parameters, a secret and a nested group."""
    client.connect(idemflow.target().nifi)
    root = nipyapi.canvas.get_process_group(nipyapi.canvas.get_root_pg_id(), "id")
    group = nipyapi.canvas.create_process_group(root, "People", (400.0, 400.0))
    context = nipyapi.parameters.create_parameter_context(
        "people of a test",
        parameters=[
            nipyapi.parameters.prepare_parameter("zone", "eu"),
            nipyapi.parameters.prepare_parameter("password", SECRET, sensitive=True),
        ],
    )
    nipyapi.parameters.assign_context_to_process_group(group, context.id)
    inner = nipyapi.canvas.create_process_group(group, "Inner", (0.0, 400.0))
    script = create(group, "org.apache.nifi.processors.script.ExecuteScript", "Step")
    configure(script, {"Script Engine": "python", "Script Body": SCRIPT})
    create(inner, "org.apache.nifi.processors.standard.GenerateFlowFile", "Deep")
    source = create(group, "org.apache.nifi.processors.standard.GenerateFlowFile", "Source")
    nipyapi.canvas.create_connection(source, script, ["success"])
    kind = nipyapi.canvas.get_controller_type(
        "org.apache.nifi.elasticsearch.ElasticSearchClientServiceImpl", "name"
    )
    kind = kind[0] if isinstance(kind, list) else kind
    service = nipyapi.canvas.create_controller(group, kind, "Elasticsearch")
    nipyapi.canvas.update_controller(
        service,
        nipyapi.nifi.ControllerServiceDTO(
            properties={"el-cs-http-hosts": "https://localhost:9200", "el-cs-password": SECRET}
        ),
    )
    yield nipyapi.canvas.get_process_group(group.id, "id")
    for made in groups(root):
        if made.component.name == "People":
            nipyapi.canvas.delete_process_group(made, force=True, refresh=True)
    nipyapi.parameters.delete_parameter_context(
        nipyapi.parameters.get_parameter_context(context.id, "id")
    )


def groups(parent: Any) -> list[Any]:
    """The groups right inside a group."""
    return list(nipyapi.nifi.ProcessGroupsApi().get_process_groups(parent.id).process_groups)


def deploy(registry: Any) -> Any:
    """Import the flow once more, next to the group that it was made of."""
    root = nipyapi.canvas.get_root_pg_id()
    return nipyapi.versioning.deploy_git_registry_flow(
        registry.id, "team", "People", root, (0, 800)
    )


def create(group: Any, kind: str, name: str) -> Any:
    types = nipyapi.canvas.get_processor_type(kind, "name")
    chosen = types[0] if isinstance(types, list) else types
    return nipyapi.canvas.create_processor(group, chosen, (0.0, 0.0), name)


def configure(processor: Any, properties: dict[str, str]) -> None:
    nipyapi.canvas.update_processor(
        nipyapi.canvas.get_processor(processor.id, "id"),
        nipyapi.nifi.ProcessorConfigDTO(properties=properties),
    )


def processor(group: Any, name: str) -> Any:
    found = [p for p in nipyapi.canvas.list_all_processors(group.id) if p.component.name == name]
    assert len(found) == 1
    return found[0]


def script_of(group: Any) -> str:
    return str(processor(group, "Step").component.config.properties["Script Body"])


def change_script(group: Any, old: str, new: str) -> None:
    text = script_of(group)
    assert old in text
    configure(processor(group, "Step"), {"Script Body": text.replace(old, new)})


def save(group: Any, registry: Any, comment: str, *, force: bool = False) -> Any:
    return nipyapi.versioning.save_git_flow_ver(
        nipyapi.canvas.get_process_group(group.id, "id"),
        registry_client=registry,
        bucket="team",
        comment=comment,
        desc="Loads people",
        force=force,
    ).version_control_information


def state(group: Any) -> str:
    info = nipyapi.nifi.VersionsApi().get_version_information(group.id)
    return str(info.version_control_information.state)


def explanation(group: Any) -> str:
    info = nipyapi.nifi.VersionsApi().get_version_information(group.id)
    return str(info.version_control_information.state_explanation)


def reaches(group: Any, wanted: str) -> None:
    wait_until(
        lambda: state(group) == wanted,
        f"{wanted}, but {state(group)}: {explanation(group)}",
        seconds=150,
    )


def modifications(group: Any) -> list[tuple[str, str]]:
    """The component and the kind of each local change."""
    found = nipyapi.nifi.ProcessGroupsApi().get_local_modifications(group.id)
    return sorted(
        (component.component_name, difference.difference_type)
        for component in found.component_differences
        for difference in component.differences
    )


def test_the_version_menu(registry: Any, repository: Repository, people: Any) -> None:
    first = save(people, registry, "Load people").version
    assert first == repository.git("rev-parse", "HEAD")
    reaches(people, "UP_TO_DATE")
    assert modifications(people) == []
    assert repository.git("log", "-1", "--format=%an|%s") == "admin|Load people"
    assert repository.git("status", "--porcelain") == ""
    assert FILE in repository.git("ls-files").splitlines()

    change_script(people, "# One", "# Two")
    reaches(people, "LOCALLY_MODIFIED")
    assert modifications(people) == [("Step", "Property Value Changed")]
    second = save(people, registry, "Say two").version
    reaches(people, "UP_TO_DATE")
    diff = repository.git("diff", "-U0", first, second).splitlines()
    assert [line.replace(" ", "") for line in diff if line[:2] in ("- ", "+ ")] == [
        '-"#One",',
        '+"#Two",',
    ]
    assert SECRET not in repository.git("log", "-p")

    nipyapi.versioning.update_git_flow_ver(people, first)
    assert script_of(people) == SCRIPT
    reaches(people, "STALE")
    nipyapi.versioning.update_git_flow_ver(people)
    assert script_of(people) == SCRIPT.replace("# One", "# Two")
    reaches(people, "UP_TO_DATE")

    change_script(people, "# Two", "# Three")
    reaches(people, "LOCALLY_MODIFIED")
    nipyapi.versioning.revert_flow_ver(people, wait=True)
    assert script_of(people) == SCRIPT.replace("# One", "# Two")
    reaches(people, "UP_TO_DATE")

    repository.git("tag", "people@v2")
    listed = nipyapi.versioning.list_git_registry_flow_versions(registry.id, "team", "People")
    versions = [
        one.versioned_flow_snapshot_metadata for one in listed.versioned_flow_snapshot_metadata_set
    ]
    assert [(one.version, one.comments) for one in sorted(versions, key=lambda v: v.timestamp)] == [
        (first, "Load people"),
        (second, "[people@v2] Say two"),
    ]
    nipyapi.versioning.stop_flow_ver(people)
    assert repository.git("rev-parse", "HEAD") == second


def test_import_and_a_second_group(registry: Any, repository: Repository, people: Any) -> None:
    first = save(people, registry, "Load people").version
    other = deploy(registry)
    reaches(other, "UP_TO_DATE")
    assert modifications(other) == []
    assert script_of(other) == SCRIPT
    assert [inner.component.name for inner in groups(other)] == ["Inner"]
    assert processor(other, "Deep").component.parent_group_id != other.id
    services = nipyapi.canvas.list_all_controllers(other.id, descendants=False)
    assert "Elasticsearch" in [one.component.name for one in services]
    assert other.component.parameter_context.component.name == "people of a test"

    change_script(people, "# One", "# Two")
    second = save(people, registry, "Say two").version
    reaches(other, "STALE")
    nipyapi.versioning.update_git_flow_ver(other)
    assert script_of(other) == SCRIPT.replace("# One", "# Two")
    reaches(other, "UP_TO_DATE")
    # The same flow from another group of another place gives the same file, but for the change.
    change_script(other, "# Two", "# Three")
    third = save(other, registry, "Say three").version
    assert repository.git("diff", "--shortstat", second, third).endswith(
        "1 insertion(+), 1 deletion(-)"
    )
    assert repository.git("log", "--format=%H", "--", FILE).splitlines() == [third, second, first]


def test_a_flow_inside_a_flow(registry: Any, repository: Repository, people: Any) -> None:
    (inner,) = groups(people)
    nested = nipyapi.versioning.save_git_flow_ver(
        inner, registry_client=registry, bucket="team", flow_name="Clean / ü", comment="Inner"
    ).version_control_information
    assert nested.flow_name == "Clean / ü"
    listed = nipyapi.versioning.list_git_registry_flow_versions(registry.id, "team", nested.flow_id)
    assert len(listed.versioned_flow_snapshot_metadata_set) == 1
    save(people, registry, "Outer")
    reaches(people, "UP_TO_DATE")
    assert '"version": "' + nested.version in repository.git("show", f"HEAD:{FILE}")
    assert str(repository.path) not in repository.git("log", "-p")
    other = deploy(registry)
    assert processor(other, "Deep").component.parent_group_id != other.id
    reaches(other, "UP_TO_DATE")


def test_a_person_commits_too(registry: Any, repository: Repository, people: Any) -> None:
    """Before NiFi looks at the repository again, that is away for a while as well."""
    first = save(people, registry, "Load people").version
    reaches(people, "UP_TO_DATE")
    text = (repository.path / FILE).read_text(encoding="utf-8")
    repository.write(FILE, text.replace("# One", "# By hand"))
    change_script(people, "# One", "# Two")
    # Not committed yet: the person's work must not be overwritten.
    with pytest.raises(ValueError, match="has changes in the working tree that are not committed"):
        save(people, registry, "Say two")
    repository.git("commit", "-q", "-a", "-m", "By hand")
    hand = repository.git("rev-parse", "HEAD")
    with pytest.raises(ValueError, match=r"changed in git since version|not synchronized"):
        save(people, registry, "Say two")
    assert repository.git("rev-parse", "HEAD") == hand
    away = repository.path.with_name("away")
    repository.path.rename(away)
    reaches(people, "SYNC_FAILURE")
    assert "does not exist" in explanation(people)
    assert "Put the repository back" in explanation(people)
    away.rename(repository.path)
    reaches(people, "LOCALLY_MODIFIED_AND_STALE")
    forced = save(people, registry, "Say two all the same", force=True).version
    assert repository.git("log", "--format=%H", "--", FILE).splitlines() == [forced, hand, first]
    nipyapi.versioning.update_git_flow_ver(people, hand)
    assert script_of(people) == SCRIPT.replace("# One", "# By hand")


def test_commits_that_git_refuses(registry: Any, repository: Repository, people: Any) -> None:
    first = save(people, registry, "Load people").version
    reaches(people, "UP_TO_DATE")
    change_script(people, "# One", "# Two")
    lock = repository.path / ".git" / "index.lock"
    lock.touch()
    with pytest.raises(ValueError, match="delete that file"):
        save(people, registry, "Say two")
    lock.unlink()
    objects = repository.path / ".git" / "objects"
    modes = {folder: folder.stat().st_mode for folder in (objects, *objects.iterdir())}
    for folder in modes:
        folder.chmod(0o555)
    with pytest.raises(ValueError, match=r"may not read or write there.*Change the owner"):
        save(people, registry, "Say two")
    for folder, mode in modes.items():
        folder.chmod(mode)
    assert repository.git("rev-parse", "HEAD") == first
    assert repository.git("status", "--porcelain") == ""
    repository.git("checkout", "-q", "--detach")
    second = save(people, registry, "Say two").version
    assert repository.git("rev-parse", "main") == second
    assert repository.git("rev-parse", "HEAD") == first
    assert script_of(people) == SCRIPT.replace("# One", "# Two")

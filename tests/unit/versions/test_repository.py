"""The repository of a project's flows, with the real git."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idemflow.config import settings
from idemflow.errors import GitError, UsageError
from idemflow.security.owner import Owner, servers_user
from idemflow.versions import repository
from idemflow.versions.git import checked
from idemflow.versions.repository import Repository

FILE = "flows/pipelines/people.json"


def git(path: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(path), "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def commit(path: Path, text: str, message: str, file: str = FILE) -> str:
    target = path / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    git(path, "add", file)
    git(path, "commit", "-q", "-m", message)
    return git(path, "rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "a project"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    return path


def opened(path: Path, project: Path | None = None) -> Repository:
    owner = Owner(os.geteuid(), os.getegid(), is_self=True)
    return Repository(path, "flows", "main", project, owner)


@pytest.fixture
def apart(project: Path, tmp_path: Path) -> Repository:
    """A bare repository that NiFi uses, and the project's."""
    bare = tmp_path / "bare.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    return opened(bare, project)


def test_an_empty_repository_has_no_versions(project: Path) -> None:
    assert opened(project).versions("people") == []


def test_versions_are_the_commits_of_the_file(project: Path) -> None:
    first = commit(project, "1", "First\n\nMore")
    commit(project, "x", "Something else", "README")
    store = opened(project)
    newest = store.versions("people")
    assert [(one.id, one.comment, one.author) for one in newest] == [(first, "First", "A")]
    # A tag on a later commit that left the file as it was names the version, too.
    git(project, "tag", "people@v1")
    second = commit(project, "2", "Second")
    assert [(one.id, one.tags) for one in store.versions("people")] == [
        (second, ()), (first, ("people@v1",)),
    ]  # fmt: skip
    for revision in ("v1", "people@v1", first, first[:8], "HEAD~1"):
        assert store.resolve("people", revision).id == first
    assert store.resolve("people", "main").id == second
    assert store.read("people", first) == "1"
    for wrong in ("v9", "--all", "", "HEAD~9"):
        with pytest.raises(UsageError, match="has no version"):
            store.resolve("people", wrong)
    with pytest.raises(UsageError, match="has no version of other"):
        store.resolve("other", "main")


def test_a_version_of_another_branch_has_to_be_merged(project: Path) -> None:
    commit(project, "1", "First")
    git(project, "switch", "-q", "-c", "production")
    store = replace(opened(project), branch="production")
    git(project, "switch", "-q", "main")
    second = commit(project, "2", "Second")
    git(project, "tag", "people@v2")
    git(project, "switch", "-q", "production")
    for revision, merged in (("v2", "people@v2"), ("main", "main")):
        with pytest.raises(UsageError, match="on branch 'production'") as refused:
            store.resolve("people", revision)
        assert refused.value.next_command == f"git merge {merged}"
    git(project, "merge", "-q", "people@v2")
    assert store.resolve("people", "v2").id == second


def test_a_tag_names_one_version(project: Path) -> None:
    commit(project, "1", "First")
    store = opened(project)
    first = store.resolve("people", "main")
    assert store.tag("people", "v1", first) == "people@v1"
    assert store.tag("people", "v1", first) == "people@v1"
    commit(project, "2", "Second")
    with pytest.raises(UsageError, match=r"people@v1 names .* already: First"):
        store.tag("people", "v1", store.resolve("people", "main"))
    for wrong in ("-d", "a b", "a..b", "x.lock", "", "a/b"):
        with pytest.raises(UsageError, match="cannot be a tag"):
            store.tag("people", wrong, first)


def test_both_ways_between_nifi_and_the_project(apart: Repository, project: Path) -> None:
    first = commit(project, "1", "First")
    apart.synchronize()
    assert [one.id for one in apart.versions("people")] == [first]

    clone = project.parent / "clone"
    git(project.parent, "clone", "-q", str(apart.path), str(clone))
    second = commit(clone, "2", "By NiFi")
    git(clone, "push", "-q")
    apart.synchronize()
    assert git(project, "rev-parse", "HEAD") == second
    assert (project / FILE).read_text() == "2"
    assert git(project, "status", "--porcelain") == ""

    git(project, "tag", "people@v1", first)
    apart.synchronize()
    assert apart.resolve("people", "v1").id == first
    apart.tag("people", "v2", apart.resolve("people", second))
    assert git(project, "rev-parse", "people@v2") == second
    before = git(apart.path, "for-each-ref")
    apart.synchronize()
    assert git(apart.path, "for-each-ref") == before


def test_another_branch_is_checked_out(apart: Repository, project: Path) -> None:
    commit(project, "1", "First")
    apart.synchronize()
    git(project, "checkout", "-q", "-b", "feature")
    clone = project.parent / "clone"
    git(project.parent, "clone", "-q", str(apart.path), str(clone))
    second = commit(clone, "2", "By NiFi")
    git(clone, "push", "-q")
    apart.synchronize()
    assert git(project, "rev-parse", "main") == second
    assert (project / FILE).read_text() == "1"


def test_parted_histories_are_told_and_nothing_is_lost(apart: Repository, project: Path) -> None:
    commit(project, "1", "First")
    apart.synchronize()
    clone = project.parent / "clone"
    git(project.parent, "clone", "-q", str(apart.path), str(clone))
    theirs = commit(clone, "2", "By NiFi")
    git(clone, "push", "-q")
    ours = commit(project, "x", "By hand", "README")
    with pytest.raises(UsageError, match="have parted") as error:
        apart.synchronize()
    assert "rebase refs/idemflow/main" in str(error.value.next_command)
    assert git(project, "rev-parse", "main") == ours
    git(project, "rebase", "-q", "refs/idemflow/main")
    apart.synchronize()
    assert git(apart.path, "rev-parse", "main") == git(project, "rev-parse", "main")
    assert git(project, "rev-parse", "main~1") == theirs


def test_a_change_in_the_working_tree_is_not_overwritten(apart: Repository, project: Path) -> None:
    commit(project, "1", "First")
    apart.synchronize()
    clone = project.parent / "clone"
    git(project.parent, "clone", "-q", str(apart.path), str(clone))
    commit(clone, "2", "By NiFi")
    git(clone, "push", "-q")
    (project / FILE).write_text("mine")
    with pytest.raises(GitError, match="would be overwritten"):
        apart.synchronize()
    assert (project / FILE).read_text() == "mine"


def test_a_git_that_fails_is_no_usage_error(project: Path) -> None:
    commit(project, "1", "First")
    store = opened(project)
    version = store.resolve("people", "main")
    lock = project / ".git/refs/tags/people@v1.lock"
    lock.touch()
    with pytest.raises(GitError, match=r"Unable to create .*File exists") as caught:
        store.tag("people", "v1", version)
    assert caught.value.exit_code == 1
    assert caught.value.next_command == f"if no other git works there: rm '{lock}'"
    with pytest.raises(GitError, match="git show in ") as caught:
        store.read("other", version.id)
    assert caught.value.next_command == f"git -C '{project}' status"


def test_without_git(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project in no repository needs none; one that is in one is told what is missing."""
    store, found = opened(project), settings.resolve({"project": project})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git is not installed") as caught:
        store.versions("people")
    assert (caught.value.exit_code, caught.value.next_command) == (1, "sudo apt-get install git")
    with pytest.raises(GitError, match="git is not installed"):
        repository.find(found)
    assert repository.find(settings.resolve({"project": tmp_path})) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_history_of_a_closed_project_is_read_by_its_owner_and_nifis_user_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory() as place:  # others may enter it, but for the project
        Path(place).chmod(0o755)
        closed, home = Path(place, "closed"), Path(place, "home")
        closed.mkdir(mode=0o700)
        git(closed, "init", "-q", "-b", "main")
        commit(closed, "private", "First")
        chosen = settings.resolve({"project": str(closed), "home": str(home)})
        store = repository.needed(chosen)
        nifis = servers_user(home, None)
        read = ("-c", f"safe.directory={store.path}", "-C", store.path, "log")
        assert as_user(nifis, "git", *read) == 0
        # One that an earlier version left open is closed.
        for folder in (store.path.parent, store.path, *store.path.rglob("*")):
            folder.chmod(0o755 if folder.is_dir() else 0o644)
        assert as_user(STRANGER, "git", *read) == 0
        store = repository.needed(chosen)
        assert as_user(nifis, "git", *read) == 0
        assert as_user(STRANGER, "git", *read) != 0
        for path in (store.path.parent, store.path, store.path / "HEAD"):
            assert as_user(STRANGER, "cat" if path.is_file() else "ls", path) != 0, path
        # NiFi's user, as which the scripts run, writes in no folder that root's git writes in;
        # and the umask of who runs idemflow does not matter.
        made: list[os.stat_result] = []
        carried = checked

        def seen(path: Path, *rest: Any) -> str:
            made.extend(one.stat() for one in store.path.parent.glob(".bundle-*"))
            return carried(path, *rest)

        monkeypatch.setattr(repository, "checked", seen)
        before = os.umask(0o077)
        try:
            second = commit(closed, "2", "Second")
            store.synchronize()
        finally:
            os.umask(before)
        assert store.versions("people")[0].id == second
        assert {(one.st_uid, one.st_gid, one.st_mode & 0o777) for one in made} == {
            (0, nifis.gid, 0o750)
        }
        assert [path.name for path in store.path.parent.iterdir()] == [store.path.name]


STRANGER = Owner(65534, 65534, is_self=False)


def as_user(user: Owner, *command: str | Path) -> int:
    return subprocess.run(
        command, capture_output=True, check=False, cwd="/", **user.identity()
    ).returncode

"""The git repository that holds a project's flows, worked on with the git command.

NiFi commits to it through its flow registry client. Where NiFi's user may write to the repository
that the project is in, that one is used as it is. Started by root, the servers run as another user
who may not: then NiFi works on a bare repository in the runtime's home, which belongs to that
user, and :meth:`Repository.synchronize` keeps the two in step.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from idemflow.config.settings import Settings
from idemflow.errors import GitError, UsageError
from idemflow.security.owner import Owner, closed, folder, servers_user
from idemflow.versions.git import checked, run

BUCKET = "pipelines"
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
# Fields of `git log`, apart by a character that no comment has.
_FORMAT = "%H%x1f%aI%x1f%an%x1f%s"
# Runs git in one of the repositories; what it prints.
_Git = Callable[..., str]


@dataclass(frozen=True)
class Version:
    """A commit that changed a flow.

    Attributes:
        id: the commit's hash, which is NiFi's name of the version.
        at: when, with its time zone.
        author: NiFi's user, or whoever committed with git.
        comment: the first line of its message.
        tags: names of releases, such as ``people@v3``.
    """

    id: str
    at: datetime
    author: str
    comment: str
    tags: tuple[str, ...]

    @property
    def title(self) -> str:
        """What a person calls it: its first tag, or the start of its hash."""
        return self.tags[0] if self.tags else self.id[:9]


@dataclass(frozen=True)
class Repository:
    """The repository of a project's flows.

    Attributes:
        path: the repository as NiFi reaches it.
        directory: the folder of the buckets in it.
        branch: the branch that versions are committed to.
        project: the working tree to keep in step; ``None`` where NiFi uses it itself.
        owner: whose ``path`` is.
    """

    path: Path
    directory: str
    branch: str
    project: Path | None
    owner: Owner

    def file(self, pipeline: str) -> str:
        """Where a pipeline's versions are, as a path in the repository."""
        place = f"{BUCKET}/{pipeline}.json"
        return place if self.directory == "." else f"{self.directory}/{place}"

    def versions(self, pipeline: str) -> list[Version]:
        """The versions of a pipeline's flow, newest first."""
        if not self._has_branch():
            return []
        file = self.file(pipeline)
        tags = self._tags(pipeline, file)
        found = []
        for line in self._git("log", f"--format={_FORMAT}", self.branch, "--", file).splitlines():
            commit, at, author, comment = line.split("\x1f", 3)
            named = tuple(tags.get(commit, ()))
            found.append(Version(commit, datetime.fromisoformat(at), author, comment, named))
        return found

    def resolve(self, pipeline: str, revision: str) -> Version:
        """The version that a revision stands for.

        Args:
            pipeline: the pipeline's name.
            revision: ``v3`` for the tag ``people@v3``, or what git understands: a tag, a hash or
                its start, a branch.

        Raises:
            UsageError: there is no such revision, or it has no version of this flow.
        """
        show = f"idemflow flow log {pipeline}"
        for name in (f"refs/tags/{pipeline}@{revision}", revision):
            if name.startswith("-") or not self._knows(name):
                continue
            commit = self._git("log", "-1", "--format=%H", name, "--", self.file(pipeline))
            for version in self.versions(pipeline):
                if version.id == commit:
                    return version
            raise UsageError(
                f"{revision!r} has no version of {pipeline} on branch {self.branch!r}",
                next_command=f"git merge {name.removeprefix('refs/tags/')}" if commit else show,
            )
        raise UsageError(f"{pipeline} has no version {revision!r}", next_command=show)

    def read(self, pipeline: str, version: str) -> str:
        """The text of a version's file.

        Raises:
            GitError: the flow was removed in that commit.
        """
        return self._git("show", f"{version}:{self.file(pipeline)}")

    def tag(self, pipeline: str, name: str, version: Version) -> str:
        """Name a version ``PIPELINE@NAME``.

        Returns:
            The tag.

        Raises:
            UsageError: that cannot be a name, or names another version.
        """
        if not _TAG.fullmatch(name) or name.endswith((".", ".lock")) or ".." in name:
            raise UsageError(
                f"{name!r} cannot be a tag: letters, digits and . _ + -, such as v3",
                next_command=f"idemflow flow tag {pipeline} v3",
            )
        tag = f"{pipeline}@{name}"
        if self._knows(f"refs/tags/{tag}"):
            there = self.resolve(pipeline, name)
            if there.id == version.id:
                return tag
            raise UsageError(
                f"{tag} names {there.id[:9]} already: {there.comment}",
                next_command=f"choose another name, or `git tag -d {tag}` where it was never used",
            )
        self._git("tag", tag, version.id)
        self.synchronize()
        return tag

    def synchronize(self) -> None:
        """Bring NiFi's repository and the project's to the newer one's state.

        Nothing to do where they are one. The project's branch is only ever moved forward.

        Raises:
            UsageError: both have commits that the other lacks.
            GitError: the working tree is in the way, or git fails otherwise.
        """
        if self.project is None:
            return
        self._fetch_into_project()
        self._carry(self._project, self._git, {})

    def _fetch_into_project(self) -> None:
        project = self.project
        if project is None or not self._has_branch():
            return
        theirs = self._git("rev-parse", self.branch)
        kept = f"refs/idemflow/{self.branch}"
        # A ref of its own leaves the project's branches and remotes as they are.
        renamed = {f"refs/heads/{self.branch}": f"+refs/heads/{self.branch}:{kept}"}
        self._carry(self._git, self._project, renamed)
        ours = self._project(
            "rev-parse", "-q", "--verify", f"refs/heads/{self.branch}", check=False
        )
        if ours == theirs or (ours and self._project_contains(theirs, ours)):
            return
        if ours and not self._project_contains(ours, theirs):
            raise UsageError(
                f"the branch {self.branch!r} of {project} and what NiFi committed have parted",
                next_command=f"git -C {shlex.quote(str(project))} rebase {kept}",
            )
        current = self._project("symbolic-ref", "-q", "--short", "HEAD", check=False)
        if current == self.branch:
            self._project("merge", "-q", "--ff-only", theirs)
        else:
            self._project(
                "update-ref", f"refs/heads/{self.branch}", theirs, *([ours] if ours else [])
            )

    def _project_contains(self, commit: str, tip: str) -> bool:
        done = run(self.project or self.path, ["merge-base", "--is-ancestor", commit, tip])
        return done.returncode == 0

    def _carry(self, source: _Git, target: _Git, renamed: Mapping[str, str]) -> None:
        """Hand the branch and the tags over as a bundle.

        git itself refuses to read another user's repository, and NiFi's user may not enter the
        project.
        """
        branch = f"refs/heads/{self.branch}"
        listed = ("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags",
                  "refs/idemflow")  # fmt: skip
        theirs = set(target(*listed).splitlines())
        missing = {}
        for line in source(*listed).splitlines():
            commit, ref = line.split(" ", 1)
            to = renamed.get(ref, f"{ref}:{ref}")
            if (ref == branch or ref.startswith("refs/tags/")) and (
                f"{commit} {to.rpartition(':')[2]}" not in theirs
            ):
                missing[ref] = to
        if not missing:
            return
        with tempfile.TemporaryDirectory(dir=self.path.parent, prefix=".bundle-") as made:
            # NiFi's user reads it, and has nothing to write there: what root's git wrote in a
            # folder of that user's could be led elsewhere by a link.
            bundle = closed(Path(made), self.owner) / "bundle"
            with bundle.open("xb") as stream:
                bundle.chmod(0o600)
                if not self.owner.is_self:
                    os.chown(bundle, self.owner.uid, self.owner.gid)
                # All of the history: git leaves out of a bundle what names a commit that the
                # target has, and new tags on old versions are just that.
                source("bundle", "create", "-q", "-", *missing, output=stream)
            target("fetch", "-q", "--no-tags", str(bundle), *missing.values())

    def _tags(self, pipeline: str, file: str) -> dict[str, list[str]]:
        """Tags by the version that they stand for: a later commit may leave the file as it was."""
        found: dict[str, list[str]] = {}
        for tag in self._git(
            "tag", "--list", f"{pipeline}@*", "--sort=-version:refname"
        ).splitlines():
            commit = self._git("log", "-1", "--format=%H", f"refs/tags/{tag}", "--", file)
            if commit:
                found.setdefault(commit, []).append(tag)
        return found

    def _has_branch(self) -> bool:
        return self._knows(f"refs/heads/{self.branch}")

    def _knows(self, revision: str) -> bool:
        return bool(self._git("rev-parse", "-q", "--verify", f"{revision}^{{commit}}", check=False))

    def _git(self, *arguments: str, check: bool = True, output: IO[bytes] | None = None) -> str:
        user = None if self.owner.is_self else self.owner
        return checked(self.path, arguments, user, check, output)

    def _project(self, *arguments: str, check: bool = True, output: IO[bytes] | None = None) -> str:
        return checked(self.project or self.path, arguments, None, check, output)


def find(settings: Settings) -> Repository | None:
    """The repository of the project's flows; ``None`` where the project is in none.

    Raises:
        UsageError: the setting ``flow_repository`` names none.
        GitError: git fails, or there is a repository and no git.
    """
    owner = servers_user(settings.home, settings.run_as_user)
    top = _place(settings)
    if top is None:
        return None
    directory, branch = _directory(settings, top), _branch(top)
    if "nifi" not in settings.embedded or owner.is_self or top.stat().st_uid == owner.uid:
        held = owner if top.stat().st_uid == owner.uid else Owner(os.geteuid(), os.getegid(), True)
        return Repository(top, directory, branch, None, held)
    bare = settings.folders.flows(top)
    made = Repository(bare, directory, branch, top, owner)
    # Its history has the project's scripts, which may be in a folder that others cannot enter.
    closed(bare.parent, owner)
    folder(bare, 0o700, owner)
    if not (bare / "HEAD").is_file():
        made._git("init", "-q", "--bare", "-b", branch, str(bare))
    return made


def to_read(settings: Settings) -> Repository | None:
    """The same for who only reads: where NiFi has no repository of its own, none is made.

    Raises:
        UsageError: the setting ``flow_repository`` names none.
        GitError: git fails, or there is a repository and no git.
    """
    top = _place(settings)
    if top is None:
        return None
    # It may be closed to this user, who cannot be a writer then either.
    if os.access(settings.folders.flows(top) / "HEAD", os.R_OK):
        found = find(settings)
        if found is not None:
            found.synchronize()
        return found
    reader = Owner(os.geteuid(), os.getegid(), True)
    return Repository(top, _directory(settings, top), _branch(top), None, reader)


def _place(settings: Settings) -> Path | None:
    """The top folder of the repository; ``None`` where the project is in none."""
    place = settings.flow_repository or settings.project
    if settings.flow_repository is None and not (shutil.which("git") or _has_git_folder(place)):
        return None
    top = _top(place)
    if top is None and settings.flow_repository is not None:
        raise UsageError(
            f"setting flow_repository: {place} is no git repository on this machine",
            next_command=f"git init -b main {shlex.quote(str(place))}",
        )
    return top


def _directory(settings: Settings, top: Path) -> str:
    """The folder of the buckets in the repository."""
    inside = settings.project.resolve()
    if inside.is_relative_to(top) and inside != top:
        return f"{inside.relative_to(top).as_posix()}/flows"
    return "flows"


def needed(settings: Settings) -> Repository:
    """The same, kept in step with the project.

    Raises:
        UsageError: there is none.
    """
    found = find(settings)
    if found is None:
        raise UsageError(
            f"{settings.project} is in no git repository: versions have nowhere to be kept",
            next_command=f"git init -b main {shlex.quote(str(settings.project))}",
        )
    found.synchronize()
    return found


def discard(settings: Settings) -> None:
    """Delete NiFi's own repository with its runtime, once its versions are in the project's.

    Raises:
        UsageError: they cannot be brought there; nothing is deleted.
    """
    if not settings.folders.flow_copies.is_dir():
        return
    found = find(settings)
    if found is None or found.project is None:
        return
    found.synchronize()
    shutil.rmtree(found.path)
    with contextlib.suppress(OSError):  # another project's is there, too
        found.path.parent.rmdir()


def _has_git_folder(place: Path) -> bool:
    return any((folder / ".git").exists() for folder in (place, *place.parents))


def _top(place: Path) -> Path | None:
    """The top folder of the working tree, or the bare repository, that a folder is in."""
    if not place.is_dir():
        return None
    done = run(place, ["rev-parse", "--is-bare-repository"])
    if done.returncode:
        if "dubious ownership" in done.stderr:
            raise GitError(
                done.stderr.strip().splitlines()[0],
                next_command=f"git config --global --add safe.directory {shlex.quote(str(place))}",
            )
        return None
    bare = done.stdout.strip() == "true"
    what = ("--absolute-git-dir",) if bare else ("--show-toplevel",)
    return Path(checked(place, ("rev-parse", *what), None, True)).resolve()


def _branch(top: Path) -> str:
    return checked(top, ("symbolic-ref", "-q", "--short", "HEAD"), None, False) or "main"

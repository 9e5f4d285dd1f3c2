"""The git command: run as oneself or as NiFi's user, with its errors in its own words."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from idemflow.errors import GitError
from idemflow.security.owner import Owner

_SECONDS = 120


def checked(
    path: Path,
    arguments: tuple[str, ...],
    user: Owner | None,
    check: bool,
    output: IO[bytes] | None = None,
) -> str:
    """What git prints.

    Args:
        user: who runs it; ``None`` for oneself.
        check: whether a git that fails is an error.
        output: takes what it prints instead.

    Raises:
        GitError: it failed, and ``check``; or it is not installed, or does not end.
    """
    done = run(path, list(arguments), user, output)
    if done.returncode and check:
        told = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise GitError(f"git {arguments[0]} in {path}: {told}", next_command=_remedy(told, path))
    return (done.stdout or "").strip() if done.returncode == 0 else ""


def _remedy(told: str, path: Path) -> str:
    """What to run after git has said something."""
    if lock := re.search(r"Unable to create '(.+\.lock)': File exists", told):
        return f"if no other git works there: rm {shlex.quote(lock[1])}"
    if re.search(r"No space left on device|Disk quota exceeded", told):
        return "free some disk space, then the same command again"
    if re.search(r"tell me who you are|auto-detect email|empty ident", told):
        return 'git config --global user.name "..." && git config --global user.email "..."'
    return f"git -C {shlex.quote(str(path))} status"


def run(
    path: Path,
    arguments: list[str],
    user: Owner | None = None,
    output: IO[bytes] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs git; what it makes as another user, that user alone can read.

    Raises:
        GitError: it is not installed, or does not end.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {"LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}
    if user is not None:
        # That user has no home, and must not read the one of who runs idemflow.
        environment |= {"HOME": str(path), "GIT_CONFIG_GLOBAL": os.devnull}
    try:
        return subprocess.run(
            ["git", "-C", str(path), *arguments],
            stdout=output or subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd="/" if user else None,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
            umask=0o077 if user else -1,
        )
    except FileNotFoundError as error:
        raise GitError(
            "the program git is not installed", next_command="sudo apt-get install git"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise GitError(
            f"git {arguments[0]} in {path} does not end within {_SECONDS} s",
            next_command=f"git -C {shlex.quote(str(path))} status",
        ) from error


@dataclass(frozen=True)
class Head:
    """The commit that a working tree is at.

    Attributes:
        commit: its hash.
        changed: whether files differ from it, or are not in it.
    """

    commit: str
    changed: bool


def head(path: Path, files: tuple[str, ...]) -> Head | None:
    """The commit of a working tree; ``None`` where there is none, or git does not tell.

    Args:
        path: a folder in it.
        files: files and folders below that one, which are compared.

    Raises:
        GitError: git is not installed, or does not end.
    """
    commit = checked(path, ("rev-parse", "-q", "--verify", "HEAD^{commit}"), None, False)
    if not commit:
        return None
    done = run(path, ["status", "--porcelain", "--untracked-files=all", "--", *files])
    return None if done.returncode else Head(commit, bool(done.stdout.strip()))

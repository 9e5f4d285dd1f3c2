"""The runtime's folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

from idemflow.config import settings
from idemflow.servers.exclusive import make_home


def test_git_does_not_see_a_runtime_in_its_project(tmp_path: Path) -> None:
    home = tmp_path / ".idemflow"
    make_home(settings.resolve({"project": str(tmp_path), "home": str(home)}))
    (home / "secrets").mkdir()
    (home / "secrets" / "login.json").write_text("{}")

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(tmp_path), *arguments], capture_output=True, text=True, check=True
        ).stdout

    git("init", "-q")
    git("add", ".")
    assert git("status", "--porcelain", "--ignored") == "!! .idemflow/\n"


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    home = tmp_path / ".idemflow"
    names = ("nifi", "elasticsearch", "python", "flows", "turns")
    for name in names:
        (home / name).mkdir(parents=True)
        (home / name).chmod(0o755)
    make_home(settings.resolve({"project": str(tmp_path), "home": str(home)}))
    for name in names:
        assert (home / name).stat().st_mode & 0o007 == 0, name

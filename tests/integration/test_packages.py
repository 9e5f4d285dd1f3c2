"""The packages of a project: installed by pip from wheels that the tests write themselves."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import psutil
import pytest

from idemflow.config import settings
from idemflow.config.paths import Home
from idemflow.config.settings import Settings
from idemflow.errors import SupplyError, UsageError
from idemflow.security.owner import Owner
from idemflow.servers import asked
from idemflow.servers.state import Recorded, State
from idemflow.supply import packages, python_env
from idemflow.supply.progress import Silent
from tests.packages import require, wheel


class Steps(Silent):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def step(self, text: str) -> None:
        self.told.append(text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that needs a package, of which there are two versions."""
    for version in ("1.0", "1.1"):
        wheel(tmp_path / "one/wheels", "shout", version)
    require(tmp_path / "one", "shout<1.1")
    return tmp_path / "one"


def of(project: Path) -> Settings:
    return settings.resolve({"project": project, "cache": project.parent / "cache"})


def install(project: Path) -> Path:
    made = packages.install(of(project), Silent())
    assert made is not None
    return made


def version(project: Path, module: str = "shout") -> str:
    """The version of a module that scripts of the project get."""
    with packages.imported(of(project)):
        found: str = __import__(module).VERSION
        return found


def test_two_projects_do_not_see_each_others_packages(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "two"
    wheel(other / "wheels", "shout", "2.0")
    wheel(other / "wheels", "whisper", "1.0")
    require(other, "shout", "whisper")
    first, second = install(project), install(other)
    assert first != second
    # In turns, in one process: each has its own, and outside of both there is none.
    for _ in range(2):
        assert version(project) == "1.0"
        assert version(other) == "2.0"
    assert packages.lacking(of(project), {"shout", "whisper", "json"}) == ["whisper"]
    assert packages.lacking(of(other), {"shout", "whisper"}) == []
    assert not {"shout", "whisper"} & sys.modules.keys()
    assert str(first) not in sys.path
    assert packages.lacking(of(tmp_path), {"shout"}) == ["shout"]

    # NiFi's Python has idemflow's steps, then the project's packages, then those of idemflow.
    owner = Owner(os.geteuid(), os.getegid(), is_self=True)
    home = Home(tmp_path / "home")
    path = python_env.python_environment(home, owner, first).path
    assert path[:2] == (home.python / "own", first)
    assert any((folder / "click").is_dir() for folder in path[2:])
    assert second not in path


def test_what_nifis_user_cannot_read_is_copied_for_it(project: Path, tmp_path: Path) -> None:
    made = project / "wheels"
    (made / "shout.py").touch(0o600)
    nobody = Owner(65_000, os.getegid(), is_self=False)
    home = Home(tmp_path / "home")
    home.python.mkdir(parents=True)
    assert python_env._project_packages(home, nobody, made) == [home.python / "project"]
    copied = home.python / "project/shout.py"
    assert stat.S_IMODE(copied.stat().st_mode) & 0o004
    assert python_env._project_packages(home, nobody, None) == []
    assert not copied.exists()


def test_what_idemflow_imports_itself_is_its_own_again(project: Path) -> None:
    wheel(project / "wheels", "click", "999")
    wheel(project / "wheels", "jpy", "999")
    wheel(project / "wheels", "idemflow", "999")
    require(project, "click", "jpy", "idemflow")
    made = install(project)
    with packages.imported(of(project)):
        import click as theirs  # noqa: PLC0415

        assert vars(theirs)["VERSION"] == "999"
    assert sys.modules["click"] is click
    # A second copy of what NiFi has loaded would not work.
    assert not list(made.glob("jpy.*"))
    assert not list(made.glob("idemflow.*"))


def test_versions_are_locked_for_all_who_have_the_project(project: Path, tmp_path: Path) -> None:
    wheel(project / "wheels", "deep", "1.0")
    wheel(project / "wheels", "upper", "3.0", needs="deep>=1")
    require(project, "shout<1.1", "upper  # and what it needs")
    made = install(project)
    lock = project / "idemflow.lock"
    lines = [one for one in lock.read_text().splitlines() if not one.startswith("#")]
    assert lines == ["deep==1.0", "shout==1.0", "upper==3.0"]

    # A colleague, later.
    colleague = tmp_path / "colleague"
    shutil.copytree(project, colleague)
    wheel(colleague / "wheels", "deep", "1.5")
    assert install(colleague) != made
    assert version(colleague, "deep") == "1.0"
    assert (colleague / "idemflow.lock").read_text() == lock.read_text()
    # A comment asks for nothing else.
    file = colleague / "requirements.txt"
    file.write_text(f"# ours\n\n{file.read_text()}")
    assert packages.installed(of(colleague)) is not None
    # Another requirement does, and so does a lock that is gone.
    require(colleague, "shout", "upper")
    assert packages.installed(of(colleague)) is None
    lock.unlink()
    assert packages.installed(of(project)) is None
    install(colleague)
    assert (version(colleague), version(colleague, "deep")) == ("1.1", "1.5")


def test_what_a_kill_left_is_gone_and_two_at_once_install_once(project: Path) -> None:
    half = project.parent / "cache/packages/.making-old/packages/shout.py"
    half.parent.mkdir(parents=True)
    half.write_text("VERSION = 'half'\n")
    progress = Steps()
    with ThreadPoolExecutor(2) as pool:
        made = [pool.submit(packages.install, of(project), progress) for _ in range(2)]
    assert made[0].result() == made[1].result()
    assert progress.told == ["Installing the packages of requirements.txt"]
    assert [one.name for one in half.parents[2].iterdir()] == [str(made[0].result()).split("/")[-1]]


@pytest.mark.parametrize("text", ["", "# pandas==2.3.3\n", "--no-index\n\n", "-c limits.txt\n"])
def test_a_project_that_needs_nothing_has_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "limits.txt").write_text("shout==1\n")
    (tmp_path / "requirements.txt").write_text(text)
    assert packages.install(of(tmp_path), Silent()) is None
    assert not (tmp_path / "idemflow.lock").exists()


def test_a_file_that_is_included_counts(project: Path) -> None:
    (project / "more.txt").write_text("shout\n")
    (project / "limits.txt").write_text("shout==1.0\n")
    require(project, "-r more.txt", "--constraint=limits.txt")
    install(project)
    assert version(project) == "1.0"
    (project / "limits.txt").write_text("shout==1.1\n")
    assert packages.installed(of(project)) is None


@pytest.mark.parametrize(
    ("lines", "line", "told"),
    [
        (("shout", "nosuch.thing==9"), 4, "No matching distribution found for nosuch"),
        (("shout=1",), 3, "Invalid requirement: 'shout=1'"),
        (("shout==1.0", "lean"), 3, "lean 1.0 depends on shout==1.1"),
    ],
)
def test_what_cannot_be_installed_names_line_cause_and_command(
    project: Path, lines: tuple[str, ...], line: int, told: str
) -> None:
    wheel(project / "wheels", "lean", "1.0", needs="shout==1.1")
    require(project, *lines)
    with pytest.raises(SupplyError) as caught:
        install(project)
    place, _, cause = str(caught.value).partition(": ")
    assert place == f"{project / 'requirements.txt'}:{line}"
    assert told in cause
    assert "idemflow up" in str(caught.value.next_command)
    assert not (project / "idemflow.lock").exists()


def test_an_index_that_is_away_is_named_without_its_password(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PIP_RETRIES", "1")
    caplog.set_level("INFO")
    (project / "requirements.txt").write_text(
        "--index-url http://reader:hunter2@127.0.0.1:9/simple\nshout==7\n"
    )
    with pytest.raises(SupplyError) as caught:
        install(project)
    assert f"{project / 'requirements.txt'}:2: " in str(caught.value)
    assert "the package index gave no answer" in str(caught.value)
    assert "see why it gives none" in str(caught.value.next_command)
    assert "pip: " in caplog.text
    assert "hunter2" not in caplog.text + str(caught.value)


def test_a_package_that_is_edited_in_place_is_refused(project: Path) -> None:
    require(project, "-e ./own")
    with pytest.raises(UsageError, match=r"requirements\.txt:3: a package that is edited in"):
        packages.install(of(project), Silent())


def test_a_nifi_that_was_started_without_them_is_told(project: Path) -> None:
    me = psutil.Process()

    def running(packages: str) -> State:
        return State({"nifi": Recorded(me.pid, me.create_time(), 8443, "3", {}, packages)})

    made = install(project)
    asked.refuse_other_packages(of(project), running(made.name))
    asked.refuse_other_packages(of(project), State())  # NiFi will have them
    with pytest.raises(UsageError, match=r"NiFi runs without the packages that .*req") as e:
        asked.refuse_other_packages(of(project), running(""))
    assert e.value.next_command == "idemflow down && idemflow up"
    require(project, "shout")
    with pytest.raises(UsageError, match="NiFi runs without"):
        asked.refuse_other_packages(of(project), running(made.name))
    require(project)  # what NiFi has beyond that does no harm
    asked.refuse_other_packages(of(project), running(made.name))

"""Runtimes that other versions of idemflow wrote: taken over, or refused with what to do.

``homes/format-N`` is what a runtime of that format keeps of itself; it stays as it was written.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from idemflow.cli import main
from idemflow.config import settings
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError
from idemflow.servers import asked, down
from idemflow.servers.provision import refuse_newer
from idemflow.servers.state import FORMAT, read_state, write_state

HOMES = Path(__file__).with_name("homes")
FORMATS = range(FORMAT + 1)


def home_of(number: int, place: Path) -> Path:
    """A copy of the runtime of a format."""
    return shutil.copytree(HOMES / f"format-{number}", place / "home")


def resolved(tmp_path: Path) -> Settings:
    return settings.resolve({"project": str(tmp_path), "home": str(tmp_path / "home")})


@pytest.mark.parametrize("number", FORMATS)
def test_one_of_each_format_is_taken_over(tmp_path: Path, number: int) -> None:
    home = home_of(number, tmp_path)
    chosen = resolved(tmp_path)
    assert (chosen.nifi_port, chosen.elasticsearch_port) == (8543, 9300)
    assert project_id(chosen) == "0123456789ab"
    state = read_state(home / "state.json")
    assert {name: one.port for name, one in state.servers.items()} == {
        "nifi": 8543,
        "elasticsearch": 9300,
    }
    assert state.grants == ("idemflow-dead-letters", "people")
    refuse_newer(chosen, chosen.embedded, state.data)
    asked.refuse_others(chosen, state, state.servers)

    (home / "lock").touch(0o600)
    assert set(down(chosen).gone) == {"nifi", "elasticsearch"}
    kept = json.loads((home / "state.json").read_text())
    assert (kept["format"], kept["servers"]) == (FORMAT, {})
    assert tuple(kept["grants"]) == state.grants


def test_the_folder_of_this_format_is_what_this_version_writes(tmp_path: Path) -> None:
    """Where it is not, an older idemflow may get it wrong: see FORMAT in servers/state.py."""
    kept = (HOMES / f"format-{FORMAT}" / "state.json").read_text()
    home = home_of(FORMAT, tmp_path)
    write_state(home / "state.json", read_state(home / "state.json"))
    assert (home / "state.json").read_text() + "\n" == kept
    settings.remember(resolved(tmp_path))
    remembered = (HOMES / f"format-{FORMAT}" / "remembered.json").read_text()
    assert (home / "remembered.json").read_text() == remembered


@pytest.mark.parametrize(
    "command", [["up"], ["down"], ["status"], ["supervise"], ["down", "--delete", "--yes"]]
)
def test_one_of_a_newer_idemflow_is_refused_and_stays(tmp_path: Path, command: list[str]) -> None:
    home = home_of(FORMAT, tmp_path)
    newer = json.loads((home / "state.json").read_text())
    newer |= {"format": FORMAT + 1, "idemflow": "9.8.7", "servers": {"nifi": "of another shape"}}
    (home / "state.json").write_text(json.dumps(newer))
    (home / "lock").touch(0o600)
    given = {"IDEMFLOW_PROJECT": str(tmp_path), "IDEMFLOW_HOME": str(home)}
    done = CliRunner().invoke(main, command, env=given)
    assert (done.exit_code, done.stdout) == (1, "")
    told = " ".join(done.stderr.split())
    assert f"was written by idemflow 9.8.7 (format {FORMAT + 1}); this one" in told
    assert "next: use the newer idemflow" in told
    assert json.loads((home / "state.json").read_text()) == newer
    assert (home / "project-id").exists()


@pytest.mark.parametrize(
    ("server", "version", "refused"),
    [
        ("elasticsearch", "8.17.4", False),
        ("elasticsearch", "8.9.9", False),
        ("elasticsearch", "8.17.10", True),
        ("elasticsearch", "9.0.0", True),
        ("nifi", "2.10.0", True),
        ("nifi", "", False),
    ],
)
def test_data_of_a_newer_server_are_refused(
    tmp_path: Path, server: str, version: str, refused: bool
) -> None:
    chosen = resolved(tmp_path)
    refuse_newer(chosen, [], {server: version})  # it runs: it can read them
    if not refused:
        refuse_newer(chosen, chosen.embedded, {server: version})
        return
    with pytest.raises(IdemflowError, match=f"has data of .* {version}, and this idemflow brings"):
        refuse_newer(chosen, chosen.embedded, {server: version})

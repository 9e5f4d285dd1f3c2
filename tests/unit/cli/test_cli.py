"""How the command line finds its commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from idemflow import errors
from idemflow.cli import main

ROOT = Path(__file__).parents[3]


def idemflow(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_every_command_is_listed() -> None:
    context = click.Context(main)
    listed = main.list_commands(context)
    assert [name for name in listed if main.get_command(context, name) is None] == []
    assert set(main.commands) == set(listed)


def test_help_groups_the_commands_in_the_order_of_their_work() -> None:
    text = idemflow("--help").output
    headings = re.findall(r"^([A-Z][\w ]+):$", text, re.MULTILINE)
    assert headings == [
        "Options", "Beginning", "Servers", "Pipelines", "Data", "Flows in git", "Any flow",
    ]  # fmt: skip
    listed = re.findall(r"^  ([a-z-]+)  ", text[text.index("Beginning:") :], re.MULTILINE)
    assert listed == main.list_commands(click.Context(main))


def commands(group: click.Group, path: str = "idemflow") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield f"{path} {name}", found
        if isinstance(found, click.Group):
            yield from commands(found, f"{path} {name}")


def test_each_commands_help_has_an_example_that_calls_it() -> None:
    for path, one in commands(main):
        assert re.search(rf"^ +{path}( |$)", one.help or "", re.MULTILINE), path


_NAMED = re.compile(
    r"(?:`|^\$ (?:\.venv/bin/)?|next_command=[(\s]*f?[\"'])"
    r"idemflow ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?",
    re.MULTILINE,
)


def test_every_command_that_docs_and_messages_name_exists() -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("idemflow/**/*.py")]
    known = dict(commands(main))
    named = 0
    for page in pages:
        for name, verb in _NAMED.findall(page.read_text(encoding="utf-8")):
            named += 1
            found = known.get(f"idemflow {name}")
            assert found is not None, f"{page}: idemflow {name}"
            if isinstance(found, click.Group) and verb:
                assert f"idemflow {name} {verb}" in known, f"{page}: idemflow {name} {verb}"
    assert named > 200


@pytest.mark.parametrize(("typed", "close"), [("verfy", "verify"), ("flows", "flow")])
def test_an_unknown_command(typed: str, close: str) -> None:
    done = idemflow(typed)
    assert done.exit_code == 2
    assert f"No such command '{typed}'." in done.output
    assert "Did you mean" in done.output
    assert f"'{close}'" in done.output


def test_json_belongs_behind_the_command() -> None:
    done = idemflow("--json", "status")
    assert done.exit_code == 2
    assert "idemflow status ... --json" in done.output


def test_alone_outside_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = idemflow()
    assert done.exit_code == 0
    assert "There is no project here" in done.output
    assert json.loads(idemflow("--json").output)["project"] is None


def test_alone_in_a_project_whose_servers_are_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDEMFLOW_HOME", str(tmp_path / "home"))
    done = idemflow()
    assert done.exit_code == 0
    assert done.output.splitlines()[-1].startswith("next: idemflow new NAME")
    (tmp_path / "flows" / "people.yaml").write_text("pipeline: people\n")
    done = idemflow()
    assert done.output.splitlines() == [
        f"Project: {tmp_path}",
        "Servers (embedded): NiFi stopped, Elasticsearch stopped",
        "Pipelines: people",
        "next: idemflow up",
    ]
    found = json.loads(idemflow("--json").output)
    assert (found["names"], found["pipelines"], found["next_command"]) == (
        ["people"], None, "idemflow up",
    )  # fmt: skip


def test_alone_with_settings_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "idemflow.toml").write_text("[settings]\nnifi_port = 1\n")
    monkeypatch.chdir(tmp_path)
    done = idemflow()
    assert done.exit_code == 0
    assert done.output.startswith("problem: setting nifi_port")


def test_exit_codes_are_documented_and_each_is_used() -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", page, re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == errors.EXIT_CODES
    raised = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.IdemflowError)
    }
    assert raised | {0, errors.CRASHED, errors.STOPPED} == set(errors.EXIT_CODES)
    # The text at the top of errors.py names the codes, too.
    said = re.findall(r"(\w+) +exit (\d+)", errors.__doc__ or "")
    assert {name: int(code) for name, code in said} == {
        name: getattr(errors, name).exit_code for name, _ in said
    }


STARTING = ["up", "down", "demo-db start"]


@pytest.fixture(scope="module")
def clients() -> dict[str, list[str]]:
    """Which clients are imported once the help of each command was shown, one after another."""
    code = (
        "import json, sys\n"
        "from click.testing import CliRunner\n"
        "from idemflow.cli import main\n"
        "found = {}\n"
        f"for command in {STARTING}:\n"
        "    assert CliRunner().invoke(main, [*command.split(), '--help']).exit_code == 0\n"
        "    slow = {'nipyapi', 'elasticsearch', 'requests'}\n"
        "    found[command] = sorted(slow & set(sys.modules))\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("command", STARTING)
def test_starting_servers_does_not_wait_for_the_clients(
    command: str, clients: dict[str, list[str]]
) -> None:
    """They take longer to import than all else that these commands need."""
    assert clients[command] == []


@pytest.mark.parametrize(
    "completing",
    [{}, {"_IDEMFLOW_COMPLETE": "bash_complete", "COMP_WORDS": "idemflow ", "COMP_CWORD": "1"}],
)
def test_the_list_of_commands_is_read_without_the_clients(completing: dict[str, str]) -> None:
    """They take longer to import than the help needs without them, or a shell's completion."""
    code = (
        "import atexit, sys; from idemflow.cli import main; "
        "slow = {'nipyapi', 'elasticsearch', 'requests'}; "
        "atexit.register(lambda: print(slow & set(sys.modules))); "
        "main(['--help'], prog_name='idemflow')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **completing},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "dead-letters" in done.stdout
    assert done.stdout.endswith("set()\n")
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command
        assert main.first_sentence(context, name) == command.get_short_help_str(200) != ""


def test_a_message_names_commands_as_they_can_be_typed(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "people.yaml").write_text("pipeline: people\n")
    folder = Path(sys.executable).parent
    (tmp_path / "my bin").symlink_to(folder)
    plain = {key: value for key, value in os.environ.items() if not key.startswith("IDEMFLOW_")}
    plain |= {"IDEMFLOW_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    activated = plain | {"PATH": f"{folder}:/usr/bin:/bin"}
    for typed, environment, shown in (
        (f"{folder}/idemflow", plain, f"{folder}/idemflow"),
        ("my bin/idemflow", plain, "'my bin/idemflow'"),
        ("my bin/idemflow", activated, "idemflow"),
    ):
        done = subprocess.run(
            [typed], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == f"next: {shown} up"


def test_folders_of_nars_are_given_or_forgotten() -> None:
    refused = idemflow("up", "--nars", "a", "--no-nars")
    assert refused.exit_code == 2
    assert "--nars and --no-nars exclude each other" in refused.stderr

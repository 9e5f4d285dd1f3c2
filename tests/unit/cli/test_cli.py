"""How the command line finds its commands."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from idemflow.cli import main


def test_every_command_is_listed() -> None:
    context = click.Context(main)
    listed = main.list_commands(context)
    assert [name for name in listed if main.get_command(context, name) is None] == []
    assert sorted(main.commands) == listed


@pytest.mark.parametrize("command", ["up", "down", "demo-db start"])
def test_starting_servers_does_not_wait_for_the_clients(command: str) -> None:
    """They take longer to import than all else that these commands need."""
    code = (
        "import atexit, sys; from idemflow.cli import main; "
        "atexit.register(lambda: print({'nipyapi', 'elasticsearch'} & set(sys.modules))); "
        f"main({[*command.split(), '--help']})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")

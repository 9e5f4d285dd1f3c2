"""The command ``config``: the settings, and where each comes from."""

from __future__ import annotations

import dataclasses

import click
from rich.markup import escape

from idemflow.cli.base import main, show, verb
from idemflow.cli.tables.config import settings_table
from idemflow.commands.config import config as command
from idemflow.config.settings import Settings


@verb(main)
@click.argument("name", required=False)
def config(settings: Settings, name: str | None, as_json: bool) -> None:
    """Show each setting, its value and where it comes from, or the setting NAME alone.

    Of a secret it says only whether it is set. No server is asked.

    \b
    Examples:
      idemflow config
      idemflow config nifi_port
      idemflow config databases.shop --json
    """
    found = command(settings, name)
    meanings = [escape(one.meaning) for one in found if name and len(found) == 1]
    show(as_json, {"settings": [*map(dataclasses.asdict, found)]}, settings_table(found), *meanings)

"""The commands ``backup`` and ``restore``."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.markup import escape

from idemflow.cli.base import confirm, err, main, setting_option, show, verb
from idemflow.cli.tables import servers as tables
from idemflow.cli.tables.backup import backup_lines, restored_lines
from idemflow.commands import backup as backup_command
from idemflow.commands import restore as restore_command
from idemflow.config.combinations import TITLES
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.security import sealed
from idemflow.supply.progress import Progress, Silent

_FILE = click.Path(path_type=Path, dir_okay=False)
_passphrase_file = click.option(
    "--passphrase-file",
    type=_FILE,
    help="The passphrase of the secrets is this file's first line.",
)


@verb(main)
@click.argument("file", type=_FILE)
@click.option("--passphrase", "asks", is_flag=True, help="Ask for a passphrase of the secrets.")
@_passphrase_file
@click.option("--yes", is_flag=True, help="Stop the servers without a question.")
def backup(
    settings: Settings,
    file: Path,
    asks: bool,
    passphrase_file: Path | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Write all that the embedded servers have into the new FILE, a zip with mode 0600.

    The canvas, what is queued, what sources have read, all indices, dead letters and the ledger,
    of one moment: NiFi and Elasticsearch are stopped for it, and started again, after a question.
    Logins, keys and sensitive parameters are in it with a passphrase alone, encrypted.

    \b
    Examples:
      idemflow backup monday.zip
      idemflow backup monday.zip --passphrase
      idemflow backup "$(date +%F).zip" --passphrase-file ~/.idemflow-passphrase --yes
    """
    if asks and passphrase_file:
        raise click.UsageError("--passphrase and --passphrase-file exclude each other")
    chosen = sealed.read_passphrase(passphrase_file) if passphrase_file else None
    if asks:
        chosen = sealed.checked(_asked(twice=True))

    def ask(planned: backup_command.Planned) -> None:
        if planned.servers:
            names = " and ".join(TITLES[name] for name in planned.servers)
            reads = f"{tables.mebibytes(planned.size)} are read meanwhile."
            confirm(f"Stop {names}, and start them again?", reads, yes=yes)

    with tables.ConsoleProgress(err) as shown:
        progress: Progress = Silent() if as_json else shown
        done = backup_command.backup(settings, file, chosen, progress, confirm=ask)
    show(as_json, done, *map(escape, backup_lines(done)))


@verb(main)
@click.argument("file", type=_FILE)
@_passphrase_file
@click.option("--without-secrets", is_flag=True, help="Make new logins, whatever FILE has.")
@click.option("--check", is_flag=True, help="Read all of FILE, and restore nothing.")
@setting_option("nifi_port", metavar="PORT")
@setting_option("elasticsearch_port", metavar="PORT")
def restore(
    settings: Settings,
    file: Path,
    passphrase_file: Path | None,
    without_secrets: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Unpack what `idemflow backup` wrote into the runtime's folder, which must be empty.

    `idemflow up` then goes on where it was. The folder may be another than before, on another
    machine; ports that are not given are those of before. A file that is damaged, or of a newer
    idemflow, is refused, and nothing is restored.

    \b
    Examples:
      idemflow restore monday.zip
      IDEMFLOW_HOME=/srv/copy idemflow restore monday.zip --nifi-port 8543 --elasticsearch-port 9300
      idemflow restore monday.zip --check
    """
    if without_secrets and passphrase_file:
        raise click.UsageError("--without-secrets and --passphrase-file exclude each other")

    def passphrase() -> str | None:
        if without_secrets:
            return None
        return sealed.read_passphrase(passphrase_file) if passphrase_file else _asked()

    done = restore_command.restore(settings, file, passphrase, check=check)
    show(as_json, done, *map(escape, restored_lines(done, checked=check)))


def _asked(*, twice: bool = False) -> str:
    """A passphrase, typed on the terminal and not shown.

    Raises:
        UsageError: there is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask for a passphrase on",
            next_command="the same command with --passphrase-file FILE",
        )
    given = click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    return str(given)

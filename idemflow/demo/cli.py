"""The commands on the demo database: demo-db start, change, status, stop."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from idemflow.cli.base import Noun, err, json_option, out, print_json, resolve, show, verb
from idemflow.cli.tables.servers import ConsoleProgress, servers_table
from idemflow.config.settings import Settings
from idemflow.demo import commands
from idemflow.demo.orders import MAX_ORDERS
from idemflow.demo.server import PORT, Login
from idemflow.steps.rules.words import counted
from idemflow.supply.progress import Progress, Silent

_SEED = click.option(
    "--seed", default=42, show_default=True, help="The same seed makes the same orders."
)


def _number(flag: str, default: int, what: str) -> Callable[..., Any]:
    kind = click.IntRange(0, MAX_ORDERS)
    return click.option(flag, type=kind, default=default, show_default=True, help=what)


@click.group(name="demo-db", cls=Noun, no_args_is_help=True)
def demo_db() -> None:
    """A real PostgreSQL on this machine, with made-up orders that change over time.

    \b
    Examples:
      idemflow demo-db start     start it; the first time, make a thousand orders
      idemflow demo-db change    update, add and delete some
      idemflow demo-db stop      stop it; the data stay
    """


@demo_db.command()
@_number("--orders", commands.DEFAULT_ORDERS, "How many orders a new database gets.")
@_SEED
@click.option("--port", "demo_db_port", metavar="PORT", help=f"Its port; default: {PORT}.")
@json_option
@click.pass_context
def start(context: click.Context, /, orders: int, seed: int, as_json: bool, **options: Any) -> None:
    """Start the demo database; one that runs, and its orders, are left alone.

    \b
    Examples:
      idemflow demo-db start
      idemflow demo-db start --orders 1000000 --port 5440
    """
    chosen = resolve(context, **options)
    with ConsoleProgress(err) as shown:
        progress: Progress = Silent() if as_json else shown
        result = commands.start(chosen, progress, count=orders, seed=seed)
    if as_json:
        print_json(
            {
                "started": result.started,
                "filled": result.filled,
                **dataclasses.asdict(result.counts),
                **_login(result.login, result.password_file),
            }
        )
        return
    held = counted(result.counts.orders, "order")
    if not result.started:
        out.print(f"The demo database already runs, with {held}: nothing to do.")
    else:
        out.print(f"The demo database runs, with {'' if result.filled else 'its '}{held}.")
    asked = context.get_parameter_source("orders") == click.core.ParameterSource.COMMANDLINE
    if asked and not result.filled:
        out.print("--orders is for a new database; for one: idemflow demo-db stop --delete")
    _print_login(result.login, result.password_file)


@verb(demo_db)
@_number("--updates", 100, "How many orders get another status and quantity.")
@_number("--inserts", 20, "How many orders are new.")
@_number("--deletes", 10, "How many orders are marked as deleted.")
@_SEED
def change(
    settings: Settings, updates: int, inserts: int, deletes: int, seed: int, as_json: bool
) -> None:
    """Change orders in one transaction: updates, inserts and soft deletes.

    A deleted order stays as a row with deleted = true; updated_at of all is now.

    \b
    Examples:
      idemflow demo-db change
      idemflow demo-db change --updates 5000 --inserts 0 --deletes 0
    """
    batch = commands.change(settings, updates=updates, inserts=inserts, deletes=deletes, seed=seed)
    show(
        as_json,
        batch,
        f"Batch {batch.number}: {batch.updated:,} updated, {batch.inserted:,} inserted, "
        f"{batch.deleted:,} deleted.",
    )


@verb(demo_db)
@click.option("--show-login", is_flag=True, help="Print the user and the password.")
def status(settings: Settings, show_login: bool, as_json: bool) -> None:
    """Show the demo database. Exit code 3 unless it runs.

    \b
    Examples:
      idemflow demo-db status
      idemflow demo-db status --show-login
    """
    found = commands.status(settings)
    login, counts = found.login, found.counts
    if as_json:
        shown: dict[str, Any] = {"server": found.server}
        if login and counts:
            shown |= {**dataclasses.asdict(counts), **_login(login, found.password_file)}
            shown |= {"password": login.password} if show_login else {}
        print_json(shown)
    elif found.server:
        out.print(servers_table([found.server]))
        if login and counts:
            out.print(f"Orders: {counts.orders:,}, {counts.deleted:,} of them deleted")
            _print_login(login, found.password_file)
            if show_login:
                out.print(f"Password: {escape(login.password)}")
    else:
        out.print("There is no demo database.")
    if not found.running:
        if not as_json:
            out.print("next: idemflow demo-db start")
        click.get_current_context().exit(3)


@verb(demo_db)
@click.option("--delete", is_flag=True, help="Delete its data, too.")
def stop(settings: Settings, delete: bool, as_json: bool) -> None:
    """Stop the demo database; its data stay unless --delete is given.

    \b
    Examples:
      idemflow demo-db stop
      idemflow demo-db stop --delete
    """
    result = commands.stop(settings, delete=delete)
    if as_json:
        print_json(dataclasses.asdict(result))
        return
    if result.killed:
        pids = ", ".join(map(str, result.killed))
        out.print(f"Did not end in time and was killed: pid {pids}.")
    out.print("Stopped the demo database." if result.stopped else "It was not running.")
    if result.deleted:
        out.print("Deleted its data.")


def _login(login: Login, password_file: Path) -> dict[str, Any]:
    return {
        "url": login.jdbc_url,
        "port": login.port,
        "username": login.username,
        "password_file": password_file,
    }


def _print_login(login: Login, password_file: Path) -> None:
    out.print(f"Address: {login.jdbc_url}")
    out.print(f"User: {login.username}, password in {escape(str(password_file))}")

"""The command ``metrics``."""

from __future__ import annotations

import click

from idemflow.cli.base import err, main, print_json, show, verb
from idemflow.commands import metrics as command
from idemflow.config.settings import Settings
from idemflow.errors import UsageError


@verb(main)
@click.option("--serve", "port", metavar="PORT", type=click.IntRange(1024, 65535),
              help="Answer scrapers on this port of loopback, until Ctrl-C.")  # fmt: skip
@click.option("--show-token", is_flag=True, help="Print what a scraper has to show.")
def metrics(settings: Settings, port: int | None, show_token: bool, as_json: bool) -> None:
    """Print the figures of the pipelines as OpenMetrics text, for Prometheus and its like.

    Servers that are down are a figure as well: `idemflow_up` is 0, and the exit code 0. With
    --serve they are at http://127.0.0.1:PORT/metrics for whoever shows the token.

    \b
    Examples:
      idemflow metrics
      idemflow metrics --serve 9464
      idemflow metrics --show-token
    """
    if port is not None and (show_token or as_json):
        raise UsageError(
            "--serve answers scrapers, and prints neither the token nor JSON",
            next_command=f"idemflow metrics --serve {port}",
        )
    if show_token:
        found = command.token(settings)
        show(as_json, {"token": found}, found)
    elif port is not None:
        server = command.Server(settings, port)
        err.print(f"Metrics: {server.url}   (token: idemflow metrics --show-token)")
        server.run()
    elif as_json:
        print_json({"metrics": command.samples(settings)})
    else:
        click.echo(command.text(settings), nl=False)

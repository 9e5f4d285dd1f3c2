"""The command ``completion``: the shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from idemflow.cli.base import json_option, main, print_json

_SHELLS = ("bash", "zsh", "fish")


@main.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@json_option
def completion(shell: str, as_json: bool) -> None:
    """Print what makes SHELL complete the commands of idemflow and their options.

    \b
    Examples:
      idemflow completion bash >> ~/.bashrc
      idemflow completion zsh >> ~/.zshrc
      idemflow completion fish > ~/.config/fish/completions/idemflow.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(main, {}, "idemflow", "_IDEMFLOW_COMPLETE").source()
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)

"""The command ``audit``."""

from __future__ import annotations

from pathlib import Path

import click

from idemflow.audit.findings import Verdict
from idemflow.audit.plain import plain
from idemflow.cli.base import main, show, verb
from idemflow.cli.tables import audit as tables
from idemflow.commands import audit as command
from idemflow.config.settings import Settings
from idemflow.errors import RerunDiffers

_WORDS = {
    Verdict.AT_LEAST_ONCE: "a second run would write something twice",
    Verdict.AT_MOST_ONCE: "a run may lose something, and a second one would not bring it back",
    Verdict.NO_GUARANTEE: "a run may lose something, and a second one write something twice",
    Verdict.UNKNOWN: "what a second run would do cannot be told",
}


@verb(main)
@click.argument("flow")
def audit(settings: Settings, flow: str, as_json: bool) -> None:  # noqa: ARG001 (as all commands)
    """Say what a second run of a NiFi flow would leave: the same, more, or less.

    FLOW is a flow definition as NiFi downloads it. No server is needed. Each path from a source
    to what it is written to is idempotent, at least once, at most once, without any guarantee,
    or unknown. Exit code 9 unless all are idempotent.

    \b
    Examples:
      idemflow audit my-flow.json
      idemflow audit my-flow.json --json
    """
    found = command.audit_file(Path(flow))
    show(
        as_json,
        {"audited": found.what, **plain(found.report, found.nifi)},
        tables.summary(found.what, found.report),
        "",
        tables.paths_table(found.report),
        tables.findings_list(found.report, found.nifi),
    )
    if not found.report.idempotent:
        raise RerunDiffers(
            f"{found.what}: {_WORDS[found.report.verdict]}",
            next_command=command.first_to_mend(found.report),
        )

"""The command ``audit``."""

from __future__ import annotations

from pathlib import Path

import click

from idemflow.audit.findings import Verdict
from idemflow.audit.plain import plain
from idemflow.cli.base import main, setting_option, show, verb
from idemflow.cli.tables import audit as tables
from idemflow.commands import audit as command
from idemflow.config.settings import Settings
from idemflow.errors import RerunDiffers, UsageError

_WORDS = {
    Verdict.AT_LEAST_ONCE: "a second run would write something twice",
    Verdict.AT_MOST_ONCE: "a run may lose something, and a second one would not bring it back",
    Verdict.NO_GUARANTEE: "a run may lose something, and a second one write something twice",
    Verdict.UNKNOWN: "what a second run would do cannot be told",
}


@verb(main)
@click.argument("flow", required=False)
@click.option(
    "--process-group", "group", metavar="ID|NAME",
    help="A process group as it is on the canvas; root for all of it.",
)  # fmt: skip
@click.option(
    "--sarif", "log", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
    help="Write the findings as SARIF 2.1.0 as well, for code review tools.",
)  # fmt: skip
@setting_option("nifi_url", metavar="URL")
@setting_option("nifi_username", metavar="NAME")
@setting_option("nifi_ca", metavar="FILE")
def audit(
    settings: Settings, flow: str | None, group: str | None, log: Path | None, as_json: bool
) -> None:
    """Say what a second run of a NiFi flow would leave: the same, more, or less.

    FLOW is a flow definition as NiFi downloads it, or NAME[@REV] for a version of a flow in the
    project's git repository; neither needs a server. With --process-group it is what is on the
    canvas of the embedded NiFi or of any other, which is only read. The password is taken from
    IDEMFLOW_NIFI_PASSWORD.

    Each path from a source to what it is written to is idempotent, at least once, at most once,
    without any guarantee, or unknown. Exit code 9 unless all are idempotent.

    \b
    Examples:
      idemflow audit my-flow.json
      idemflow audit my-flow.json --sarif audit.sarif
      idemflow audit people@v3 --json
      idemflow audit --process-group people
      idemflow audit --nifi-url https://nifi:8443 --nifi-username reader --process-group root
    """
    if (flow is None) == (group is None):
        raise UsageError(
            "one of FLOW and --process-group says what to audit",
            next_command="idemflow audit --help",
        )
    found = command.audit_group(settings, group) if group else command.audit(settings, flow or "")
    if log is not None:
        command.write_sarif(found, log)
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

"""The commands on pipelines: deploy, run, verify, start, stop."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from idemflow.cli.base import err, json_option, main, out, print_json, resolve
from idemflow.cli.tables import pipelines as tables
from idemflow.commands import deploy as deploy_command
from idemflow.commands import run as run_command
from idemflow.commands import start as start_command
from idemflow.commands import stop as stop_command
from idemflow.commands import verify as verify_command
from idemflow.errors import NotIdempotent


@main.command()
@click.argument("pipeline")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--force", is_flag=True, help="Discard what an operator changed on the canvas.")
@json_option
@click.pass_context
def deploy(
    context: click.Context, pipeline: str, dry_run: bool, force: bool, as_json: bool
) -> None:
    """Put PIPELINE on the canvas, or bring it up to date there.

    A second time nothing changes. A changed YAML or script changes just what differs; what is
    queued stays queued. PIPELINE@REV deploys a committed version: a tag, or a commit's hash. What
    does not work is taken back.

    \b
    Examples:
      idemflow deploy people
      idemflow deploy people --dry-run
      idemflow deploy people@v3
    """
    settings = resolve(context)
    with tables.RunsProgress(err, silent=as_json) as progress:
        result = deploy_command.deploy(
            settings, pipeline, progress.step, dry_run=dry_run, force=force
        )
    if as_json:
        print_json(dataclasses.asdict(result))
        return
    if result.changes:
        out.print(tables.changes_table(result.changes))
    if result.created:
        done = "is not on the canvas yet" if dry_run else "is on the canvas"
    elif not result.changes:
        done = "is on the canvas as its files say: nothing to do"
    else:
        done = "differs as shown" if dry_run else "is on the canvas, changed as shown"
    out.print(f"{pipeline} {done}.")
    if result.url:
        out.print(f"Canvas: {result.url}")


@main.command()
@click.argument("pipeline")
@click.option(
    "--times", default=1, show_default=True, type=click.IntRange(1, 1000), help="How many runs."
)
@click.option(
    "--records",
    type=click.IntRange(0),
    help="The same as --set records=N, where the pipeline has that argument.",
)
@click.option(
    "--set", "values", multiple=True, metavar="NAME=VALUE",
    help="Value of an argument of the pipeline, for these runs only; may be repeated.",
)  # fmt: skip
@click.option(
    "--allow-empty", is_flag=True, help="Publish a snapshot even if the source was empty."
)
@json_option
@click.pass_context
def run(
    context: click.Context,
    pipeline: str,
    times: int,
    records: int | None,
    values: tuple[str, ...],
    allow_empty: bool,
    as_json: bool,
) -> None:
    """Run PIPELINE and wait until each record is in the index or a dead letter.

    Deploys it first where the canvas does not have it. Exit code 5 when anything is there twice
    or lost.

    \b
    Examples:
      idemflow run people --times 3
      idemflow run people --records 20000
      idemflow run people --set records=20000 --set seed=7
    """
    settings = resolve(context)
    if records is not None:
        values = (*values, f"records={records}")
    with tables.RunsProgress(err, silent=as_json) as progress:
        result = run_command.run(
            settings, pipeline, progress, times=times, values=values, allow_empty=allow_empty
        )
    if as_json:
        print_json(dataclasses.asdict(result))
    else:
        out.print(tables.runs_table(result))
        if any(report.dead_letters for report in result.runs):
            out.print(f"What could not go in: idemflow dead-letters list {pipeline}")
        if result.drift:
            out.print(
                f"The canvas differs from the files in {result.drift} place(s); "
                f"see: idemflow deploy {pipeline} --dry-run"
            )
    if not result.idempotent:
        raise NotIdempotent(
            f"{pipeline}: the index {result.index} has duplicates or lost records",
            next_command=f"idemflow verify {pipeline}",
        )


@main.command()
@click.argument("pipeline")
@click.option(
    "--ids",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all ids that are missing, extra or different to a file, a JSON object a line.",
)
@json_option
@click.pass_context
def verify(context: click.Context, pipeline: str, ids: Path | None, as_json: bool) -> None:
    """Compare what the runs of PIPELINE sent with what is in its index.

    Count, ids, and an order-independent checksum of the contents. Exit code 5 when they differ.

    \b
    Examples:
      idemflow verify people
      idemflow verify people --json
      idemflow verify people --ids wrong.ndjson
    """
    result = verify_command.verify(resolve(context), pipeline, ids=ids)
    if as_json:
        print_json({**dataclasses.asdict(result), "equal": result.equal})
    else:
        out.print(tables.verification_table(result))
    if not result.equal:
        raise NotIdempotent(
            f"{pipeline}: the index {result.index} is not what was sent: "
            f"{result.missing_count:,} missing, {result.extra_count:,} extra, "
            f"{result.different_count:,} different",
            next_command=f"idemflow run {pipeline}",
        )


@main.command()
@click.argument("pipeline")
@click.option(
    "--every", metavar="PERIOD", help='A run now, and one each period: "30 sec", "5 min".'
)
@click.option(
    "--cron", metavar="TIMES", help='A run at these times: "0 6 * * mon-fri", as in cron.'
)
@click.option("--timezone", metavar="ZONE", help="The zone of --cron's times.  [default: NiFi's]")
@json_option
@click.pass_context
def start(
    context: click.Context,
    pipeline: str,
    every: str | None,
    cron: str | None,
    timezone: str | None,
    as_json: bool,
) -> None:
    """Let PIPELINE run by itself: on a schedule given here, or on the one that it has.

    TIMES are a crontab's five fields (minute, hour, day of the month, month, day of the week), or
    NiFi's six with the second first. The embedded NiFi's clock is UTC. NiFi cannot follow another
    zone's summer time: where that matters, `start` refuses and says the times in UTC.

    \b
    Examples:
      idemflow start people
      idemflow start people --every "5 min"
      idemflow start people --cron "0 6 * * *"
      idemflow start people --cron "0 6 * * *" --timezone Asia/Tokyo
    """
    result = start_command.start(
        resolve(context), pipeline, every=every, cron=cron, timezone=timezone
    )
    _show(result, as_json)


@main.command()
@click.argument("pipeline")
@click.option("--all", "everything", is_flag=True, help="Stop the steps too; queues stay.")
@json_option
@click.pass_context
def stop(context: click.Context, pipeline: str, everything: bool, as_json: bool) -> None:
    """Stop the schedule of PIPELINE; what is on its way still arrives.

    \b
    Examples:
      idemflow stop people
      idemflow stop people --all
    """
    _show(stop_command.stop(resolve(context), pipeline, everything=everything), as_json)


def _show(result: start_command.Schedule, as_json: bool) -> None:
    if as_json:
        print_json(dataclasses.asdict(result))
        return
    state = "runs" if result.running else "is stopped; when started it runs"
    when = f"every {result.every}" if result.every else f"by cron {result.cron} ({result.clock})"
    out.print(f"{result.pipeline} {state} {when}.", markup=False)
    if result.queued:
        out.print(f"{result.queued} FlowFiles are on their way.")

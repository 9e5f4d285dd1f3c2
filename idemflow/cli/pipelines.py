"""The commands on pipelines: deploy, run, verify, start, stop."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from idemflow.canvas.monitoring import Activity
from idemflow.cli.base import ask, err, main, show, verb
from idemflow.cli.tables import pipelines as tables
from idemflow.cli.tables.all import outcomes_table
from idemflow.cli.tables.differences import changes_table
from idemflow.cli.tables.runs_progress import RunsProgress
from idemflow.commands import cancel as cancel_command
from idemflow.commands import deploy as deploy_command
from idemflow.commands import run as run_command
from idemflow.commands import start as start_command
from idemflow.commands import stop as stop_command
from idemflow.commands import verify as verify_command
from idemflow.commands._all import Outcome, all_pipelines
from idemflow.commands.health import worst
from idemflow.commands.run import RunsReport
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.steps.rules.words import counted

ALL = click.option(
    "--all", "everything", is_flag=True,
    help="All pipelines of the project, each behind those that its `after` names.",
)  # fmt: skip


@verb(main)
@click.argument("pipeline", required=False)
@ALL
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--force", is_flag=True, help="Discard what an operator changed on the canvas.")
@click.option(
    "--keep-old-documents", is_flag=True,
    help="Take another identity although the index has documents under the ids of before.",
)  # fmt: skip
@click.option(
    "--adopt", is_flag=True,
    help="Take over what has the pipeline's name, but not this project's mark of ownership.",
)  # fmt: skip
def deploy(
    settings: Settings,
    pipeline: str | None,
    everything: bool,
    dry_run: bool,
    force: bool,
    keep_old_documents: bool,
    adopt: bool,
    as_json: bool,
) -> None:
    """Put PIPELINE on the canvas, or bring it up to date there.

    A second time nothing changes. A changed YAML or script changes just what differs; what is
    queued stays queued. PIPELINE@REV deploys a committed version: a tag, or a commit's hash. What
    does not work is taken back. What is not this project's own is refused, until you say --adopt.

    \b
    Examples:
      idemflow deploy people
      idemflow deploy people --dry-run
      idemflow deploy people --adopt --dry-run
      idemflow deploy people@v3
      idemflow deploy --all
    """

    def one(name: str) -> deploy_command.Deployment:
        with RunsProgress(err, silent=as_json) as progress:
            return deploy_command.deploy(
                settings,
                name,
                progress.step,
                dry_run=dry_run,
                force=force,
                keep_old_documents=keep_old_documents,
                adopt=adopt,
            )

    chosen = _chosen("deploy", pipeline, everything=everything)
    if chosen is None:
        _all("deployed", all_pipelines(settings, one), as_json=as_json)
        return
    pipeline, result = chosen, one(chosen)
    if result.created:
        done = "is not on the canvas yet" if dry_run else "is on the canvas"
    elif not result.changes:
        done = "is on the canvas as its files say: nothing to do"
    else:
        done = "differs as shown" if dry_run else "is on the canvas, changed as shown"
    changes = [changes_table(result.changes)] if result.changes else []
    url = [f"Canvas: {result.url}"] if result.url else []
    show(as_json, result, *changes, f"{pipeline} {done}.", *url)


@verb(main)
@click.argument("pipeline", required=False)
@ALL
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
@click.option("--max-dead-letters", default=0, show_default=True, type=click.IntRange(0),
              help="So many records may become dead letters without exit code 7.")  # fmt: skip
@click.option("--allow-empty", is_flag=True,
              help="The source may be empty; a snapshot is published even then.")  # fmt: skip
@click.option(
    "--allow-refused",
    metavar="N",
    help="A snapshot is published even if N of its records, or N%, became dead letters.",
)
@click.option("--keep-old-documents", is_flag=True,
              help="As `idemflow deploy` has it, for what is deployed first.")  # fmt: skip
@click.option("--as-deployed", is_flag=True,
              help="Run what is on the canvas, whatever the files say.")  # fmt: skip
def run(
    settings: Settings,
    pipeline: str | None,
    everything: bool,
    times: int,
    records: int | None,
    values: tuple[str, ...],
    max_dead_letters: int,
    allow_empty: bool,
    allow_refused: str | None,
    keep_old_documents: bool,
    as_deployed: bool,
    as_json: bool,
) -> None:
    """Run PIPELINE and wait until each record is in the index or a dead letter.

    Deploys it first where the canvas is not as its files say. Exit code 5 when anything is there
    twice or lost, or records have one id and `identity.unique` is `fail`, 7 when records became
    dead letters, 8 when the source had none.

    \b
    Examples:
      idemflow run people --times 3
      idemflow run people --records 20000
      idemflow run people --set records=20000 --set seed=7
      idemflow run people --max-dead-letters 10
      idemflow run catalogue --allow-refused 1%
      idemflow run --all
    """
    if records is not None:
        values = (*values, f"records={records}")
    chosen = _chosen("run", pipeline, everything=everything)
    if chosen is None and values:
        raise UsageError(
            "--set and --records are for the arguments of one pipeline, and --all has others, too",
            next_command="idemflow run PIPELINE --set NAME=VALUE",
        )

    def one(name: str) -> RunsReport:
        with RunsProgress(err, silent=as_json) as progress:
            return run_command.run(
                settings,
                name,
                progress,
                times=times,
                values=values,
                allow_empty=allow_empty,
                allow_refused=allow_refused,
                keep_old_documents=keep_old_documents,
                as_deployed=as_deployed,
            )

    def judge(report: RunsReport) -> None:
        run_command.judge(report, max_dead_letters=max_dead_letters, allow_empty=allow_empty)

    if chosen is None:
        _all("run", all_pipelines(settings, one, judge), as_json=as_json)
        return
    pipeline, result = chosen, one(chosen)
    show(
        as_json,
        result,
        *tables.deployed(pipeline, result.deployed),
        tables.runs_table(result),
        *tables.drift(pipeline, result.drift),
    )
    judge(result)


def _chosen(verb_: str, pipeline: str | None, *, everything: bool) -> str | None:
    """The pipeline that is named; ``None`` for all.

    Raises:
        UsageError: neither is said, or both.
    """
    if (pipeline is None) != everything:
        raise UsageError(
            "one of PIPELINE and --all says which pipeline",
            next_command=f"idemflow {verb_} --all, or: idemflow {verb_} PIPELINE",
        )
    return pipeline


def _all(done: str, outcomes: Iterable[Outcome[Any]], *, as_json: bool) -> None:
    """Show what came of all pipelines, and end with the worst exit code."""
    found: list[Outcome[Any]] = []
    for one in outcomes:
        if not as_json:
            err.print(escape(f"{one.pipeline}: {one.message or done}"))
        found.append(one)
    code = worst(one.code for one in found)
    rows = [{**vars(one), "result": one.result} for one in found]
    show(as_json, {"code": code, "pipelines": rows}, outcomes_table(found))
    for one in found if code and not as_json else ():
        if one.next_command:
            err.print(escape(f"next: {one.next_command}"))
            break
    raise click.exceptions.Exit(code)


@verb(main)
@click.argument("pipeline")
@click.option(
    "--ids",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all ids that are missing, extra or different to a file, a JSON object a line.",
)
def verify(settings: Settings, pipeline: str, ids: Path | None, as_json: bool) -> None:
    """Compare what the runs of PIPELINE sent with what is in its index.

    Count, ids, and an order-independent checksum of the contents. Exit code 5 when they differ,
    8 when PIPELINE never ran. While PIPELINE runs, what is on its way is not judged.

    \b
    Examples:
      idemflow verify people
      idemflow verify people --json
      idemflow verify people --ids wrong.ndjson
    """
    result = verify_command.verify(settings, pipeline, ids=ids)
    found = {**dataclasses.asdict(result), "equal": result.equal}
    show(as_json, found, tables.verification_table(result))
    verify_command.judge(result)


@verb(main)
@click.argument("pipeline")
@click.option(
    "--every", metavar="PERIOD", help='A run now, and one each period: "30 sec", "5 min".'
)
@click.option(
    "--cron", metavar="TIMES", help='A run at these times: "0 6 * * mon-fri", as in cron.'
)
@click.option("--timezone", metavar="ZONE", help="The zone of --cron's times.  [default: NiFi's]")
@click.option("--from-yaml", is_flag=True, help="On the schedule of the YAML again.")
def start(
    settings: Settings,
    pipeline: str,
    every: str | None,
    cron: str | None,
    timezone: str | None,
    from_yaml: bool,
    as_json: bool,
) -> None:
    """Let PIPELINE run by itself: on a schedule given here, or on the one that it has.

    What is given here is kept on the canvas until the YAML's `schedule:` changes.

    TIMES are a crontab's five fields (minute, hour, day of the month, month, day of the week), or
    NiFi's six with the second first. The embedded NiFi's clock is UTC; a ZONE has its summer time.

    \b
    Examples:
      idemflow start people
      idemflow start people --every "5 min"
      idemflow start people --cron "0 6 * * *"
      idemflow start people --cron "0 6 * * *" --timezone Europe/Berlin
      idemflow start people --from-yaml
    """
    result = start_command.start(
        settings, pipeline, every=every, cron=cron, timezone=timezone, from_yaml=from_yaml
    )
    _show_schedule(result, as_json)


@verb(main)
@click.argument("pipeline")
@click.option("--all", "everything", is_flag=True, help="Stop the steps too; queues stay.")
def stop(settings: Settings, pipeline: str, everything: bool, as_json: bool) -> None:
    """Stop the schedule of PIPELINE; what is on its way still arrives.

    \b
    Examples:
      idemflow stop people
      idemflow stop people --all
    """
    _show_schedule(stop_command.stop(settings, pipeline, everything=everything), as_json)


@verb(main)
@click.argument("run", metavar="RUN")
@click.option("--yes", is_flag=True, help="Do not ask.")
def cancel(settings: Settings, run: str, yes: bool, as_json: bool) -> None:
    """Drop what is on its way of RUN, after a question.

    RUN is a run's id or a pipeline's name. What is in the index stays. All runs of the pipeline
    that are on their way are dropped with it, for their FlowFiles wait in the same queues.

    \b
    Examples:
      idemflow cancel people
      idemflow cancel 20261126T080102123-1a2b3c4d --yes
    """

    def confirm(pipeline: str, activity: Activity) -> bool:
        queues = ", ".join(f"{count:,} in {name}" for name, count in activity.queues.items())
        err.print(escape(f"On its way in {pipeline}: {queues or 'a step is at work'}."))
        return yes or ask("Drop it?")

    result = cancel_command.cancel(settings, run, confirm)
    name = result.pipeline
    if not result.done:
        show(as_json, result, f"Nothing was dropped of {name}.")
        return
    lines = [f"Dropped {counted(result.flow_files, 'FlowFile')} of {name}."]
    if result.source_reset:
        lines.append(f"Its source takes them for read: idemflow source reset {name}")
    show(as_json, result, *lines, f"To load the records again: idemflow run {name}")


def _show_schedule(result: start_command.PipelineSchedule, as_json: bool) -> None:
    state = "runs" if result.running else "is stopped; when started it runs"
    of = f"flows/{result.pipeline}.yaml" if result.of == start_command.YAML else "set on the canvas"
    on_the_way = counted(result.queued, "FlowFile is on its way.", "FlowFiles are on their way.")
    queued = [on_the_way] if result.queued else []
    line = f"{result.pipeline} {state} {result.words}: {of}."
    if not (result.every or result.cron):
        line = f"{result.pipeline} has no schedule: it runs by hand only."
    show(as_json, result, escape(line), *queued)

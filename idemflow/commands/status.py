"""``idemflow status``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from idemflow import servers
from idemflow.canvas import client, flow, monitoring, ownership, process_groups, schedule
from idemflow.commands.start import CANVAS, YAML
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.drawing.collect import TRIGGER
from idemflow.errors import CanvasError, IdemflowError, LoginRefused, Unreachable, UsageError
from idemflow.pipeline import spec
from idemflow.pipeline.schedule import Schedule
from idemflow.servers import ServerStatus
from idemflow.servers.connect import endpoint
from idemflow.servers.disk import shortage
from idemflow.servers.further import further
from idemflow.servers.ready import unreadable
from idemflow.servers.supervision import supervisor
from idemflow.servers.waiting import told_of

# Of how many runs the records are shown, and how many seconds the ledger may take to tell.
_RUNS = 10
_ANSWERS_WITHIN = 3.0
# How many different messages say why something waits.
_REASONS = 3


@dataclass(frozen=True)
class PipelineStatus:
    """A pipeline on the canvas.

    Attributes:
        name: its name.
        state: ``running``, ``stopped``, ``invalid``; ``incomplete`` where steps are missing;
            ``not deployed``; ``not ours`` where something else has its names; ``unclear`` where
            that could not be told; ``orphan`` where its YAML is gone.
        every: how often it runs by itself, ``None`` while its schedule is stopped.
        cron: the times at which it does, if it has a cron expression in place of a period.
        timezone: the zone of these times; ``None`` for NiFi's own clock.
        schedule: where that comes from, ``yaml`` or ``canvas``; ``None`` as above.
        queued: FlowFiles on their way.
        queues: where they wait: a queue's name and its FlowFiles.
        reasons: what the steps said last, if something waits: step and message.
        records: how many records each of its last runs had, oldest first.
        problem: what is wrong with it, if something is.
        next_command: what to run next, if something is wrong.
    """

    name: str
    state: str
    every: str | None = None
    cron: str | None = None
    timezone: str | None = None
    schedule: str | None = None
    queued: int = 0
    queues: dict[str, int] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    records: list[int] = field(default_factory=list)
    problem: str | None = None
    next_command: str | None = None

    @property
    def runs(self) -> str:
        """When it runs, as a person says it."""
        return str(
            Schedule.model_construct(every=self.every, cron=self.cron, timezone=self.timezone)
        )


@dataclass(frozen=True)
class Status:
    """What ``idemflow status`` shows.

    Attributes:
        runtime: ``embedded``, ``external``, or ``mixed`` where one server is the user's own.
        home: the folder of the embedded servers, if there are any.
        servers: NiFi and Elasticsearch.
        further: the further servers by name; ``None`` for one that was never set up.
        supervisor: the process of ``idemflow supervise``, if it keeps the servers up.
        problem: what a red Elasticsearch cannot read.
        disk: what a disk that is nearly full means for the servers.
        pipelines: the project's pipelines; ``None`` where NiFi does not answer.
    """

    runtime: str
    home: str | None
    servers: list[ServerStatus]
    further: dict[str, ServerStatus | None]
    supervisor: int | None
    problem: str | None
    disk: str | None
    pipelines: list[PipelineStatus] | None

    @property
    def all_running(self) -> bool:
        """Whether NiFi and Elasticsearch answer; the further servers are not needed."""
        return all(server.state == "running" for server in self.servers)

    @property
    def next_command(self) -> str | None:
        """What to run next, if one does not answer."""
        return next((one.next_command for one in self.servers if one.next_command), None)


def status(settings: Settings) -> Status:
    """The state of all servers, and of the project's pipelines on the canvas."""
    found = servers.status(settings)
    running = {one.name for one in found if one.state == "running"}
    there = pipelines(settings) if "nifi" in running else None
    if there and "elasticsearch" in running:
        there = _with_records(settings, there)
    return Status(
        runtime=settings.runtime,
        home=str(settings.home) if settings.embedded else None,
        servers=found,
        further={name: one.status(settings) for name, one in further().items()},
        supervisor=supervisor(settings.folders),
        problem=_unreadable(settings, found),
        disk=shortage(settings),
        pipelines=there,
    )


def _unreadable(settings: Settings, found: list[ServerStatus]) -> str | None:
    if not any(one.name == "elasticsearch" and one.health == "red" for one in found):
        return None
    state = servers.read_state(settings.folders.state)
    lost = unreadable(endpoint(settings, state, "elasticsearch"), _ANSWERS_WITHIN)
    return told_of(lost) if lost else None


def _with_records(settings: Settings, there: list[PipelineStatus]) -> list[PipelineStatus]:
    """The pipelines with what the ledger has of their last runs."""
    # Slow to import, and not needed where the servers are down.
    from idemflow.elasticsearch.history import newest_runs  # noqa: PLC0415
    from idemflow.elasticsearch.ledger import Ledger  # noqa: PLC0415
    from idemflow.elasticsearch.ownership import names_of  # noqa: PLC0415

    try:
        ledger = Ledger(servers.reach(settings, "elasticsearch"), timeout=_ANSWERS_WITHIN)
        try:
            own = names_of(ledger, project_id(settings))
            names = [one.name for one in there if one.name in own]
            runs = newest_runs(ledger, names, _RUNS) if names else {}
        finally:
            ledger.close()
    except IdemflowError:
        return there  # the servers' rows say what is wrong
    return [
        replace(one, records=[run.records for run in reversed(runs.get(one.name, ()))])
        for one in there
    ]


def pipelines(settings: Settings) -> list[PipelineStatus] | None:
    """The project's pipelines, and those on the canvas whose YAML is gone.

    Returns:
        These; ``None`` where NiFi does not answer.
    """
    try:
        return pipelines_within(settings)
    except IdemflowError:
        # The servers' rows say what is wrong; a status must not fail because of it.
        return None


def pipelines_within(
    settings: Settings, within: float | None = None, only: Sequence[str] | None = None
) -> list[PipelineStatus]:
    """The same, for those who want to know why there is no answer.

    Args:
        settings: the resolved settings.
        within: seconds that NiFi may take for all of it.
        only: the names of those that are meant; ``None`` for all.

    Raises:
        Unreachable: NiFi does not answer, or not in time.
        LoginRefused: it refused the login.
    """
    client.connect(servers.reach(settings, "nifi"), project_id(settings), within=within)
    if only is not None:
        return [_pipeline(settings, name) for name in only]
    names = spec.names(settings.project)
    orphans = sorted(
        mark.pipeline
        for mark in ownership.all_own()
        if mark.pipeline not in names and not spec.is_there(Path(mark.folder), mark.pipeline)
    )
    return [_pipeline(settings, name) for name in names] + [_orphan(one) for one in orphans]


def _pipeline(settings: Settings, name: str) -> PipelineStatus:
    try:
        group = ownership.find(name).group
        if group is None:
            return _absent(name)
        steps = process_groups.processors(group)
        try:
            needed = {TRIGGER, *flow.STEPS, *spec.load(settings.project, name).collect.steps}
        except UsageError:  # a mistake in the YAML is told by the commands that need it
            needed = {TRIGGER, *flow.STEPS}
        missing = sorted(needed - {step.component.name for step in steps})
        found = _look(name, group)
    except (Unreachable, LoginRefused):
        raise
    except IdemflowError as error:
        return PipelineStatus(
            name, "unclear", problem=error.message, next_command=error.next_command
        )
    if not missing:
        return found
    return replace(
        found,
        state="incomplete",
        problem=f"its process group lacks {', '.join(map(repr, missing))}",
        next_command=f"idemflow deploy {name} --force draws what is missing",
    )


def _absent(name: str) -> PipelineStatus:
    try:
        ownership.to_deploy(name, adopt=False)
    except UsageError as error:
        return PipelineStatus(
            name, "not ours", problem=error.message, next_command=error.next_command
        )
    return PipelineStatus(name, "not deployed")


def _orphan(name: str) -> PipelineStatus:
    found = PipelineStatus(name, "not deployed")
    problem = f"there is no flows/{name}.yaml; "
    try:
        group = ownership.find(name).group
        if group is not None:
            found = _look(name, group)
            problem += f"its process group is {found.state}, at {ownership.path(group)}"
        else:
            problem += "a parameter context is left"
    except CanvasError as error:
        problem += error.message
    return replace(found, state="orphan", problem=problem, next_command=f"idemflow remove {name}")


def _look(name: str, group: str) -> PipelineStatus:
    activity = monitoring.activity(group)
    by_itself = schedule.runs(group)
    state = "invalid" if activity.invalid else "stopped" if activity.stopped else "running"
    said = {
        f"{item.name}: {item.message}": None
        for item in (monitoring.bulletins(group) if activity.queued else ())
    }
    return PipelineStatus(
        name=name,
        state=state,
        every=by_itself.schedule.every if by_itself else None,
        cron=by_itself.schedule.cron if by_itself else None,
        timezone=by_itself.schedule.timezone if by_itself else None,
        schedule=(YAML if by_itself.of_yaml else CANVAS) if by_itself else None,
        queued=activity.queued,
        queues=activity.queues,
        reasons=list(said)[-_REASONS:],
    )

"""``idemflow status``."""

from __future__ import annotations

from dataclasses import dataclass

from idemflow import servers
from idemflow.canvas import client, monitoring, process_groups
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError
from idemflow.pipeline import spec
from idemflow.servers import ServerStatus
from idemflow.servers.further import further

# How many different messages say why something waits.
_REASONS = 3


@dataclass(frozen=True)
class PipelineStatus:
    """A pipeline on the canvas.

    Attributes:
        name: its name.
        state: ``running``, ``stopped``, ``invalid`` or ``not deployed``.
        every: how often it runs by itself, ``None`` while its schedule is stopped.
        cron: the times at which it does, if it has a cron expression in place of a period.
        queued: FlowFiles on their way.
        queues: where they wait: a queue's name and its FlowFiles.
        reasons: what the steps said last, if something waits: step and message.
    """

    name: str
    state: str
    every: str | None
    cron: str | None
    queued: int
    queues: dict[str, int]
    reasons: list[str]


@dataclass(frozen=True)
class Status:
    """What ``idemflow status`` shows.

    Attributes:
        runtime: ``embedded``, ``external``, or ``mixed`` where one server is the user's own.
        home: the folder of the embedded servers, if there are any.
        servers: NiFi and Elasticsearch.
        further: the further servers by name; ``None`` for one that was never set up.
        pipelines: the project's pipelines; ``None`` where NiFi does not answer.
    """

    runtime: str
    home: str | None
    servers: list[ServerStatus]
    further: dict[str, ServerStatus | None]
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
    answers = next(one for one in found if one.name == "nifi").state == "running"
    return Status(
        runtime=settings.runtime,
        home=str(settings.home) if settings.embedded else None,
        servers=found,
        further={name: one.status(settings) for name, one in further().items()},
        pipelines=pipelines(settings) if answers else None,
    )


def pipelines(settings: Settings) -> list[PipelineStatus] | None:
    """The project's pipelines on the canvas; ``None`` where NiFi does not answer."""
    try:
        client.connect(servers.connect(settings).nifi)
        return [_pipeline(name) for name in spec.names(settings.project)]
    except IdemflowError:
        # The servers' rows say what is wrong; a status must not fail because of it.
        return None


def _pipeline(name: str) -> PipelineStatus:
    group = process_groups.find(name)
    if group is None:
        return PipelineStatus(name, "not deployed", None, None, 0, {}, [])
    activity = monitoring.activity(group.id)
    trigger = process_groups.trigger(group.id).component
    every, cron = process_groups.schedule(trigger) if trigger.state == "RUNNING" else (None, None)
    state = "invalid" if activity.invalid else "stopped" if activity.stopped else "running"
    said = {
        f"{item.name}: {item.message}": None
        for item in (monitoring.bulletins(group.id) if activity.queued else ())
    }
    return PipelineStatus(
        name=name,
        state=state,
        every=every,
        cron=cron,
        queued=activity.queued,
        queues=activity.queues,
        reasons=list(said)[-_REASONS:],
    )

"""``idemflow show``: what a pipeline is, where it is, and what became of its last runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from idemflow import servers
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError
from idemflow.pipeline import spec
from idemflow.sources.fields import Scalar

if TYPE_CHECKING:
    from idemflow.commands.status import PipelineStatus
    from idemflow.elasticsearch.history import PastRun

_RUNS = 5


@dataclass(frozen=True)
class Shown:
    """A pipeline.

    Attributes:
        name: its name.
        description: what the canvas says of it.
        files: its YAML and its scripts.
        source: what it reads, in words.
        arguments: the parameters of a run, and their values.
        identity: what makes the ids, in words.
        version: the field that says which state is newer.
        mode: ``upsert`` or ``snapshot``.
        index: the name of its index.
        schedule: when it runs by itself, by the YAML.
        canvas: what it is on the canvas; ``None`` where the servers do not run.
        runs: its last runs, newest first.
        problem: what kept the last two from being found out.
        next_command: what to run next.
    """

    name: str
    description: str
    files: tuple[Path, ...]
    source: str
    arguments: dict[str, Scalar] = field(default_factory=dict)
    identity: str = ""
    version: str | None = None
    mode: str = "upsert"
    index: str = ""
    schedule: str | None = None
    canvas: PipelineStatus | None = None
    runs: tuple[PastRun, ...] = ()
    problem: str | None = None
    next_command: str | None = None


def show(settings: Settings, name: str) -> Shown:
    """Look; servers that do not run are not asked.

    Raises:
        UsageError: there is no such pipeline, or its files are wrong.
    """
    pipeline = spec.load(settings.project, name)
    scripts = [one.script for one in (pipeline.collect.call, pipeline.transform) if one]
    canvas, runs, problem, next_command = _there(settings, name)
    return Shown(
        name=name,
        description=pipeline.description,
        files=tuple(Path(one) for one in (f"flows/{name}.yaml", *scripts)),
        source=pipeline.collect.summary,
        arguments=dict(pipeline.collect.run_arguments),
        identity=str(pipeline.identity),
        version=pipeline.version.field if pipeline.version else None,
        mode=pipeline.mode,
        index=pipeline.index.name,
        schedule=str(pipeline.schedule) if pipeline.schedule else None,
        canvas=canvas,
        runs=runs,
        problem=problem,
        next_command=next_command,
    )


def _there(
    settings: Settings, name: str
) -> tuple[PipelineStatus | None, tuple[PastRun, ...], str | None, str | None]:
    """What the servers know: the pipeline on the canvas, its runs, what is wrong, what is next."""
    for server in servers.status(settings):
        if server.state != "running":
            return None, (), f"{server.name} is {server.state}", server.next_command
    # Slow to import, and not needed where the servers are down.
    from idemflow.commands import runs, status  # noqa: PLC0415

    try:
        found = {one.name: one for one in status.pipelines(settings) or ()}
        canvas = found.get(name)
        past: tuple[PastRun, ...] = ()
        if canvas is not None and canvas.state != "not deployed":
            past = tuple(runs.runs(settings, name, _RUNS))
    except IdemflowError as error:
        return None, (), error.message, error.next_command
    after = canvas.next_command if canvas else None
    return canvas, past, canvas.problem if canvas else None, after or f"idemflow run {name}"

"""``idemflow deploy``: put a pipeline on the canvas, or bring it up to date there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from idemflow import databases, indices, ledger, runtime
from idemflow.canvas import deploy as canvas
from idemflow.canvas.difference import Change
from idemflow.commands._session import Session, session
from idemflow.databases import Database
from idemflow.pipeline import spec
from idemflow.pipeline.sources import FilesSource, SqlSource
from idemflow.settings import Settings


@dataclass(frozen=True)
class Deployment:
    """What a deployment did, or would do.

    Attributes:
        pipeline: the pipeline's name.
        created: whether the process group is new.
        dry_run: whether nothing was done.
        changes: what differed.
        url: the address of the process group on the canvas; empty if it is not there.
    """

    pipeline: str
    created: bool
    dry_run: bool
    changes: list[Change]
    url: str


def deploy(
    settings: Settings, name: str, progress: Callable[[str], None], *, dry_run: bool = False
) -> Deployment:
    """Deploy ``flows/NAME.yaml``; a second time nothing is left to do.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        progress: told what happens.
        dry_run: only say what would change.

    Raises:
        IdemflowError: see :func:`idemflow.commands._session.session`; and CanvasError where NiFi
            does not take it, PipelineError where Elasticsearch does not take the mapping.
    """
    with session(settings, name) as opened:
        return deploy_in(opened, progress, dry_run=dry_run)


def deploy_in(
    opened: Session, progress: Callable[[str], None], *, dry_run: bool = False
) -> Deployment:
    """The same over connections that are open already."""
    pipeline, target = opened.pipeline, opened.runtime
    scripts = spec.sources(opened.settings.project, pipeline)
    place = _place(opened)
    progress("compare")
    planned = canvas.plan(pipeline, scripts, target, place)
    changes = list(planned.changes)
    if indices.template_change(opened.ledger, pipeline):
        changes.append(Change(f"index template of {pipeline.index.name}", "", None, "mapping"))
    group = planned.group
    if not dry_run:
        progress("index template")
        indices.put_templates(opened.ledger, pipeline)
        runtime.grant_indices(target, opened.settings, [pipeline.target_pattern, *ledger.LEDGER])
        group = canvas.apply(pipeline, planned, progress)
    return Deployment(
        pipeline=pipeline.name,
        created=planned.group is None,
        dry_run=dry_run,
        changes=changes,
        url=f"{target.nifi.url}/nifi/#/process-groups/{group}" if group else "",
    )


def _place(opened: Session) -> Database | Path | None:
    """Where the pipeline's records come from, if that is outside its files.

    Raises:
        IdemflowError: the database is not known, or NiFi cannot read the directory.
    """
    source = opened.pipeline.collect
    if isinstance(source, SqlSource):
        return databases.database(opened.settings, source.sql.database)
    if isinstance(source, FilesSource):
        directory = opened.settings.project / source.files.directory
        runtime.check_readable(opened.settings, opened.pipeline.name, directory)
        return directory
    return None

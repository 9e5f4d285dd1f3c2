"""``idemflow deploy``: put a pipeline on the canvas, or bring it up to date there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idemflow import ledger, runtime
from idemflow.canvas import deploy as canvas
from idemflow.canvas.difference import Change
from idemflow.commands._session import Session, session
from idemflow.pipeline import spec
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
    source = spec.source(opened.settings.project, pipeline)
    progress("compare")
    planned = canvas.plan(pipeline, source, target)
    changes = list(planned.changes)
    if opened.ledger.template_change(pipeline):
        changes.append(Change(f"index template of {pipeline.index.name}", "", None, "mapping"))
    group = planned.group
    if not dry_run:
        progress("index template")
        opened.ledger.put_templates(pipeline)
        runtime.grant_indices(target, opened.settings, [pipeline.index.name, *ledger.LEDGER])
        group = canvas.apply(pipeline, planned, progress)
    return Deployment(
        pipeline=pipeline.name,
        created=planned.group is None,
        dry_run=dry_run,
        changes=changes,
        url=f"{target.nifi.url}/nifi/#/process-groups/{group}" if group else "",
    )

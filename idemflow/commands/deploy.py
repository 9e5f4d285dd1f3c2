"""``idemflow deploy``: put a pipeline on the canvas, or bring it up to date there."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from idemflow.canvas import (
    control,
    deployments,
    installed_steps,
    ownership,
    parameters,
    registry,
    versions,
)
from idemflow.canvas import deploy as canvas
from idemflow.canvas.difference import Change
from idemflow.canvas.ownership import Place
from idemflow.commands._identity import note_rule, refuse_other, rule_in
from idemflow.commands._imports import check_imports, check_packages
from idemflow.commands._session import Session, session
from idemflow.commands._turn import canvas_turn
from idemflow.commands.flow import base as versioning
from idemflow.config.settings import Settings
from idemflow.drawing.boxes import Json
from idemflow.elasticsearch import ledger
from idemflow.elasticsearch.grants import grant_indices
from idemflow.errors import CanvasError, ChangedOnCanvas
from idemflow.pipeline import spec
from idemflow.servers import Target
from idemflow.versions import repository


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

    @property
    def made(self) -> list[Change]:
        """What was changed of a pipeline that was there."""
        return [] if self.created or self.dry_run else self.changes

    @property
    def left(self) -> list[Change]:
        """What still differs."""
        return self.changes if self.dry_run else []


def deploy(
    settings: Settings,
    name: str,
    progress: Callable[[str], None],
    *,
    dry_run: bool = False,
    force: bool = False,
    keep_old_documents: bool = False,
    adopt: bool = False,
) -> Deployment:
    """Deploy ``flows/NAME.yaml``; a second time nothing is left to do.

    Args:
        settings: the resolved settings.
        name: the pipeline's name, or ``NAME@REV`` for a committed version.
        progress: told what happens.
        dry_run: only say what would change.
        force: discard what an operator changed on the canvas and did not commit.
        keep_old_documents: even if the index has documents whose ids another identity made.
        adopt: take over what has the pipeline's name, but not this project's mark of ownership.

    Raises:
        IdemflowError: see :func:`idemflow.commands._session.session`; and CanvasError where NiFi
            does not take it, PipelineError where Elasticsearch does not take the mapping,
            ChangedOnCanvas where an operator's change would be lost, or a newer version be buried;
            UsageError where something would be changed that is not the pipeline's.
    """
    pipeline, at, revision = name.partition("@")
    with session(settings, pipeline, adopt=adopt) as opened:
        if not at:
            return deploy_in(
                opened,
                progress,
                dry_run=dry_run,
                force=force,
                keep_old_documents=keep_old_documents,
                adopt=adopt,
            )
        with canvas_turn(settings):
            return _deploy_version(
                opened,
                revision,
                progress,
                dry_run=dry_run,
                force=force,
                keep=keep_old_documents,
                adopt=adopt,
            )


def deploy_in(
    opened: Session,
    progress: Callable[[str], None],
    *,
    dry_run: bool = False,
    force: bool = False,
    keep_old_documents: bool = False,
    adopt: bool = False,
) -> Deployment:
    """The same over connections that are open already."""
    with canvas_turn(opened.settings):
        return _deploy(
            opened, progress, dry_run=dry_run, force=force, keep=keep_old_documents, adopt=adopt
        )


def _deploy(
    opened: Session,
    progress: Callable[[str], None],
    *,
    dry_run: bool,
    force: bool,
    keep: bool,
    adopt: bool,
) -> Deployment:
    pipeline, target = opened.pipeline, opened.target
    scripts = spec.sources(opened.settings.project, pipeline)
    source = pipeline.collect.parameters(opened.settings, pipeline.name)
    progress("compare")
    adopted = _adopted(opened, adopt=adopt, dry_run=dry_run)
    planned = canvas.plan(pipeline, scripts, target, source, adopt=adopt)
    changes = [*planned.changes, *adopted]
    group = planned.group
    if dry_run and group is None:
        changes += canvas.additions(
            pipeline.name, planned.place, planned.definition, planned.parameters
        )
    changes += _in_elasticsearch(opened, new=dry_run and group is None)
    if not dry_run:
        check_packages(opened.settings, pipeline, scripts)
        if group is not None and planned.changes and not force:
            _refuse_local_changes(opened.settings, pipeline.name, planned.place, planned.definition)
            _refuse_newer_version(opened.settings, pipeline.name, group)
        _check_clock(opened)
        check = partial(check_imports, opened, scripts)
        if group is not None:
            installed_steps.check(pipeline.name, planned.new_calls, group)
            if planned.changes:
                check(group)
        refuse_other(opened, pipeline.identity.rule(), keep=keep, adopt=adopt)
        _prepare(opened, progress, adopt=adopt)
        group = canvas.apply(pipeline, planned, progress, check)
        _finish(opened.settings, pipeline.name, group, planned.definition)
        note_rule(opened, pipeline.identity.rule())
    return Deployment(
        pipeline=pipeline.name,
        created=planned.group is None,
        dry_run=dry_run,
        changes=changes,
        url=_url(target, group),
    )


def _deploy_version(
    opened: Session,
    revision: str,
    progress: Callable[[str], None],
    *,
    dry_run: bool,
    force: bool,
    keep: bool,
    adopt: bool,
) -> Deployment:
    """Put a committed version on the canvas, with this runtime's parameters."""
    settings, name = opened.settings, opened.pipeline.name
    store = repository.needed(settings)
    version = store.resolve(name, revision)
    wanted = versioning.definition(store, name, version)
    versions.check_types(wanted, version.title)
    adopted = _adopted(opened, adopt=adopt, dry_run=dry_run)
    place = ownership.to_deploy(name, adopt=adopt)
    group = place.group
    now = versions.control_info(group) if group else None
    live = versions.export(group) if group else None
    changes = versions.differences(live, wanted) if live else []
    source = opened.pipeline.collect.parameters(settings, name)
    wanted_parameters = parameters.wanted(opened.pipeline, opened.target, source)
    if dry_run and group is None:
        changes = canvas.additions(name, place, wanted, wanted_parameters)
        adopted += _in_elasticsearch(opened, new=True)
    if not dry_run:
        _check_clock(opened)
        if group is not None:
            new_calls = installed_steps.calls(wanted) - installed_steps.calls(live)
            installed_steps.check(name, new_calls, group)
        client_id = registry.ensure(store)
        if group is not None and changes and not force:
            _refuse_local_changes(settings, name, place)
        refuse_other(opened, rule_in(wanted), keep=keep, adopt=adopt)
        _prepare(opened, progress, adopt=adopt)
        progress("parameter context")
        context = parameters.put_own(place, name, wanted_parameters)
        progress(f"version {version.title}")
        created = group is None
        if group is None:
            group = versions.create(client_id, name, store.branch, version.id)
        canvas.claim(context, place, name, group)
        if created:
            with canvas.works_or_goes(version.title, place, name, group):
                made = versions.export(group)
                installed_steps.check(name, installed_steps.calls(made), group)
                control.start_steps(group)
        elif now is None:
            info = versions.VersionControlInfo(
                client_id, store.branch, repository.BUCKET, name, "", "", ""
            )
            canvas.replace_version(group, info, version, wanted)
        else:
            current = store.resolve(name, now.version)
            modified = bool(versioning.changes_since(store, name, current))
            if modified or current.id != version.id:
                versioning.switch_version(store, name, group, current, version)
        deployments.remember(name, group, wanted, settings.project)
        note_rule(opened, rule_in(wanted))
    url = _url(opened.target, group)
    return Deployment(name, place.group is None, dry_run, [*changes, *adopted], url)


def _adopted(opened: Session, *, adopt: bool, dry_run: bool) -> list[Change]:
    """What is taken over on both servers; refuses what is not the pipeline's."""
    name = opened.pipeline.name
    found = [
        *opened.templates.check(adopt=adopt),
        *(ownership.adopt(name, dry_run=dry_run) if adopt else ()),
    ]
    return [Change(thing, "owner", was, f"the pipeline {name}") for thing, was in found]


def _in_elasticsearch(opened: Session, *, new: bool) -> list[Change]:
    """What a deployment would change there.

    Args:
        opened: the pipeline.
        new: say all that it would make.
    """
    things = opened.templates.missing() if new else []
    changes = [Change(thing, "", None, what) for thing, what in things]
    if opened.templates.changed():
        name = f"index template of {opened.pipeline.index.name}"
        changes.append(Change(name, "", None, "mapping"))
    return changes


def _prepare(opened: Session, progress: Callable[[str], None], *, adopt: bool) -> None:
    """What Elasticsearch needs before a pipeline runs."""
    progress("index template")
    place = f"{platform.node()}:{opened.settings.project}"
    opened.templates.put(place, adopt=adopt)
    patterns = [opened.pipeline.granted, *ledger.LEDGER]
    grant_indices(opened.target, opened.settings, patterns)


def _check_clock(opened: Session) -> None:
    """Refuse what a NiFi would read shifted by the zone of its clock.

    Raises:
        CanvasError: its clock is not in UTC, and the source needs it.
    """
    table = opened.pipeline.collect.needs_utc(opened.settings)
    # Java's GMT may be that of London, which is another zone in summer.
    if table is not None and (clock := control.clock()) != "UTC":
        raise CanvasError(
            f"NiFi's clock is {clock}, not UTC: it would read timestamps without a zone by it, and "
            f"{opened.pipeline.name} get other versions and documents than from a NiFi in UTC",
            next_command="start NiFi with the Java option -Duser.timezone=UTC; or, if no timestamp "
            'is without a zone or all of them are of NiFi\'s, say timezone = "NiFi" in '
            f"[{table}] of idemflow.toml",
        )


def _refuse_local_changes(
    settings: Settings, name: str, place: Place, drawn: Json | None = None
) -> None:
    """Refuse to overwrite what an operator changed on the canvas and did not commit.

    Such a change is what is neither in the version that the group is on nor left by a deployment.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        place: where it is on the canvas.
        drawn: the flow definition that it is to be made of, which keeps how it is arranged; a
            committed version does not.

    Raises:
        ChangedOnCanvas: there is one.
    """
    assert place.group is not None
    info = versions.control_info(place.group)
    if info is None:
        if deployments.changed_since(place, drawn or versions.export(place.group)):
            known = place.mark is not None and place.mark.is_deployed
            raise ChangedOnCanvas(
                f"{name} was changed on the canvas since it was deployed"
                if known
                else f"{name} on the canvas is not what its files say, and this project has not "
                "deployed it yet",
                next_command=f"idemflow drift {name} shows where; "
                f'idemflow flow commit {name} -m "..." keeps it, --force discards it',
            )
        return
    store = repository.needed(settings)
    current = store.resolve(name, info.version)
    versioning.refuse_local_changes(store, name, current, force=False, arranged=drawn is not None)


def _refuse_newer_version(settings: Settings, name: str, group: str) -> None:
    """Refuse to commit the YAML on top of a version that the canvas does not have.

    Raises:
        ChangedOnCanvas: there is one.
    """
    info = versions.control_info(group)
    if info is None:
        return
    newest = next(iter(repository.needed(settings).versions(name)), None)
    if newest is None or newest.id == info.version:
        return
    revision = newest.title.rpartition("@")[2]
    raise ChangedOnCanvas(
        f"git has a newer version of {name} than the canvas: {newest.title}, "
        f"{newest.comment!r} by {newest.author}",
        next_command=f"idemflow flow diff {name} {revision} shows what differs, "
        f"idemflow flow checkout {name} {revision} takes it; "
        f"--force puts flows/{name}.yaml on top of it",
    )


def _finish(settings: Settings, name: str, group: str, drawn: Json) -> None:
    """Remember what was deployed, and commit it where the group is under version control."""
    deployments.remember(name, group, drawn, settings.project)
    found = repository.find(settings)
    if found is None:
        return  # a project without git has no versions
    if versions.control_info(group):
        found.synchronize()
    elif registry.GIT in registry.available():
        # So that the canvas' Version menu works.
        found.synchronize()
        registry.ensure(found)


def _url(target: Target, group: str | None) -> str:
    return f"{target.nifi.url}/nifi/#/process-groups/{group}" if group else ""

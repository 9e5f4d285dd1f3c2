"""Bring a pipeline's process group on the canvas to what its definition says.

A new pipeline is imported as a whole. For a changed one NiFi itself works out the difference and
applies it: it stops just the components that change, keeps what is queued, and starts them again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import nipyapi

from idemflow.canvas import (
    arrangement,
    catalog,
    control,
    flow,
    installed_steps,
    ownership,
    parameters,
    process_groups,
    schedule,
    versions,
)
from idemflow.canvas.client import errors, finish
from idemflow.canvas.difference import Change, compare
from idemflow.canvas.difference import additions as additions_of_group
from idemflow.canvas.ownership import Place
from idemflow.canvas.versions import VersionControlInfo
from idemflow.drawing.catalog import Component
from idemflow.drawing.parameters import Parameter, context_name
from idemflow.drawing.script_body import Call
from idemflow.errors import CanvasError
from idemflow.pipeline.spec import Pipeline, Sources
from idemflow.servers import Target
from idemflow.versions.repository import Version

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a deployment would do.

    Attributes:
        place: where the pipeline is on the canvas.
        definition: the flow definition that is wanted.
        arranged: the same, arranged as the canvas is.
        parameters: the parameters that are wanted.
        changes: how the canvas differs from both; empty for a new group.
        new_calls: the steps that are called and are not on the canvas yet.
    """

    place: Place
    definition: dict[str, Any]
    arranged: dict[str, Any]
    parameters: list[Parameter]
    changes: list[Change]
    new_calls: set[Call]

    @property
    def group(self) -> str | None:
        """Id of the pipeline's process group, ``None`` where it is not on the canvas yet."""
        return self.place.group


def plan(
    pipeline: Pipeline,
    scripts: Sources,
    target: Target,
    source: Sequence[Parameter] = (),
    *,
    adopt: bool = False,
) -> Plan:
    """Compare the canvas with the pipeline; changes nothing.

    Args:
        pipeline: the validated YAML.
        scripts: texts of its scripts.
        target: the NiFi, connected to, and the Elasticsearch that NiFi is to use.
        source: the parameters that the steps of its source refer to.
        adopt: take over what has the pipeline's names and is not this project's.

    Raises:
        UsageError: there is such a thing, and ``adopt`` is not set.
        CanvasError: NiFi lacks a component type or a property.
    """
    tls = target.truststore is not None
    place = ownership.to_deploy(pipeline.name, adopt=adopt)
    group = place.group
    types = catalog.read(flow.needed(pipeline, tls=tls))
    wanted = parameters.wanted(pipeline, target, source)
    definition = flow.build(pipeline, scripts, types, tls=tls)
    definition["parameterContexts"] = _contexts(pipeline, wanted)
    live = versions.export(group) if group else None
    if live:
        definition = schedule.keep(definition, live)
    changes = _changes(pipeline, place, live, definition, wanted, types) if live else []
    new_calls = installed_steps.calls(definition) - installed_steps.calls(live)
    arranged = arrangement.keep(definition, live) if live else definition
    return Plan(place, definition, arranged, wanted, changes, new_calls)


def additions(
    name: str, place: Place, definition: Mapping[str, Any], wanted: Sequence[Parameter]
) -> list[Change]:
    """What a deployment would put on a canvas that does not have the pipeline yet.

    Args:
        name: the pipeline's name.
        place: what of it is there: a parameter context at most.
        definition: its flow definition.
        wanted: its parameters.
    """
    context = f"parameter context {context_name(name)}"
    made = [] if place.context is not None else [Change(context, "", None, "parameter context")]
    return [
        *additions_of_group(definition["flowContents"]),
        *made,
        *(Change(context, *one) for one in parameters.differences(place.context, wanted)),
    ]


def apply(
    pipeline: Pipeline,
    planned: Plan,
    progress: Callable[[str], None],
    check: Callable[[str], None] = lambda _group: None,
) -> str:
    """Carry a plan out and start the pipeline's steps.

    Args:
        pipeline: the validated YAML.
        planned: what :func:`plan` found.
        progress: told what happens.
        check: as for :func:`import_group`.

    Returns:
        The id of the process group.

    Raises:
        CanvasError: NiFi refused the change, or a component is not valid afterwards.
    """
    for change in planned.changes:
        _log.info("%s: changes %s %s", pipeline.name, change.component, change.property)
    place, group = planned.place, planned.group
    if group is None:
        progress("process group")
        group = make(place, pipeline.name, planned.definition, planned.parameters, check)
    elif planned.changes or not ownership.is_settled(place):
        progress("parameter context")
        context = parameters.put_own(place, pipeline.name, planned.parameters)
        if planned.changes:
            progress("process group")
            _change(pipeline.name, group, planned.arranged)
        claim(context, place, pipeline.name, group)
    progress("start")
    made = works_or_goes(f"flows/{pipeline.name}.yaml", place, pipeline.name, group)
    with made if planned.group is None else nullcontext():
        control.start_steps(group)
    return group


def make(
    place: Place,
    name: str,
    definition: dict[str, Any],
    wanted: Sequence[Parameter],
    check: Callable[[str], None] = lambda _group: None,
) -> str:
    """Put a new pipeline on the canvas: its parameter context, and the group that this is for.

    Args:
        place: what of it is on the canvas; a context at most.
        name: its name.
        definition: its flow definition.
        wanted: its parameters.
        check: as for :func:`import_group`.

    Returns:
        The group's id.

    Raises:
        CanvasError: NiFi does not take it, and has nothing new of it; or another command has made
            one meanwhile.
    """
    context = parameters.put_own(place, name, wanted)
    try:
        group = import_group(name, definition, check)
    except CanvasError:
        if place.context is None:
            parameters.delete(context_name(name))
        raise
    claim(context, place, name, group)
    return group


@contextmanager
def works_or_goes(title: str, place: Place, name: str, group: str) -> Iterator[None]:
    """Take a group that was just made off the canvas where its start fails.

    So what is wrong with it can be mended where it came from, and is no change of the canvas.

    Args:
        title: what it was made of.
        place: what of the pipeline was on the canvas before.
        name: the pipeline's name.
        group: the group's id.

    Raises:
        CanvasError: what the start raised.
    """
    try:
        yield
    except CanvasError as error:
        process_groups.delete(group)
        if place.context is None:
            parameters.delete(context_name(name))
        raise CanvasError(
            f"{title} does not work here and was taken off the canvas: {error.message}",
            next_command=error.next_command,
        ) from error


def claim(context: str, before: Place, name: str, group: str) -> None:
    """Make a group the pipeline's; of two that are made at once, one stays.

    Args:
        context: id of the parameter context.
        before: where the pipeline was on the canvas before.
        name: its name.
        group: id of its group; one that was just made is taken away where it is one too many.

    Raises:
        CanvasError: another command has made one meanwhile.
    """
    if before.group == group and ownership.is_settled(before):
        return
    if not ownership.claim(context, before, name, group):
        if before.group is None:
            process_groups.delete(group)
        raise CanvasError(
            f"another command deployed {name} at the same time; what that made stays",
            next_command=f"idemflow deploy {name}",
        )


def replace_version(
    group: str, to: VersionControlInfo, version: Version, definition: dict[str, Any]
) -> None:
    """Make a group that is not under version control a committed version, or leave it as it was.

    Args:
        group: id of the process group.
        to: registry, branch, bucket and flow.
        version: the version.
        definition: that version.
    """
    before = versions.export(group)

    def apply() -> None:
        _replace(group, definition)
        versions.attach(group, to, version.id, definition)

    def undo() -> None:
        versions.detach(group)
        _replace(group, before)

    versions.change_safely(group, version.title, apply, undo)


def replace_group(group: str, title: str, definition: dict[str, Any]) -> None:
    """Make a group that is not under version control what a definition says, or leave it."""
    before = versions.export(group)
    versions.change_safely(
        group, title, lambda: _replace(group, definition), lambda: _replace(group, before)
    )


def _change(name: str, group: str, definition: dict[str, Any]) -> None:
    """Replace a group's flow, or leave it as it was where that does not work.

    NiFi replaces no group under version control. So version control stops for the replacement and
    starts again with a commit of it: what runs is in git.
    """
    info = versions.control_info(group)
    before = versions.export(group)

    def apply() -> None:
        versions.detach(group)
        _replace(group, definition)
        if info:
            versions.commit(
                group, info.registry, info.flow, f"Deploy flows/{name}.yaml", known=True, force=True
            )

    def undo() -> None:
        versions.detach(group)
        _replace(group, before)
        if info:
            versions.attach(group, info, info.version, before)

    versions.change_safely(group, f"flows/{name}.yaml", apply, undo)


def _changes(
    pipeline: Pipeline,
    place: Place,
    live: Mapping[str, Any],
    definition: Mapping[str, Any],
    wanted: list[Parameter],
    types: Mapping[str, Component],
) -> list[Change]:
    name = flow.context_name(pipeline)
    return [
        Change(f"parameter context {name}", parameter, before, after)
        for parameter, before, after in parameters.differences(place.context, wanted)
    ] + compare(live["flowContents"], definition["flowContents"], types)


def _contexts(pipeline: Pipeline, wanted: list[Parameter]) -> dict[str, Any]:
    name = flow.context_name(pipeline)
    return {
        name: {
            "name": name,
            "componentType": "PARAMETER_CONTEXT",
            "inheritedParameterContexts": [],
            "parameters": [
                {
                    "name": item.name,
                    "description": item.shown,
                    "sensitive": item.sensitive,
                    "value": None if item.sensitive else item.value,
                }
                for item in wanted
            ],
        }
    }


def import_group(
    name: str, definition: dict[str, Any], check: Callable[[str], None] = lambda _group: None
) -> str:
    """Make a process group of a flow definition; nothing of it is started.

    Args:
        name: the group's name.
        definition: the flow definition.
        check: asks NiFi, in the new group, for more that the flow needs than its steps.

    Returns:
        The group's id.

    Raises:
        CanvasError: NiFi does not take it, or lacks what it calls; there is no group then.
    """
    with errors():
        root = nipyapi.canvas.get_root_pg_id()
        x, y = nipyapi.layout.suggest_pg_position(root)
        entity = nipyapi.nifi.ProcessGroupsApi().import_process_group(
            root,
            body={
                "groupId": root,
                "groupName": name,
                "positionDTO": {"x": x, "y": y},
                "revisionDTO": {"version": 0, "clientId": "idemflow"},
                "flowSnapshot": definition,
            },
        )
    group = str(entity.id)
    try:
        installed_steps.check(name, installed_steps.calls(definition), group)
        check(group)
    except CanvasError:
        process_groups.delete(group)
        raise
    return group


def _replace(group: str, definition: dict[str, Any]) -> None:
    api = nipyapi.nifi.ProcessGroupsApi()
    with errors():
        revision = api.get_process_group(group).revision
        started = api.initiate_replace_process_group(
            body={"processGroupRevision": revision, "versionedFlowSnapshot": definition}, id=group
        )
        finish(
            started,
            api.get_replace_process_group_request,
            api.delete_replace_process_group_request,
        )

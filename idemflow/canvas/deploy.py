"""Bring a pipeline's process group on the canvas to what its definition says.

A new pipeline is imported as a whole. For a changed one NiFi itself works out the difference and
applies it: it stops just the components that change, keeps what is queued, and starts them again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nipyapi

from idemflow.canvas import (
    catalog,
    control,
    flow,
    installed_steps,
    monitoring,
    parameters,
    process_groups,
    versions,
)
from idemflow.canvas.client import errors, finish
from idemflow.canvas.difference import Change, compare
from idemflow.canvas.versions import VersionControlInfo
from idemflow.drawing.catalog import Component
from idemflow.drawing.parameters import Parameter
from idemflow.drawing.script_body import Call
from idemflow.errors import CanvasError
from idemflow.pipeline.spec import Pipeline, Sources
from idemflow.servers import Target
from idemflow.steps.rules.words import counted
from idemflow.versions.repository import Version

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a deployment would do.

    Attributes:
        group: id of the pipeline's process group, ``None`` where it is not on the canvas yet.
        definition: the flow definition that is wanted.
        parameters: the parameters that are wanted.
        changes: how the canvas differs from both; empty for a new group.
        new_calls: the steps that are called and are not on the canvas yet.
    """

    group: str | None
    definition: dict[str, Any]
    parameters: list[Parameter]
    changes: list[Change]
    new_calls: set[Call]


def plan(
    pipeline: Pipeline, scripts: Sources, target: Target, source: Sequence[Parameter] = ()
) -> Plan:
    """Compare the canvas with the pipeline; changes nothing.

    Args:
        pipeline: the validated YAML.
        scripts: texts of its scripts.
        target: the NiFi, connected to, and the Elasticsearch that NiFi is to use.
        source: the parameters that the steps of its source refer to.

    Raises:
        CanvasError: NiFi lacks a component type or a property.
    """
    tls = target.truststore is not None
    group = process_groups.find(pipeline.name)
    deployed = (
        [*process_groups.processors(group.id), *process_groups.controller_services(group.id)]
        if group
        else []
    )
    types = catalog.read(flow.needed(pipeline, tls=tls), deployed)
    wanted = parameters.wanted(pipeline, target, source)
    definition = flow.build(pipeline, scripts, types, tls=tls)
    definition["parameterContexts"] = _contexts(pipeline, wanted)
    live = versions.export(group.id) if group else None
    changes = _changes(pipeline, live, definition, wanted, types) if live else []
    new_calls = installed_steps.calls(definition) - installed_steps.calls(live)
    return Plan(group.id if group else None, definition, wanted, changes, new_calls)


def apply(pipeline: Pipeline, planned: Plan, progress: Callable[[str], None]) -> str:
    """Carry a plan out and start the pipeline's steps.

    Args:
        pipeline: the validated YAML.
        planned: what :func:`plan` found.
        progress: told what happens.

    Returns:
        The id of the process group.

    Raises:
        CanvasError: NiFi refused the change, or a component is not valid afterwards.
    """
    for change in planned.changes:
        _log.info("%s: changes %s %s", pipeline.name, change.component, change.property)
    group = planned.group
    if group is not None:
        _check_queues(pipeline, group, planned)
    if group is None or planned.changes:
        progress("parameter context")
        parameters.put(flow.context_name(pipeline), planned.parameters)
        progress("process group")
        if group is None:
            group = import_group(pipeline.name, planned.definition)
        else:
            _change(pipeline.name, group, planned.definition)
    progress("start")
    control.start_steps(group)
    return group


def _check_queues(pipeline: Pipeline, group: str, planned: Plan) -> None:
    """Check that no document is queued that the changed steps would not understand.

    Raises:
        CanvasError: there are such documents.
    """
    if not any(change.property == flow.FORMAT for change in planned.changes):
        return
    queued = monitoring.activity(group).queued
    if queued:
        raise CanvasError(
            "load.batch changes how documents travel; "
            + counted(queued, "FlowFile is on its way", "FlowFiles are on their way"),
            next_command=f"idemflow stop {pipeline.name}, and deploy when `idemflow status` shows "
            "none",
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
    live: Mapping[str, Any],
    definition: Mapping[str, Any],
    wanted: list[Parameter],
    types: Mapping[str, Component],
) -> list[Change]:
    name = flow.context_name(pipeline)
    return [
        Change(f"parameter context {name}", parameter, before, after)
        for parameter, before, after in parameters.differences(parameters.find(name), wanted)
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


def import_group(name: str, definition: dict[str, Any]) -> str:
    """Make a process group of a flow definition; nothing of it is started.

    Returns:
        The group's id.
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
    return str(entity.id)


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

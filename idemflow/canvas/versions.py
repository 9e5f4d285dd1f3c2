"""Version control of process groups: the one place that speaks to NiFi of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nipyapi

from idemflow.canvas import control, flow_file, misfit
from idemflow.canvas.client import errors, finish
from idemflow.canvas.difference import Change, compare
from idemflow.drawing.boxes import Json
from idemflow.errors import CanvasError, UsageError
from idemflow.versions.repository import BUCKET


@dataclass(frozen=True)
class VersionControlInfo:
    """What NiFi knows of a group under version control.

    Attributes:
        registry: id of the flow registry client.
        branch: the branch that it follows.
        bucket: the flow's folder.
        flow: the flow's name in it.
        version: hash of the version that the group was brought to last.
        state: NiFi's word: ``UP_TO_DATE``, ``LOCALLY_MODIFIED``, ``STALE``,
            ``LOCALLY_MODIFIED_AND_STALE`` or ``SYNC_FAILURE``. It is some seconds old.
        explanation: the same in a sentence.
    """

    registry: str
    branch: str | None
    bucket: str
    flow: str
    version: str
    state: str
    explanation: str


def control_info(group: str) -> VersionControlInfo | None:
    """How a group is under version control; ``None`` where it is not.

    Args:
        group: id of the process group.
    """
    with errors():
        found = nipyapi.nifi.VersionsApi().get_version_information(group)
    info = found.version_control_information
    if info is None:
        return None
    return VersionControlInfo(
        info.registry_id, info.branch, info.bucket_id, info.flow_id, str(info.version),
        info.state or "", info.state_explanation or "",
    )  # fmt: skip


def export(group: str) -> Json:
    """The flow definition of what is on the canvas now; sensitive values are not in it."""
    with errors():
        found = json.loads(nipyapi.nifi.ProcessGroupsApi().export_process_group(group))
    assert isinstance(found, dict)
    return found


def differences(before: Json, after: Json) -> list[Change]:
    """What differs between two flow definitions that NiFi made.

    Parameters' values are left out: they differ from one NiFi to the next.
    """
    return compare(flow_file.contents(before), flow_file.contents(after))


def commit(
    group: str, registry: str, pipeline: str, comment: str, *, known: bool, force: bool
) -> str:
    """Commit what is on the canvas; the group is under version control afterwards.

    Args:
        group: id of the process group.
        registry: id of the flow registry client.
        pipeline: the flow's name.
        comment: the commit's message.
        known: whether the repository has the flow already.
        force: make it a version on top of what others have committed meanwhile.

    Returns:
        The version's hash; where nothing differs, of the version that there is.

    Raises:
        CanvasError: a conflict, or git refused; in the words of the client, which say what to do.
    """
    now = control_info(group)
    flow: dict[str, Any] = {
        "registryId": now.registry if now else registry,
        "bucketId": now.bucket if now else BUCKET,
        "flowName": now.flow if now else pipeline,
        "flowId": now.flow if now else pipeline if known else None,
        "comments": comment,
        "action": "FORCE_COMMIT" if force else "COMMIT",
    }
    with errors():
        revision = nipyapi.nifi.ProcessGroupsApi().get_process_group(group).revision
        done = nipyapi.nifi.VersionsApi().save_to_flow_registry(
            id=group, body={"processGroupRevision": revision, "versionedFlow": flow}
        )
    return str(done.version_control_information.version)


def change(group: str, version: str) -> None:
    """Change a group to another version of its flow, or to the same without its local changes.

    NiFi stops just what differs, keeps what is queued, and starts again what ran.

    Args:
        group: id of the process group.
        version: hash of the version.

    Raises:
        CanvasError: NiFi refused; the group is as it was.
    """
    now = control_info(group)
    if now is None:
        raise CanvasError("the process group is not under version control")
    api = nipyapi.nifi.VersionsApi()
    with errors():
        found = api.get_version_information(group)
        if now.version == version:
            started = api.initiate_revert_flow_version(id=group, body=found)
            finish(started, api.get_revert_request, api.delete_revert_request)
        else:
            found.version_control_information.version = version
            started = api.initiate_version_control_update(id=group, body=found)
            finish(started, api.get_update_request, api.delete_update_request1)


def attach(group: str, to: VersionControlInfo, version: str, definition: Json) -> None:
    """Put a group under version control at a version whose contents it has already.

    Args:
        group: id of the process group.
        to: registry, branch, bucket and flow.
        version: hash of the version.
        definition: that version.
    """
    with errors():
        revision = nipyapi.nifi.ProcessGroupsApi().get_process_group(group).revision
        nipyapi.nifi.VersionsApi().update_flow_version(
            id=group,
            body={
                "processGroupRevision": revision,
                "registryId": to.registry,
                "versionedFlowSnapshot": _snapshot(definition, to, version),
            },
        )


def detach(group: str) -> None:
    """Take a group out of version control, where it is under it; it stays as it is.

    NiFi's own *stop version control* forgets which component of the canvas is which one of the
    flow, and a later replacement would throw all away and draw it anew. Replacing the contents by
    themselves, without a version, keeps that.
    """
    now = control_info(group)
    if now is None:
        return
    snapshot = _snapshot(export(group), now, now.version)
    with errors():
        api = nipyapi.nifi.ProcessGroupsApi()
        revision = api.get_process_group(group).revision
        api.replace_process_group(
            id=group, body={"processGroupRevision": revision, "versionedFlowSnapshot": snapshot}
        )


def _snapshot(definition: Json, to: VersionControlInfo, version: str) -> Json:
    return {
        **definition,
        "snapshotMetadata": {
            "bucketIdentifier": to.bucket,
            "flowIdentifier": to.flow,
            "branch": to.branch,
            "version": version,
        },
        "flow": {"identifier": to.flow, "name": to.flow, "bucketIdentifier": to.bucket},
        "bucket": {"identifier": to.bucket, "name": to.bucket},
        "latest": True,
    }


def create(registry: str, pipeline: str, branch: str, version: str) -> str:
    """Make a process group of a committed version; parameter contexts that exist are kept.

    Returns:
        The group's id.
    """
    with errors():
        root = nipyapi.canvas.get_root_pg_id()
        x, y = nipyapi.layout.suggest_pg_position(root)
        made = nipyapi.versioning.deploy_git_registry_flow(
            registry, BUCKET, pipeline, root, (x, y), version=version, branch=branch,
            parameter_context_handling="KEEP_EXISTING",
        )  # fmt: skip
    return str(made.id)


def check_types(definition: Json, title: str) -> None:
    """Check that NiFi has all the types of a version, before anything is changed.

    Raises:
        CanvasError: some are missing, or lack properties that the version sets; names them.
    """
    there = _types()
    missing = [one for one in flow_file.types(definition) if one not in there]
    if missing:
        raise CanvasError(
            f"{title} cannot run here, nothing was changed: this NiFi has no {', '.join(missing)}",
            next_command="put the NAR that has it into a folder and: idemflow up --nars FOLDER",
        )
    if unknown := misfit.unknown(definition):
        name = definition["flowContents"]["name"]
        raise CanvasError(
            f"{title} was drawn for another NiFi, nothing was changed: the types of this one have "
            f"no property {', '.join(unknown)}",
            next_command=f"idemflow deploy {name} draws flows/{name}.yaml for this NiFi; an "
            "older state of that file is in git as well",
        )


def _types() -> set[str]:
    with errors():
        api = nipyapi.nifi.FlowApi()
        there = {item.type for item in api.get_processor_types().processor_types}
        services = api.get_controller_service_types().controller_service_types
    return there | {item.type for item in services}


def change_safely(
    group: str, title: str, apply: Callable[[], None], undo: Callable[[], None]
) -> None:
    """Change a group's flow; start what ran, and go back where that does not work.

    Args:
        group: id of the process group.
        title: what to call the new version in an error.
        apply: makes the change.
        undo: takes it back.

    Raises:
        CanvasError: the change failed, with what was missing; the group is as it was.
    """
    ran, stopped = control.steps(group)
    wrong = set() if ran else set(control.problems(group))
    try:
        apply()
        if ran:
            control.start_steps(group, leave=stopped)
        elif not wrong:
            control.enable_services(group)
        elif new := sorted(set(control.problems(group)) - wrong):
            raise CanvasError("NiFi finds components not valid: " + "; ".join(new))
    except (CanvasError, UsageError) as error:
        try:
            undo()
            if ran:
                control.start_steps(group, leave=stopped)
        except CanvasError as second:
            raise CanvasError(
                f"{title} does not work here: {error.message}. "
                f"Going back failed as well: {second.message}",
                next_command="look at the canvas: idemflow open",
            ) from error
        raise CanvasError(
            f"{title} does not work here, the version before is back: {error.message}",
            next_command=error.next_command,
        ) from error

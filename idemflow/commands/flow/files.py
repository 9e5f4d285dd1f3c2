"""``idemflow flow export`` and ``import``: flows as files, for other NiFis."""

from __future__ import annotations

import json
from pathlib import Path

from idemflow.canvas import deploy as canvas
from idemflow.canvas import (
    deployments,
    flow_file,
    installed_steps,
    ownership,
    process_groups,
    versions,
)
from idemflow.commands.flow import base as version
from idemflow.config.settings import Settings
from idemflow.errors import UsageError


def export_file(settings: Settings, name: str, revision: str | None, file: Path) -> str:
    """Write a flow definition that any NiFi's *upload flow definition* reads.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        revision: a version; ``None`` for the canvas as it is.
        file: where to; must not be there.

    Returns:
        What was written: the version's title or ``canvas``.
    """
    store = version.open_repository(settings, name)
    if revision is None:
        title, made = version.CANVAS, versions.export(process_groups.find_id(name))
    else:
        found = store.resolve(name, revision)
        title, made = found.title, version.definition(store, name, found)
    try:
        with file.open("x", encoding="utf-8") as stream:
            json.dump(made, stream, indent=2, sort_keys=True, ensure_ascii=False)
            stream.write("\n")
    except FileExistsError:
        raise UsageError(f"{file} is there already", next_command="choose another file") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
    return title


def import_file(settings: Settings, name: str, file: Path, *, force: bool = False) -> bool:
    """Put a flow definition on the canvas as a pipeline's group.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        file: NiFi's flow definition.
        force: discard changes that were made on the canvas.

    Returns:
        Whether the group is new.

    Raises:
        UsageError: the file is no flow, or changes on the canvas would be lost.
        CanvasError: the flow does not work here; the one before is back.
    """
    version.check_name(settings, name)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}") from error
    made = flow_file.read(text, str(file))
    version.connect(settings)
    versions.check_types(made, str(file))
    place = ownership.to_deploy(name, adopt=False)
    group = place.group
    if group is None:
        canvas.make(place, name, made, ())
        return True
    if versions.control_info(group):
        raise UsageError(
            f"{name} is under version control: an import would cut its history",
            next_command="stop version control on the canvas first, or write the file into git: "
            f"flows/pipelines/{name}.json",
        )
    if not force and deployments.changed_since(place, made):
        raise UsageError(
            f"{name} was changed on the canvas since it was deployed",
            next_command=f"idemflow flow export {name} -o FILE keeps that, --force discards it",
        )
    installed_steps.check(name, installed_steps.calls(made), group)
    canvas.replace_group(group, str(file), made)
    return False

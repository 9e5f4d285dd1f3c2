"""NiFi's flow registry clients."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nipyapi

from idemflow.canvas.client import errors
from idemflow.errors import CanvasError, UsageError
from idemflow.versions.repository import BUCKET, Repository

GIT = "io.idemflow.registry.GitFlowRegistryClient"
# What a person calls the types, and how NiFi does.
TYPES = {
    "git": GIT,
    "nifi-registry": "org.apache.nifi.registry.flow.NifiRegistryFlowRegistryClient",
    "github": "org.apache.nifi.github.GitHubFlowRegistryClient",
    "gitlab": "org.apache.nifi.gitlab.GitLabFlowRegistryClient",
}


@dataclass(frozen=True)
class Client:
    """A flow registry client.

    Attributes:
        id: NiFi's id of it.
        name: its name.
        type: full class name.
        properties: what is set, sensitive values left out.
        problems: why it cannot be used; none if it can.
    """

    id: str
    name: str
    type: str
    properties: dict[str, str]
    problems: list[str]


def clients() -> list[Client]:
    """The clients that NiFi has."""
    with errors():
        found = nipyapi.nifi.ControllerApi().get_flow_registry_clients().registries
    return sorted((_client(item) for item in found or ()), key=lambda one: one.name)


def available() -> list[str]:
    """The full class names of the types that NiFi has."""
    with errors():
        found = nipyapi.nifi.ControllerApi().get_registry_client_types()
    return sorted(str(item.type) for item in found.flow_registry_client_types or ())


def add(kind: str, name: str, properties: Mapping[str, str]) -> Client:
    """Make a client.

    Args:
        kind: a key of :data:`TYPES`, or a full class name.
        name: what to call it.
        properties: by display name.

    Raises:
        UsageError: NiFi has no such type, the type no such property, or the name is taken.
        CanvasError: NiFi finds the properties not valid; no client is left behind.
    """
    wanted = TYPES.get(kind, kind)
    types = available()
    if wanted not in types:
        shown = {value: key for key, value in TYPES.items()}
        has = ", ".join(shown.get(one, one) for one in types) or "none"
        raise UsageError(
            f"this NiFi has no flow registry client of type {kind!r}; it has: {has}",
            next_command="put the NAR that has it into a folder and: idemflow up --nars FOLDER",
        )
    if any(one.name == name for one in clients()):
        raise UsageError(
            f"NiFi has a flow registry client named {name!r} already",
            next_command="idemflow flow registry list",
        )
    with errors():
        made = nipyapi.versioning.create_registry_client(name=name, reg_type=wanted, properties={})
        try:
            return _configure(made, properties)
        except (CanvasError, UsageError):
            remove(str(made.id))
            raise


def remove(identifier: str) -> None:
    """Take a client away.

    Raises:
        CanvasError: a group is under version control with it.
    """
    with errors():
        api = nipyapi.nifi.ControllerApi()
        nipyapi.versioning.delete_registry_client(api.get_flow_registry_client(identifier))


def ensure(repository: Repository) -> str:
    """The id of the client of a project's repository; it is made where NiFi has none.

    Raises:
        UsageError: this NiFi lacks the type.
    """
    properties = {
        "Repository Path": str(repository.path),
        "Branch": repository.branch,
        "Directory": repository.directory,
        # To be there for the canvas' first commit, too.
        "New Bucket": BUCKET,
    }
    taken = set()
    for one in clients():
        taken.add(one.name)
        if one.type == GIT and all(
            one.properties.get(key) == properties[key] for key in ("Repository Path", "Directory")
        ):
            return one.id
    base = f"flows of {(repository.project or repository.path).name}"
    numbers = (f"{base} {number}" for number in range(2, len(taken) + 3))
    return add("git", next(one for one in (base, *numbers) if one not in taken), properties).id


def _configure(made: Any, properties: Mapping[str, str]) -> Client:
    """Set properties by display name, and wait for NiFi's verdict."""
    api = nipyapi.nifi.ControllerApi()
    entity = api.get_flow_registry_client(made.id)
    descriptors = entity.component.descriptors or {}
    internal = {item.display_name or key: key for key, item in descriptors.items()}
    unknown = sorted(set(properties) - set(internal))
    if unknown:
        raise UsageError(
            f"a client of that type has no property {unknown[0]!r}; "
            f"it has: {', '.join(sorted(internal))}"
        )
    entity.component.properties = {internal[key]: value for key, value in properties.items()}
    entity = api.update_flow_registry_client(
        {
            "revision": entity.revision,
            "component": {
                "id": made.id,
                "name": entity.component.name,
                "properties": entity.component.properties,
            },
        },
        made.id,
    )
    found = _client(api.get_flow_registry_client(made.id))
    if found.problems:
        raise CanvasError(f"NiFi finds the registry client not valid: {'; '.join(found.problems)}")
    return found


def _client(entity: Any) -> Client:
    component = entity.component
    descriptors = component.descriptors or {}
    shown = {}
    for key, value in (component.properties or {}).items():
        item = descriptors.get(key)
        if value is not None and not (item is not None and item.sensitive):
            shown[item.display_name if item is not None else key] = str(value)
    return Client(
        str(entity.id),
        str(component.name),
        str(component.type),
        shown,
        [re.sub(r"\s+", " ", str(one)) for one in component.validation_errors or ()],
    )

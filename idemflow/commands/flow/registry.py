"""``idemflow flow registry``: NiFi's flow registry clients."""

from __future__ import annotations

from collections.abc import Iterable

from idemflow.canvas import registry
from idemflow.canvas.registry import Client
from idemflow.commands.flow.base import connect
from idemflow.config.settings import Settings
from idemflow.errors import UsageError


def list_all(settings: Settings) -> tuple[list[Client], list[str]]:
    """The clients of the NiFi, and the class names of the types that it has."""
    connect(settings)
    return registry.clients(), registry.available()


def add(settings: Settings, kind: str, name: str, properties: Iterable[str]) -> Client:
    """Make a client.

    Args:
        settings: the resolved settings.
        kind: ``git``, ``nifi-registry``, ``github`` or a full class name.
        name: what to call it.
        properties: ``NAME=VALUE``, by display name.

    Raises:
        UsageError: NiFi does not have the type or the property, or the name is taken.
        CanvasError: a value is not valid.
    """
    given = {}
    for item in properties:
        key, equals, value = item.partition("=")
        if not (key.strip() and equals):
            raise UsageError(f"--property {item!r} is not NAME=VALUE")
        given[key.strip()] = value
    connect(settings)
    return registry.add(kind, name, given)

"""What a step asks of its processor besides the session: properties, and the scope of its state.

Runs inside NiFi: standard library only.
"""

import importlib
from typing import Any

from idemflow.steps import StepRefused


def text(context: Any, name: str) -> str:
    """The value of a property.

    Args:
        name: the property's name.

    Raises:
        StepRefused: it is not set.
    """
    value = optional(context, name)
    if value is None:
        raise StepRefused(f"this processor has no property {name!r}; `idemflow deploy` sets it")
    return value


def optional(context: Any, name: str) -> str | None:
    """The value of a property; ``None`` where it is not set."""
    found = context.getProperty(name)
    value: str | None = None if found is None else found.getValue()
    return value


def scope(name: str) -> Any:
    """NiFi's ``Scope`` of a state.

    Args:
        name: ``LOCAL`` or ``CLUSTER``.
    """
    return getattr(importlib.import_module("org.apache.nifi.components.state").Scope, name)

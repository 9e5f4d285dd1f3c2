"""Which parameter contexts NiFi has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import nipyapi
from nipyapi.nifi.rest import ApiException

from idemflow.canvas.client import errors

# The id of the context that was found by a key. One command asks several times, and to list the
# contexts takes longer the more pipelines there are.
_found: dict[object, str] = {}


def every() -> list[Any]:
    """The parameter contexts that this user may read."""
    with errors():
        found = nipyapi.nifi.FlowApi().get_parameter_contexts().parameter_contexts
    return [one for one in found or () if one.component is not None]


def named(name: str) -> Any:
    """The context of that name, whoever made it; ``None`` where this user may read none."""
    return first(name, lambda context: context.component.name == name)


def first(key: object, is_it: Callable[[Any], bool]) -> Any:
    """The context that is meant.

    Args:
        key: the same for the same question: what it has found is looked at first, the next time.
        is_it: whether a context is meant.

    Returns:
        The first that is, as it is now; ``None`` where none is.
    """
    for context in _candidates(_found.pop(key, None)):
        if is_it(context):
            _found[key] = context.id
            return context
    return None


def _candidates(known: str | None) -> Iterator[Any]:
    if known is not None:
        context = None
        with errors(), suppress(ApiException):  # it is gone, or this user may not read it any more
            context = nipyapi.nifi.ParameterContextsApi().get_parameter_context(known)
        if context is not None and context.component is not None:
            yield context
    yield from every()

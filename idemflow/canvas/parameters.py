"""A pipeline's parameter context: what differs between one NiFi and the next."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import nipyapi

from idemflow.canvas import contexts, ownership
from idemflow.canvas.client import errors, finish
from idemflow.canvas.ownership import Place
from idemflow.canvas.replay import PARAMETER
from idemflow.drawing.collect import REQUEST
from idemflow.drawing.parameters import Parameter, context_name
from idemflow.errors import CanvasError, SettingError
from idemflow.pipeline.spec import Pipeline
from idemflow.servers import Target
from idemflow.sources.fields import Scalar, as_text
from idemflow.sources.source import Source
from idemflow.steps.replay import NONE

# What a trigger is told while it is started, and by which of two commands.
LENT = {
    REQUEST: "The end of the id of the run that is being started",
    PARAMETER: "The replay of dead letters that is being started",
}
# How long another command may take to start something, in seconds. One that was killed then has
# left its value behind.
_TRIGGER_SECONDS = 10.0
_CONFLICT = 409


def wanted(pipeline: Pipeline, target: Target, source: Sequence[Parameter]) -> list[Parameter]:
    """The parameters that a pipeline needs on a NiFi.

    Args:
        pipeline: the pipeline.
        target: the NiFi, and the Elasticsearch that NiFi is to use.
        source: those that the steps of its source refer to.

    Raises:
        SettingError: NiFi would read the password as something else.
    """
    loader = target.loader
    # The client service evaluates an expression in it, and InvokeHTTP does not: no spelling of it
    # is right for both.
    if "${" in loader.password:
        raise SettingError(
            "loader_password, or elasticsearch_password where there is none",
            "NiFi takes ${ for the beginning of an expression",
            next_command=f"give {loader.username} a password without it; or name another user with "
            "loader_username",
        )
    parameters = [
        Parameter("index", pipeline.target, "The index that documents go to"),
        *(argument(pipeline.collect, *item) for item in pipeline.collect.run_arguments.items()),
        *source,
        *(Parameter(name, NONE, text) for name, text in LENT.items()),
        Parameter("elasticsearch.url", loader.url, "Address of Elasticsearch, as NiFi sees it"),
        Parameter("elasticsearch.username", loader.username, "Who NiFi is for Elasticsearch"),
        Parameter(
            "elasticsearch.password", loader.password, "That user's password", sensitive=True
        ),
    ]
    if target.truststore is not None:
        parameters += [
            Parameter(
                "elasticsearch.truststore", str(target.truststore), "Whom NiFi trusts (PKCS12)"
            ),
            Parameter(
                "elasticsearch.truststore.password",
                target.truststore_password or "",
                "The truststore's password",
                sensitive=True,
            ),
        ]
    return parameters


def argument(source: Source, name: str, value: Scalar) -> Parameter:
    """The parameter of an argument of a run."""
    whose = f"{source.call.function}()" if source.call else "a run"
    return Parameter(name, as_text(value), f"Argument of {whose}")


def delete(name: str) -> None:
    """Take a parameter context away, which no process group uses."""
    context = contexts.named(name)
    if context is not None:
        with errors():
            nipyapi.parameters.delete_parameter_context(context)


def differences(
    context: nipyapi.nifi.ParameterContextEntity | None, parameters: Sequence[Parameter]
) -> list[tuple[str, str | None, str]]:
    """What setting ``parameters`` would change.

    Returns:
        Name, value now and value then; ``********`` for sensitive values.
    """
    current = _current(context)
    found = []
    for parameter in parameters:
        live = current.get(parameter.name)
        if live is not None and parameter.name in LENT:
            continue  # a command may be starting something just now
        if parameter.sensitive:
            if live is None or live.description != parameter.shown:
                found.append((parameter.name, "********" if live else None, "********"))
        elif live is None or live.value != parameter.value:
            found.append((parameter.name, live.value if live else None, parameter.value))
    return found


def put(name: str, parameters: Sequence[Parameter]) -> None:
    """Set in a context just those parameters that differ.

    Raises:
        CanvasError: this project has no context of that name.
    """
    context = contexts.named(name)
    if context is None or not ownership.is_own(context):
        raise _not_there(name)
    with errors():
        changed = {change[0] for change in differences(context, parameters)}
        context.component.parameters = [
            _entity(item) for item in parameters if item.name in changed
        ]
        if changed:
            _update(context)


@contextmanager
def lent(name: str, key: str, value: str, others: Sequence[Parameter] = ()) -> Iterator[None]:
    """Tell a trigger what it starts; it carries the values with it, so they can go back at once.

    Of two commands that start something at the same time, on any machines, one waits.

    Args:
        name: the context.
        key: a key of :data:`LENT`.
        value: its value.
        others: other values of parameters that are there.

    Raises:
        CanvasError: NiFi refuses the change.
    """

    def own(value: str) -> Parameter:
        return Parameter(key, value, LENT[key])

    before = _set(name, [own(value), *others], free=key)
    back = [replace(item, value=before[item.name].value or "") for item in others]
    try:
        yield
    finally:
        _set(name, [own(NONE), *back])


def _set(
    name: str, parameters: Sequence[Parameter], *, free: str | None = None
) -> Mapping[str, nipyapi.nifi.ParameterDTO]:
    """Set parameters of a context that is there.

    Args:
        free: waits until no other command has lent this one.

    Returns:
        What was there before.
    """
    deadline = time.monotonic() + _TRIGGER_SECONDS
    while True:
        context = contexts.named(name)
        current = _current(context)
        late = time.monotonic() > deadline
        if context is None or not ownership.is_own(context):
            raise _not_there(name)
        # A flow of an earlier version has no such parameter yet.
        held = current[free].value if free and free in current else None
        if held in (None, NONE) or late:
            context.component.parameters = [_entity(item) for item in parameters]
            try:
                with errors():
                    _update(context)
                return current
            except CanvasError as error:
                # Another command has changed the context since it was read.
                if error.status != _CONFLICT or late:
                    raise
        time.sleep(0.1)


def _not_there(name: str) -> CanvasError:
    return CanvasError(
        f"this project has no parameter context {name!r} on the canvas",
        next_command="idemflow status",
    )


def _update(context: nipyapi.nifi.ParameterContextEntity) -> None:
    """Send what of a context is to change; refused where it was changed since it was read.

    nipyapi's own function asks once a second whether it is done.
    """
    api = nipyapi.nifi.ParameterContextsApi()
    body = nipyapi.nifi.ParameterContextEntity(
        id=context.id, revision=context.revision, component=context.component
    )
    finish(
        api.submit_parameter_context_update(context_id=context.id, body=body),
        lambda request: api.get_parameter_context_update(context.id, request),
        lambda request: api.delete_update_request(context_id=context.id, request_id=request),
        every=0.05,
    )


def put_own(place: Place, pipeline: str, parameters: Sequence[Parameter]) -> str:
    """Make the parameter context of a pipeline, or bring the one that it has up to date.

    Args:
        place: where the pipeline is on the canvas.
        pipeline: its name.
        parameters: all that it needs.

    Returns:
        The context's id.
    """
    context = ownership.take(place, pipeline, [_entity(item) for item in parameters])
    if place.context is not None:
        put(context_name(pipeline), parameters)
    return context


def values(name: str) -> dict[str, str | None]:
    """The values of a context's parameters, ``None`` for sensitive ones; none without a context."""
    current = _current(contexts.named(name))
    return {key: None if item.sensitive else item.value for key, item in current.items()}


def _current(
    context: nipyapi.nifi.ParameterContextEntity | None,
) -> Mapping[str, nipyapi.nifi.ParameterDTO]:
    if context is None:
        return {}
    return {item.parameter.name: item.parameter for item in context.component.parameters or []}


def _entity(parameter: Parameter) -> nipyapi.nifi.ParameterEntity:
    return nipyapi.parameters.prepare_parameter(
        parameter.name, parameter.value, parameter.shown, parameter.sensitive
    )

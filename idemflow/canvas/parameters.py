"""A pipeline's parameter context: what differs between one NiFi and the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import nipyapi

from idemflow.canvas.client import errors
from idemflow.canvas.replay import PARAMETER
from idemflow.config.databases import Database
from idemflow.drawing.parameters import Parameter
from idemflow.pipeline.spec import Pipeline
from idemflow.servers import Runtime
from idemflow.sources.script.model import ScriptSource
from idemflow.steps.replay import NONE


def wanted(pipeline: Pipeline, runtime: Runtime, place: Database | Path | None) -> list[Parameter]:
    """The parameters that a pipeline needs on a NiFi.

    Args:
        pipeline: the pipeline.
        runtime: the NiFi, and the Elasticsearch that NiFi is to use.
        place: the database or the directory that the records come from, if there is one.
    """
    loader = runtime.loader
    parameters = [
        Parameter("index", pipeline.target, "The index that documents go to"),
        *_source(pipeline, place),
        Parameter(PARAMETER, NONE, "The replay of dead letters that is being started"),
        Parameter("elasticsearch.url", loader.url, "Address of Elasticsearch, as NiFi sees it"),
        Parameter("elasticsearch.username", loader.username, "Who NiFi is for Elasticsearch"),
        Parameter(
            "elasticsearch.password", loader.password, "That user's password", sensitive=True
        ),
    ]
    if runtime.truststore is not None:
        parameters += [
            Parameter(
                "elasticsearch.truststore", str(runtime.truststore), "Whom NiFi trusts (PKCS12)"
            ),
            Parameter(
                "elasticsearch.truststore.password",
                runtime.truststore_password or "",
                "The truststore's password",
                sensitive=True,
            ),
        ]
    return parameters


def _source(pipeline: Pipeline, place: Database | Path | None) -> list[Parameter]:
    source = pipeline.collect
    if isinstance(source, ScriptSource):
        description = f"Argument of {source.function}()"
        return [Parameter(key, text(value), description) for key, value in source.arguments.items()]
    if isinstance(place, Path):
        return [Parameter("files.directory", str(place), "Where the files are, as NiFi sees it")]
    if place is None:
        return []
    return [
        Parameter("database.url", place.url, "Address of the database, as NiFi sees it"),
        Parameter("database.username", place.username or "", "Who NiFi is for the database"),
        Parameter(
            "database.password", place.password or "", "That user's password", sensitive=True
        ),
        Parameter("database.driver.class", place.driver_class, "The JDBC driver's class"),
        Parameter("database.driver", str(place.driver_path), "The JDBC driver's jar"),
    ]


def text(value: bool | int | float | str) -> str:
    """An argument as a parameter's value: numbers and booleans as in JSON."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def find(name: str) -> nipyapi.nifi.ParameterContextEntity | None:
    """The parameter context of that name, if NiFi has it."""
    with errors():
        for context in nipyapi.parameters.list_all_parameter_contexts():
            if context.component.name == name:
                return nipyapi.parameters.get_parameter_context(context.id, identifier_type="id")
    return None


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
        if parameter.sensitive:
            if live is None or live.description != parameter.shown:
                found.append((parameter.name, "********" if live else None, "********"))
        elif live is None or live.value != parameter.value:
            found.append((parameter.name, live.value if live else None, parameter.value))
    return found


def put(
    name: str,
    context: nipyapi.nifi.ParameterContextEntity | None,
    parameters: Sequence[Parameter],
) -> None:
    """Create the context, or set in it just those parameters that differ."""
    with errors():
        if context is None:
            nipyapi.parameters.create_parameter_context(
                name, "Written by idemflow deploy", [_entity(item) for item in parameters]
            )
            return
        changed = {change[0] for change in differences(context, parameters)}
        context.component.parameters = [
            _entity(item) for item in parameters if item.name in changed
        ]
        if changed:
            nipyapi.parameters.update_parameter_context(context)


def values(context: nipyapi.nifi.ParameterContextEntity | None) -> dict[str, str | None]:
    """The values of a context's parameters; ``None`` for sensitive ones."""
    return {
        name: None if item.sensitive else item.value for name, item in _current(context).items()
    }


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

"""Makes of a pipeline what :mod:`idemflow.preview.reading` runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from idemflow.config.settings import Settings
from idemflow.drawing import script_body
from idemflow.drawing.boxes import Group
from idemflow.drawing.catalog import Component
from idemflow.drawing.collect import Collect
from idemflow.errors import PipelineError, UsageError
from idemflow.pipeline import spec
from idemflow.pipeline.spec import Pipeline, Sources
from idemflow.preview import reading
from idemflow.preview.reading import Failed, Given, Script, Seconds, Task
from idemflow.sources.fields import Scalar
from idemflow.sources.source import Local, Source
from idemflow.steps.chunk_result import ChunkResult
from idemflow.supply.packages import imported, remedy

# Records in a FlowFile, at most.
_RECORDS = 500


def run(
    settings: Settings,
    pipeline: Pipeline,
    take: Callable[[ChunkResult, str | None], None],
    *,
    most: int | None = None,
    local: Local | None = None,
    records: bytes | None = None,
    arguments: Mapping[str, Scalar] | None = None,
) -> Seconds:
    """Run a pipeline's source, transform and identity in this process.

    Args:
        settings: the resolved settings.
        pipeline: the pipeline.
        take: is told what became of some more records, and the file that they come from.
        most: how many records are wanted; ``None`` for all.
        local: what the source's last step takes; by default as the source says.
        records: JSON lines in place of what the source gives.
        arguments: values of the run's arguments in place of those of the YAML.

    Raises:
        PipelineError: a script or the source fails; with file, line and cause.
        UsageError: the source can only run in NiFi.
    """
    wanted = _RECORDS if most is None else min(most, _RECORDS)
    if records is None:
        local = local or pipeline.collect.local(settings, wanted)
        if local is None:
            raise _in_nifi_alone(pipeline)
        given: Iterable[Given] = local.given
        made = task(settings, pipeline, local, records=wanted, most=most)
    else:
        count = records.count(b"\n") + 1
        given = [(records, {"idemflow.positions": f"1-{count}"})]
        made = task(settings, pipeline, None, records=wanted, most=most)
    first = trigger(pipeline, arguments or {})
    whole = ((content, {**first, **attributes}) for content, attributes in given)
    try:
        with imported(settings):
            return reading.run(made, whole, take)
    except Failed as error:
        raise PipelineError(
            error.file or f"flows/{pipeline.name}.yaml",
            str(error),
            line=error.line,
            next_command=remedy(settings, str(error), here=True)
            or f"mend it, then: idemflow preview {pipeline.name}",
        ) from error


def task(
    settings: Settings,
    pipeline: Pipeline,
    local: Local | None,
    *,
    records: int = _RECORDS,
    most: int | None = None,
    backwards: bool = False,
) -> Task:
    """What to run of a pipeline.

    Args:
        settings: the resolved settings.
        pipeline: the pipeline.
        local: what the source's last step takes; ``None`` where records are given to Identify.
        records: how many records the source's last step puts into a FlowFile.
        most: how many records are wanted; ``None`` for all.
        backwards: whether records are transformed in another order.

    Raises:
        PipelineError: a script cannot be read.
        UsageError: the source can only run in NiFi.
    """
    texts = spec.sources(settings.project, pipeline)
    call, transform = pipeline.collect.call, pipeline.transform
    body, properties = None, dict[str, str]()
    if local is not None:
        body, properties = _last_step(pipeline, texts, records)
        properties |= local.properties
    return Task(
        body=body,
        file=call.script if call else "",
        properties=properties,
        transform=Script(texts.transform or "", transform.script, transform.function)
        if transform
        else None,
        identity=pipeline.identity.rule(),
        version=pipeline.version.rule() if pipeline.version else None,
        delete=pipeline.delete.rule() if pipeline.delete else None,
        most=most,
        backwards=backwards,
    )


def trigger(pipeline: Pipeline, arguments: Mapping[str, Scalar]) -> dict[str, str]:
    """The attributes of what starts a run, with other values for some of its arguments."""
    values = {**pipeline.collect.run_arguments, **arguments}
    return {
        "idemflow.run": "preview",
        "idemflow.started": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "idemflow.pipeline": pipeline.name,
        "idemflow.arguments": json.dumps(values),
        "idemflow.trigger": "preview",
    }


def _last_step(pipeline: Pipeline, texts: Sources, records: int) -> tuple[str, dict[str, str]]:
    """Script Body and properties of the step that gives the records, as they are drawn."""
    source = pipeline.collect
    top = Group(pipeline.name, pipeline.name, pipeline.name, (0.0, 0.0), "")
    collect = Collect(
        top=top, group=top.group("Collect", (0.0, 0.0), ""), types=_Types(),
        pipeline=pipeline.name, records=records, queue=pipeline.load.queue,
        retry_after=pipeline.load.retry_after, whole=pipeline.snapshot,
    )  # fmt: skip
    first, last = source.draw(collect, texts.collect)
    properties: dict[str, str] = dict(last["properties"])
    body = properties.pop("Script Body", None)
    # What is before it would have to be read in its place.
    if body is None or (first is not last and type(source).local is Source.local):
        raise _in_nifi_alone(pipeline)
    return script_body.plain(body), properties


def _in_nifi_alone(pipeline: Pipeline) -> UsageError:
    return UsageError(
        f"the source of {pipeline.name} ({type(pipeline.collect).__name__}) reads in NiFi alone",
        next_command=f"idemflow preview {pipeline.name} --record '{{...}}'",
    )


class _Names(dict[str, str]):
    """Each property's name: on a NiFi they may differ, here they are as they are displayed."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> str:
        return key


class _Types(dict[str, Component]):
    """A component of each type."""

    def __missing__(self, key: str) -> Component:
        bundle: Mapping[str, Any] = {"group": "", "artifact": "", "version": ""}
        return Component(key, bundle, _Names(), {}, frozenset(), ())

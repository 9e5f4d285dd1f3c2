"""The process group of a pipeline, as a NiFi flow definition.

``build`` is a pure function: pipeline + scripts + catalog of component types in, flow definition
(the JSON that NiFi downloads and uploads) out. Ids are derived from names, so that the same
pipeline gives the same definition on every machine.

How it reads on the canvas, left to right::

    Collect ──records──▶ Identify ──documents──▶ Load ──refused──┐
                          ▲    │                                 ▼
    Replay ───letters─────┘    └─────────no identity──────▶ Dead letters
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from idemflow.canvas import replay
from idemflow.drawing import catalog, parameters, script_body
from idemflow.drawing.boxes import COLUMN, ROW, Group, Json, Position
from idemflow.drawing.catalog import Component
from idemflow.drawing.collect import TRIGGER, Collect
from idemflow.pipeline.schedule import BY_HAND
from idemflow.pipeline.spec import Pipeline, Sources
from idemflow.steps.chunks import RECORDS_A_FLOW_FILE
from idemflow.steps.dead_letter import keep
from idemflow.steps.identify import identify
from idemflow.steps.triage import triage

IDENTIFY = "Identify records"
PUT = "Put documents"
TRIAGE = "Sort refusals"
WRAP = "Write dead letters"
KEEP = "Keep dead letters"
# What each pipeline has besides the steps of its source and what starts something.
STEPS = (IDENTIFY, PUT, TRIAGE, WRAP, KEEP)
# The queues of what is tried again.
OUTAGE, AGAIN, NOT_KEPT = "retry after an outage", "try again", "not kept yet"
CLIENT = "Elasticsearch"
TLS = "Elasticsearch TLS"

# What NiFi's panels take of the width of a drawing that is fitted to a window of 1280 pixels.
PANELS = 576.0
# Documents in one bulk request where each is a FlowFile.
_ONE_BY_ONE = 1000
# JSON lines, each with its own id, version and operation.
FORMAT = "Input Content Format"
_BATCHED = {
    FORMAT: "NDJSON",
    "Identifier Field": "_id",
    "Retain Identifier Field": "false",
    "Version Field": "_version",
    "Operation Field": "_op",
}
# The same from attributes; those of the ledger's documents have neither.
_OPERATION = "${idemflow.operation:replaceEmpty('index')}"
_VERSION = {
    "BULK:version": "${idemflow.version}",
    "BULK:version_type": "${idemflow.version:isEmpty():ifElse('', 'external_gte')}",
}


def build(
    pipeline: Pipeline, scripts: Sources, types: Mapping[str, Component], *, tls: bool
) -> Json:
    """The flow definition of a pipeline.

    Args:
        pipeline: the validated YAML.
        scripts: texts of the user's scripts.
        types: the component types of the NiFi, by full class name.
        tls: whether Elasticsearch is reached over TLS with a truststore.

    Returns:
        A ``RegisteredFlowSnapshot`` as NiFi reads it; no sensitive value is in it.
    """
    top = Group(pipeline.name, pipeline.name, pipeline.name, (0.0, 0.0), pipeline.description)
    context = context_name(pipeline)
    queue = pipeline.load.queue
    client, secure = _services(top, types, tls=tls)
    collect, records = _collect(top, pipeline, scripts, types)
    identify, (records_in, documents, nameless) = _identify(top, pipeline, scripts, types)
    load, (documents_in, refused) = _load(top, pipeline, types, client)
    letters, letters_in = _dead_letters(top, pipeline, types, client)
    again, again_out = replay.draw(top, pipeline, types, secure, (0.0, ROW + 180.0))
    top.parts["processGroups"] = [
        group.close(context) for group in (collect, identify, load, letters, again)
    ]
    top.connect(records, records_in, queue, name="records")
    top.connect(again_out, records_in, queue, name="letters",
                bends=[(COLUMN + 20.0, ROW + 268.0), (COLUMN + 20.0, ROW - 100.0)])  # fmt: skip
    top.connect(documents, documents_in, queue, name="documents")
    top.connect(nameless, letters_in, queue, name="no identity",
                bends=[(COLUMN + 192.0, ROW + 88.0)])  # fmt: skip
    top.connect(refused, letters_in, queue, name="refused")
    top.label(
        f"{pipeline.name}: {pipeline.description}\n"
        f"To run it, right-click {TRIGGER!r} in Collect and choose Run Once.\n"
        "However often it runs, each record is one document.",
        (0.0, ROW),
        (COLUMN - 64.0, 96.0),
    )
    # NiFi's panels lie over the left of the canvas, open at first. This is what they cover when
    # all is fitted to the view: of the steps nothing. Folded they cover not even this.
    top.label(
        f"Drawn by idemflow from flows/{pipeline.name}.yaml.\n"
        f"What was changed here since: idemflow drift {pipeline.name}",
        (-PANELS, ROW),
        (PANELS - 64.0, 96.0),
        key="/drawn",
    )
    return {
        "flowContents": top.close(context),
        "externalControllerServices": {},
        "parameterContexts": {},
        "parameterProviders": {},
        "flowEncodingVersion": "1.0",
        "latest": False,
    }


def context_name(pipeline: Pipeline) -> str:
    """The name of the pipeline's parameter context."""
    return parameters.context_name(pipeline.name)


def _services(top: Group, types: Mapping[str, Component], *, tls: bool) -> tuple[Json, Json | None]:
    secure = None
    if tls:
        secure = top.service(
            types[catalog.SSL_SERVICE],
            TLS,
            {
                "Truststore Filename": "#{elasticsearch.truststore}",
                "Truststore Password": "#{elasticsearch.truststore.password}",
                "Truststore Type": "PKCS12",
            },
        )
    client = top.service(
        types[catalog.CLIENT_SERVICE],
        CLIENT,
        {
            "HTTP Hosts": "#{elasticsearch.url}",
            "Authorization Scheme": "BASIC",
            "Username": "#{elasticsearch.username}",
            "Password": "#{elasticsearch.password}",
            "SSL Context Service": secure["identifier"] if secure else None,
            # The default of the official service drops null and empty fields from documents.
            "Suppress Null/Empty Values": "never-suppress",
        },
    )
    return client, secure


def needed(pipeline: Pipeline, *, tls: bool) -> list[str]:
    """The component types that a pipeline is made of."""
    types = [catalog.GENERATE, catalog.INVOKE, catalog.SCRIPT, catalog.PUT, catalog.CLIENT_SERVICE]
    if tls:
        types.append(catalog.SSL_SERVICE)
    return [*types, *(one for one in pipeline.collect.types if one not in types)]


def batched(pipeline: Pipeline, types: Mapping[str, Component]) -> bool:
    """Whether documents go to Elasticsearch as JSON lines, many a FlowFile.

    A NiFi whose PutElasticsearchJson cannot take an id, a version and an operation from each line
    gets one FlowFile a document, whatever the pipeline asks for.
    """
    return pipeline.load.batch > 1 and all(types[catalog.PUT].has(name) for name in _BATCHED)


def _collect(
    top: Group, pipeline: Pipeline, scripts: Sources, types: Mapping[str, Component]
) -> tuple[Group, Json]:
    source = pipeline.collect
    group = top.group("Collect", (0.0, 0.0), source.summary)
    collect = Collect(
        top=top,
        group=group,
        types=types,
        pipeline=pipeline.name,
        # On their way to Identify, where each may become a FlowFile of its own.
        records=max(pipeline.load.batch, RECORDS_A_FLOW_FILE),
        queue=pipeline.load.queue,
        retry_after=pipeline.load.retry_after,
        whole=pipeline.snapshot,
    )
    first, last = source.draw(collect, scripts.collect)
    schedule = pipeline.schedule or BY_HAND
    return group, collect.ends(
        first,
        last,
        timing=schedule.timing(),
        schedule=str(schedule),
        arguments=source.run_arguments,
    )


def _identify(
    top: Group, pipeline: Pipeline, scripts: Sources, types: Mapping[str, Component]
) -> tuple[Group, tuple[Json, Json, Json]]:
    group = top.group(
        "Identify",
        (COLUMN, 0.0),
        f"The id of a document comes from {pipeline.identity}, never from chance.",
    )
    records = group.port("INPUT_PORT", "records", (0.0, 40.0))
    many = batched(pipeline, types)
    transform = pipeline.transform
    body = script_body.compose(
        identify,
        "session",
        "context",
        "REL_SUCCESS",
        "REL_FAILURE",
        script=scripts.transform or "",
        pipeline=pipeline.name,
        batch=many,
        transform=script_body.Name(transform.function) if transform else None,
    )
    made = "JSON lines that start with their id" if many else "One FlowFile a record, with its id"
    step = group.processor(
        types[catalog.SCRIPT],
        IDENTIFY,
        (560.0, 0.0),
        {"Script Engine": "python", "Script Body": body},
        dynamic={
            "identity": json.dumps(pipeline.identity.rule()),
            "version": json.dumps(pipeline.version.rule() if pipeline.version else None),
            "delete": json.dumps(pipeline.delete.rule() if pipeline.delete else None),
            "index": "#{index}",
        },
        comments=(f"{transform.script}, then: " if transform else "") + f"{made}; the manifest.",
        penalty=pipeline.load.retry_after,
    )
    documents = group.port("OUTPUT_PORT", "documents", (1232.0, 40.0))
    nameless = group.port("OUTPUT_PORT", "no identity", (616.0, 320.0))
    group.connect(records, step, pipeline.load.queue)
    group.connect(step, documents, pipeline.load.queue, ["success"])
    group.connect(step, nameless, pipeline.load.queue, ["failure"])
    return group, (records, documents, nameless)


def _load(
    top: Group, pipeline: Pipeline, types: Mapping[str, Component], client: Json
) -> tuple[Group, tuple[Json, Json]]:
    group = top.group(
        "Load", (2 * COLUMN, 0.0), "Writes each document under its id: a re-run overwrites it."
    )
    documents = group.port("INPUT_PORT", "documents", (0.0, 40.0))
    many = batched(pipeline, types)
    put = _put(group, PUT, (560.0, 0.0), pipeline, types, client, many=many)
    body = script_body.compose(
        triage, "session", "REL_SUCCESS", "REL_FAILURE", "log", pipeline=pipeline.name, batch=many
    )
    sort = group.processor(
        types[catalog.SCRIPT],
        TRIAGE,
        (560.0, 360.0),
        {"Script Engine": "python", "Script Body": body},
        comments="An outage is tried again, a stale document dropped, a bad one a dead letter.",
        penalty=pipeline.load.retry_after,
    )
    refused = group.port("OUTPUT_PORT", "refused", (1232.0, 400.0))
    group.connect(documents, put, pipeline.load.queue)
    group.connect(put, sort, pipeline.load.queue, ["errors", "failure"], name="refusals")
    group.connect(sort, put, pipeline.load.queue, ["success"], name=AGAIN,
                  bends=[(360.0, 424.0), (360.0, 200.0)])  # fmt: skip
    group.connect(sort, refused, pipeline.load.queue, ["failure"])
    return group, (documents, refused)


def _dead_letters(
    top: Group, pipeline: Pipeline, types: Mapping[str, Component], client: Json
) -> tuple[Group, Json]:
    group = top.group(
        "Dead letters",
        (2 * COLUMN, ROW),
        "Keeps each record that can never go in, with the reason, in idemflow-dead-letters.",
    )
    refused = group.port("INPUT_PORT", "refused", (0.0, 40.0))
    body = script_body.compose(keep, "session", "REL_SUCCESS", pipeline=pipeline.name)
    wrap = group.processor(
        types[catalog.SCRIPT],
        WRAP,
        (560.0, 0.0),
        {"Script Engine": "python", "Script Body": body},
        comments="Adds the reason, the run and the position.",
        terminate=["failure"],
        penalty=pipeline.load.retry_after,
    )
    put = _put(group, KEEP, (1232.0, 0.0), pipeline, types, client, many=False)
    again = ["errors", "failure"]
    group.connect(refused, wrap, pipeline.load.queue)
    group.connect(wrap, put, pipeline.load.queue, ["success"])
    group.connect(put, put, pipeline.load.queue, again, name=NOT_KEPT,
                  bends=[(1344.0, 240.0), (1472.0, 240.0)])  # fmt: skip
    return group, refused


def _put(
    group: Group,
    name: str,
    position: Position,
    pipeline: Pipeline,
    types: Mapping[str, Component],
    client: Json,
    *,
    many: bool,
) -> Json:
    """A PutElasticsearchJson that tries again what an outage held up."""
    versioned = name == PUT and pipeline.versioned
    if many:
        ids = dict(_BATCHED)
    else:
        ids = {"Identifier Attribute": "idemflow.id", "Batch Size": str(_ONE_BY_ONE)}
    # Of what is refused, nothing else tells why.
    said = {"Log Error Responses": "true"} if types[catalog.PUT].has("Log Error Responses") else {}
    put = group.processor(
        types[catalog.PUT],
        name,
        position,
        {
            **ids,
            "Index Operation": "index" if many or name == KEEP else _OPERATION,
            "Index": "${idemflow.index}",
            "Client Service": client["identifier"],
            **(said if name == KEEP else {}),
        },
        dynamic=_VERSION if versioned and not many else {},
        comments="The id makes a re-run overwrite instead of duplicate.",
        terminate=["original", "successful"],
        tasks=pipeline.load.tasks,
        penalty=pipeline.load.retry_after,
        # What is refused is not penalized by itself, and would go round without a pause.
        retried=["errors"] if name == KEEP else (),
    )
    x, y = position
    group.connect(put, put, pipeline.load.queue, ["retry"], name=OUTAGE,
                  bends=[(x + 112.0, y - 112.0), (x + 240.0, y - 112.0)])  # fmt: skip
    return put

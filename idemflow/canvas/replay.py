"""The group Replay: how dead letters come back into the flow.

::

    Start a replay ──▶ Ask for the letters ──▶ Unpack letters ──▶ records
                               ▲                     │
                               └──── next page ──────┘

What to ask for is in the URL, so that each question is the same whenever it is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping

from idemflow.drawing import catalog, script_body
from idemflow.drawing.boxes import COLUMN, Group, Json, Position
from idemflow.drawing.catalog import Component
from idemflow.drawing.collect import NEVER
from idemflow.pipeline.spec import Pipeline
from idemflow.steps.replay import PAGE_LETTERS, unpack_letters

REPLAY_TRIGGER = "Start a replay"
ASK = "Ask for the letters"
UNPACK = "Unpack letters"
PARAMETER = "replay.run"

_STARTED = "${now():format(\"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\", 'GMT')}"
# Part of an answer would be taken for all of it, so it must be an error; and where there is no
# index there are no letters, which is none.
_QUESTION = (
    f"#{{elasticsearch.url}}/idemflow-dead-letters/_search?size={PAGE_LETTERS}&sort=_doc"
    "&allow_partial_search_results=false&ignore_unavailable=true&allow_no_indices=true"
    "&q=replay:%22${idemflow.replay:urlEncode()}%22%20AND%20page:${idemflow.page:urlEncode()}"
)


def draw(
    top: Group,
    pipeline: Pipeline,
    types: Mapping[str, Component],
    tls: Json | None,
    position: Position,
) -> tuple[Group, Json]:
    """Draw the group.

    Args:
        top: the pipeline's group.
        pipeline: the validated YAML.
        types: the component types of the NiFi.
        tls: the service with Elasticsearch's CA, if it is reached over TLS with a truststore.
        position: where the group stands.

    Returns:
        The group, to be closed by the caller, and its output port ``records``.
    """
    group = top.group(
        "Replay", position, "Sends dead letters through again: idemflow dead-letters replay."
    )
    queue, penalty = pipeline.load.queue, pipeline.load.retry_after
    trigger = group.processor(
        types[catalog.GENERATE],
        REPLAY_TRIGGER,
        (0.0, 0.0),
        {"File Size": "0B", "Batch Size": "1"},
        dynamic={
            "idemflow.replay": f"#{{{PARAMETER}}}",
            "idemflow.run": f"#{{{PARAMETER}}}",
            "idemflow.started": _STARTED,
            "idemflow.pipeline": pipeline.name,
            "idemflow.page": "1",
        },
        comments="Run once by idemflow dead-letters replay, which marks the letters first.",
        strategy=NEVER.strategy,
        period=NEVER.period,
        primary=True,
    )
    ask = group.processor(
        types[catalog.INVOKE],
        ASK,
        (0.0, 360.0),
        {
            "HTTP Method": "GET",
            "HTTP URL": _QUESTION,
            "Request Username": "#{elasticsearch.username}",
            "Request Password": "#{elasticsearch.password}",
            "SSL Context Service": tls["identifier"] if tls else None,
            "Socket Read Timeout": "60 secs",
            # Without it a refused login is tried again at once, and again.
            "Request Failure Penalization Enabled": "true",
        },
        comments="Elasticsearch gives the letters of this replay, a page at a time.",
        terminate=["Original"],
        penalty=penalty,
    )
    body = script_body.compose(
        unpack_letters, "session", "REL_SUCCESS", "REL_FAILURE", pipeline=pipeline.name
    )
    unpack = group.processor(
        types[catalog.SCRIPT],
        UNPACK,
        (COLUMN, 360.0),
        {"Script Engine": "python", "Script Body": body},
        comments="One FlowFile a letter, with its id as idemflow.letter; and the next question.",
        penalty=penalty,
    )
    out = group.port("OUTPUT_PORT", "records", (2 * COLUMN, 400.0))
    group.connect(trigger, ask, queue, ["success"])
    group.connect(ask, ask, queue, ["Retry", "No Retry", "Failure"], name="ask again",
                  bends=[(112.0, 600.0), (240.0, 600.0)])  # fmt: skip
    group.connect(ask, unpack, queue, ["Response"], name="letters")
    group.connect(unpack, ask, queue, ["failure"], name="next page",
                  bends=[(896.0, 240.0), (440.0, 240.0)])  # fmt: skip
    group.connect(unpack, out, queue, ["success"])
    return group, out

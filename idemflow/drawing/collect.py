"""The Collect group of a pipeline: what starts a run, the source's own steps, and the way out.

::

    Start a run ──▶ the source's steps ──▶ records
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from idemflow.drawing import catalog
from idemflow.drawing.boxes import COLUMN, Group, Json
from idemflow.drawing.catalog import Component
from idemflow.steps.replay import NONE

TRIGGER = "Start a run"
# From one row of boxes to the next.
ROW = 320.0

# The parameter by which a command knows its run: the end of the run's id, or NONE.
REQUEST = "run.request"
# The trigger's property with the run's id.
RUN_ID = "idemflow.run"

_RUN_ID = (
    "${now():format(\"yyyyMMdd'T'HHmmssSSS\", 'GMT')}"
    f"-${{#{{{REQUEST}}}:replace('{NONE}', ${{UUID():substring(0, 8)}})}}"
)
_STARTED = "${now():format(\"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\", 'GMT')}"


@dataclass(frozen=True)
class Collect:
    """The group while a source draws its steps into it, and what the source is told.

    Attributes:
        top: the pipeline's group; controller services stand in it.
        group: the Collect group.
        types: the component types of the NiFi, by full class name.
        pipeline: the pipeline's name.
        records: records in a FlowFile, at most.
        queue: FlowFiles at which a full queue holds back the step before it.
        retry_after: pause before a step tries again, as NiFi reads it.
        whole: whether each run needs all records: its documents replace those of the run before.
    """

    top: Group
    group: Group
    types: Mapping[str, Component]
    pipeline: str
    records: int
    queue: int
    retry_after: str
    whole: bool

    def python(
        self,
        name: str,
        row: int,
        body: str,
        comments: str,
        dynamic: Mapping[str, str] | None = None,
        *,
        terminate: bool = True,
    ) -> Json:
        """Draw a step that runs a script.

        Args:
            row: its place: the trigger has row 0.
            body: the script.
            comments: what an operator reads.
            dynamic: properties that the script reads.
            terminate: whether nothing follows its relationship ``failure``.
        """
        return self.group.processor(
            self.types[catalog.SCRIPT],
            name,
            (0.0, row * ROW),
            {"Script Engine": "python", "Script Body": body},
            dynamic=dynamic,
            comments=comments,
            terminate=["failure"] if terminate else [],
            penalty=self.retry_after,
        )

    def ends(
        self,
        first: Json,
        last: Json,
        *,
        period: str,
        arguments: Mapping[str, bool | int | float | str],
    ) -> Json:
        """Draw the trigger before the first step of the source, and the port after the last.

        Args:
            first: the step that takes the trigger.
            last: the step that gives the records.
            period: how often the trigger runs once it is started.
            arguments: the arguments of a run; each is a parameter.

        Returns:
            The port.
        """
        trigger = self.group.processor(
            self.types[catalog.GENERATE],
            TRIGGER,
            (0.0, 0.0),
            {"File Size": "0B", "Batch Size": "1"},
            dynamic={
                RUN_ID: _RUN_ID,
                "idemflow.started": _STARTED,
                "idemflow.pipeline": self.pipeline,
                "idemflow.arguments": arguments_template(arguments),
            },
            comments="One FlowFile starts one run. Run Once, or start it to run on a schedule.",
            period=period,
            primary=True,
        )
        out = self.group.port("OUTPUT_PORT", "records", (COLUMN, last["position"]["y"] + 40.0))
        self.group.connect(trigger, first, self.queue, ["success"])
        self.group.connect(last, out, self.queue, ["success"])
        return out


def arguments_template(arguments: Mapping[str, bool | int | float | str]) -> str:
    """Expression Language that makes the JSON object of the arguments from the parameters."""
    parts = [
        f'"{name}":"${{#{{{name}}}:escapeJson()}}"' if isinstance(value, str)
        else f'"{name}":#{{{name}}}'
        for name, value in arguments.items()
    ]  # fmt: skip
    return "{" + ",".join(parts) + "}"

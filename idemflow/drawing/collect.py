"""The Collect group of a pipeline: what starts a run, the source's own steps, and the way out.

::

    Start a run ──▶ the source's steps ──▶ records
                            ▲
    On schedule ────────────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from idemflow.drawing import catalog, script_body
from idemflow.drawing.boxes import COLUMN, Group, Json
from idemflow.drawing.catalog import Component
from idemflow.steps.replay import NONE
from idemflow.steps.schedule import TRIGGERED_BY, start_when_due

TRIGGER = "Start a run"
SCHEDULE = "On schedule"
# The property of *On schedule* that has the schedule of the YAML in words.
OF_YAML = "schedule"
# From one row of boxes to the next.
ROW = 320.0

# The parameter by which a command knows its run: the end of the run's id, or NONE.
REQUEST = "run.request"
# A trigger's property with the run's id.
RUN_ID = "idemflow.run"

_NOW = "${now():format(\"yyyyMMdd'T'HHmmssSSS\", 'GMT')}"
_CHANCE = "${UUID():substring(0, 8)}"
_RUN_ID = f"{_NOW}-${{#{{{REQUEST}}}:replace('{NONE}', {_CHANCE})}}"
# No command asks for a run that starts by itself, even where one is starting another just then.
_OWN_RUN_ID = f"{_NOW}-{_CHANCE}"
_BY_REQUEST = f"${{#{{{REQUEST}}}:equals('{NONE}'):ifElse('canvas', 'command')}}"
_STARTED = "${now():format(\"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\", 'GMT')}"


@dataclass(frozen=True)
class Timing:
    """When NiFi calls a processor.

    Attributes:
        strategy: NiFi's scheduling strategy.
        period: its run schedule.
        properties: what the step *On schedule* asks before it starts a run.
    """

    strategy: str
    period: str
    properties: Mapping[str, str] = field(default_factory=dict)


# What NiFi's plain Start of a group may start, and must not run. NiFi has no word for that, calls a
# processor with a period at once, and one with a date that never comes as well. This is a date of
# the year 2052: 29 February on a Thursday.
NEVER = Timing("CRON_DRIVEN", "0 0 0 29 2 THU")


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
        timing: Timing,
        schedule: str,
        arguments: Mapping[str, bool | int | float | str],
    ) -> Json:
        """Draw what starts a run before the first step of the source, and the port after the last.

        Args:
            first: the step that takes the trigger.
            last: the step that gives the records.
            timing: when a run starts by itself, once that is started.
            schedule: the same in words.
            arguments: the arguments of a run; each is a parameter.

        Returns:
            The port.
        """
        attributes = {
            "idemflow.started": _STARTED,
            "idemflow.pipeline": self.pipeline,
            "idemflow.arguments": arguments_template(arguments),
        }
        trigger = self.group.processor(
            self.types[catalog.GENERATE],
            TRIGGER,
            (0.0, 0.0),
            {"File Size": "0B", "Batch Size": "1"},
            dynamic={RUN_ID: _RUN_ID, TRIGGERED_BY: _BY_REQUEST, **attributes},
            comments="One FlowFile starts one run: Run Once. Started, it waits, and runs nothing.",
            strategy=NEVER.strategy,
            period=NEVER.period,
            primary=True,
        )
        scheduled = self.group.processor(
            self.types[catalog.SCRIPT],
            SCHEDULE,
            (560.0, 0.0),
            {
                "Script Engine": "python",
                "Script Body": script_body.compose(
                    start_when_due, "session", "context", "REL_SUCCESS", pipeline=self.pipeline
                ),
            },
            dynamic={
                RUN_ID: _OWN_RUN_ID,
                TRIGGERED_BY: "schedule",
                **attributes,
                **timing.properties,
                OF_YAML: schedule,
            },
            comments="Starts a run by itself while it is started: idemflow start, idemflow stop.",
            terminate=["failure"],
            strategy=timing.strategy,
            period=timing.period,
            primary=True,
        )
        out = self.group.port("OUTPUT_PORT", "records", (COLUMN, last["position"]["y"] + 40.0))
        self.group.connect(trigger, first, self.queue, ["success"])
        self.group.connect(scheduled, first, self.queue, ["success"])
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

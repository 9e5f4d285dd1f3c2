"""The step *On schedule*: starts a run when NiFi calls it, at the times of another zone if need be.

Runs inside NiFi: standard library only.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from idemflow.steps.processor import optional, text
from idemflow.steps.rules.cron import Offset, parse

# Properties of the processor: Expression Language that makes the attributes of a trigger.
ATTRIBUTES = ("idemflow.run", "idemflow.started", "idemflow.pipeline", "idemflow.arguments")
# One that a flow of an earlier version does not have.
TRIGGERED_BY = "idemflow.trigger"
CRON, TIMEZONE = "cron", "timezone"


def start_when_due(
    session: Any,
    context: Any,
    success: Any,
    *,
    pipeline: str,  # noqa: ARG001 -- StepRefused names it
) -> None:
    """Queue the trigger of a run, unless the processor's cron is of a zone where it is not due.

    Args:
        success: the relationship that the trigger goes to.
        pipeline: the pipeline's name.

    Raises:
        StepRefused: a property is missing.
        ValueError: the cron expression is none.
    """
    zone = optional(context, TIMEZONE)
    if zone is not None:
        cron = parse(text(context, CRON))
        if not cron.due(datetime.now(UTC), clock(context, zone)):
            return
    found = {name: context.getProperty(name).evaluateAttributeExpressions() for name in ATTRIBUTES}
    attributes = {name: str(value.getValue()) for name, value in found.items()}
    if (trigger := optional(context, TRIGGERED_BY)) is not None:
        attributes[TRIGGERED_BY] = trigger
    session.transfer(session.putAllAttributes(session.create(), attributes), success)


def clock(context: Any, zone: str) -> Offset:
    """The clock of a zone by the rules of NiFi's Java: a Python need not have any."""

    def offset(moment: datetime) -> timedelta:
        millis = int(moment.timestamp()) * 1000
        asked = f"${{literal('{millis}'):toNumber():format('Z', '{zone}')}}"
        said = str(context.newPropertyValue(asked).evaluateAttributeExpressions().getValue())
        return datetime.strptime(said, "%z").utcoffset() or timedelta()

    return offset

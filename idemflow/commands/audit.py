"""``idemflow audit``: what a rerun of a NiFi flow would do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from idemflow.audit import report
from idemflow.audit.findings import Effect
from idemflow.audit.report import Report
from idemflow.canvas import flow_file
from idemflow.drawing.boxes import Json
from idemflow.errors import UsageError


@dataclass(frozen=True)
class Audited:
    """A flow and what the audit says of it.

    Attributes:
        what: what was audited, as the user would name it.
        report: what was found.
        nifi: the address of the NiFi that it is on; empty for none.
        file: the file that it was read from; empty for none.
        text: the text of that file.
    """

    what: str
    report: Report
    nifi: str = ""
    file: str = ""
    text: str = field(default="", repr=False)


def audit_file(file: Path) -> Audited:
    """Audit a flow definition; no NiFi is asked.

    Args:
        file: NiFi's *Download flow definition*, or a flow as NiFi keeps it in git.

    Raises:
        UsageError: the file cannot be read, or is no flow, or has no processor.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}") from error
    return Audited(str(file), _judge(flow_file.read(text, str(file)), str(file)), "",
                   str(file), text)  # fmt: skip


def _judge(definition: Json, place: str) -> Report:
    """Audit a definition.

    Raises:
        UsageError: it is not what NiFi writes, or has no processor.
    """
    try:
        found = report.audit(definition)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{place} is no flow that NiFi wrote: {type(error).__name__} {error}",
            next_command="download the flow definition again, on the canvas or with "
            "idemflow flow export",
        ) from error
    if not found.graph.processors:
        raise UsageError(f"{place} has no processor: there is nothing to audit")
    return found


def first_to_mend(found: Report) -> str | None:
    """The gravest finding's component, and what to change on it."""
    grave = (Effect.DUPLICATES, Effect.LOSES, Effect.UNKNOWN)
    for one in found.findings:
        if one.effect in grave:
            return f"{one.where.place}: {one.mend}"
    return None

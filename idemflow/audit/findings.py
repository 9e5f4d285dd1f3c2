"""What a rule says, and what that makes of a path."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from idemflow.audit.graph import Node


class Effect(StrEnum):
    """What a finding means for a second run."""

    DUPLICATES = "duplicates"
    LOSES = "loses"
    UNKNOWN = "unknown"
    CONDITION = "holds only if"
    NOTE = "note"


class Sure(StrEnum):
    """How sure a finding, or a verdict, is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    DEPENDS = "depends on data"


class Verdict(StrEnum):
    """What running a path twice leaves."""

    IDEMPOTENT = "idempotent"
    AT_LEAST_ONCE = "at least once"
    AT_MOST_ONCE = "at most once"
    NO_GUARANTEE = "no guarantee"
    UNKNOWN = "unknown"


_SURENESS = (Sure.CERTAIN, Sure.LIKELY, Sure.DEPENDS)


@dataclass(frozen=True)
class Finding:
    """One thing that a rule found.

    Attributes:
        rule: the rule's name; ``docs/audit.md`` has it.
        effect: what it means for a second run.
        sure: how sure that is.
        where: the component.
        what: what happens.
        why: what makes it so: the property, the connection, the expression.
        mend: what to change.
        paths: the paths that it counts for, as (source, sink); all through the component if empty.
    """

    rule: str
    effect: Effect
    sure: Sure
    where: Node
    what: str
    why: str
    mend: str
    paths: tuple[tuple[str, str], ...] = field(default=())


def weakest(found: list[Sure]) -> Sure:
    """The least sure of some."""
    return max(found, key=_SURENESS.index, default=Sure.CERTAIN)


def strongest(found: list[Sure]) -> Sure:
    """The most sure of some."""
    return min(found, key=_SURENESS.index, default=Sure.CERTAIN)


def judge(findings: list[Finding], sure: Sure) -> tuple[Verdict, Sure]:
    """The verdict on a path.

    Args:
        findings: all that count for it.
        sure: how sure it is that nothing else changes what it writes.

    Returns:
        The verdict, and how sure it is.
    """
    by: dict[Effect, list[Sure]] = {}
    for one in findings:
        by.setdefault(one.effect, []).append(one.sure)
    doubled, lost = by.get(Effect.DUPLICATES), by.get(Effect.LOSES)
    if doubled and lost:
        return Verdict.NO_GUARANTEE, weakest([strongest(doubled), strongest(lost)])
    if doubled:
        return Verdict.AT_LEAST_ONCE, strongest(doubled)
    if lost:
        return Verdict.AT_MOST_ONCE, strongest(lost)
    if Effect.UNKNOWN in by:
        return Verdict.UNKNOWN, strongest(by[Effect.UNKNOWN])
    return Verdict.IDEMPOTENT, weakest([sure, *by.get(Effect.CONDITION, [])])

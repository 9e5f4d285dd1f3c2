"""A flow judged: a verdict for each path, and what was found on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from idemflow.audit import graph
from idemflow.audit.findings import Effect, Finding, Sure, Verdict, judge, strongest
from idemflow.audit.flow import Flow, Path, analyse
from idemflow.audit.graph import Graph
from idemflow.audit.rules import CHECKS

_WORST = (
    Verdict.NO_GUARANTEE,
    Verdict.AT_LEAST_ONCE,
    Verdict.AT_MOST_ONCE,
    Verdict.UNKNOWN,
    Verdict.IDEMPOTENT,
)
_ORDER = (Effect.DUPLICATES, Effect.LOSES, Effect.UNKNOWN, Effect.CONDITION, Effect.NOTE)


@dataclass(frozen=True)
class Judged:
    """A path and the verdict on it.

    Attributes:
        path: the path.
        verdict: what running it twice leaves.
        sure: how sure that is.
        findings: what was found on it.
    """

    path: Path
    verdict: Verdict
    sure: Sure
    findings: tuple[Finding, ...] = field(repr=False)


@dataclass(frozen=True)
class Report:
    """What an audit found.

    Attributes:
        graph: the flow.
        paths: its paths.
        findings: all findings, the gravest first.
        verdict: the worst of the paths' verdicts; unknown where no path was found.
    """

    graph: Graph = field(repr=False)
    paths: tuple[Judged, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict

    @property
    def idempotent(self) -> bool:
        """Whether all paths are, as far as could be told."""
        return self.verdict is Verdict.IDEMPOTENT


def audit(definition: Mapping[str, Any]) -> Report:
    """Judge a flow definition.

    Args:
        definition: what NiFi's *Download flow definition* gives, or keeps in git.
    """
    flow = analyse(graph.read(definition))
    findings = _once([one for check in CHECKS for one in check(flow)], flow)
    paths = tuple(_judged(path, findings) for path in flow.paths)
    verdicts = {one.verdict for one in paths}
    worst = next((one for one in _WORST if one in verdicts), Verdict.UNKNOWN)
    return Report(flow.graph, paths, tuple(findings), worst)


def _judged(path: Path, findings: list[Finding]) -> Judged:
    on_it = [one for one in findings if path.key in one.paths]
    verdict, sure = judge(on_it, Sure.CERTAIN)
    return Judged(path, verdict, sure, tuple(on_it))


def _once(findings: list[Finding], flow: Flow) -> list[Finding]:
    """Each finding once, with all the paths that it counts for; the gravest first."""
    found: dict[tuple[str, str, str], Finding] = {}
    for one in findings:
        key = (one.rule, one.where.id, one.why)
        if key in found:
            before = found[key]
            paths = tuple(dict.fromkeys([*before.paths, *one.paths]))
            one = replace(before, paths=paths, sure=strongest([before.sure, one.sure]))  # noqa: PLW2901
        found[key] = one
    places = {node: index for index, node in enumerate(flow.graph.nodes)}
    return sorted(
        found.values(),
        key=lambda one: (_ORDER.index(one.effect), places.get(one.where.id, len(places)), one.rule),
    )

"""``idemflow status --check``: whether pipelines are as their YAML expects, for monitoring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from idemflow import servers
from idemflow.commands import status
from idemflow.commands._each import pipelines_of
from idemflow.commands._figures import ANSWERS_WITHIN, Figures, figures
from idemflow.commands.status import PipelineStatus
from idemflow.config.combinations import TITLES
from idemflow.config.settings import Settings
from idemflow.elasticsearch.ledger import Ledger
from idemflow.errors import (
    Drift,
    IdemflowError,
    LoginRefused,
    NothingRead,
    NotIdempotent,
    RecordsRefused,
    Unreachable,
    UsageError,
)
from idemflow.pipeline.expect import Expect
from idemflow.pipeline.spec import Pipeline
from idemflow.servers import ServerStatus
from idemflow.sources.fields import seconds
from idemflow.steps.rules.words import counted

_Told = TypeVar("_Told")
# Seconds that all questions to Elasticsearch, and all to NiFi, may take.
_WITHIN = 8.0
# The worst exit code first: what is lost; what cannot be told; what did not come; what was
# refused; the rest.
WORST = (
    NotIdempotent.exit_code,
    Unreachable.exit_code,
    LoginRefused.exit_code,
    NothingRead.exit_code,
    RecordsRefused.exit_code,
    IdemflowError.exit_code,
    Drift.exit_code,
    UsageError.exit_code,
)


@dataclass(frozen=True)
class Finding:
    """What is not as it should be.

    Attributes:
        code: the exit code that stands for it.
        message: what is the case.
        next_command: what to run next.
    """

    code: int
    message: str
    next_command: str | None = None


@dataclass(frozen=True)
class Checked:
    """A pipeline.

    Attributes:
        pipeline: its name.
        findings: what is wrong, the worst first.
        expect: the thresholds of its YAML, if it has some.
        figures: what is known of it; ``None`` where Elasticsearch did not tell.
        age: how old what its index has is, in seconds; ``None`` where that is not known.
    """

    pipeline: str
    findings: tuple[Finding, ...]
    expect: Expect | None = None
    figures: Figures | None = None
    age: int | None = None

    @property
    def code(self) -> int:
        """The worst exit code; 0 where all is as expected."""
        return worst(one.code for one in self.findings)


def worst(codes: Iterable[int]) -> int:
    """The worst of some exit codes; 0 where there is none but that."""
    return min(codes, key=_rank, default=0)


def _rank(code: int) -> int:
    """The place of an exit code, the worst first and 0 last."""
    if code == 0:
        return len(WORST) + 1
    return WORST.index(code) if code in WORST else len(WORST)


def check(settings: Settings, names: Sequence[str]) -> list[Checked]:
    """Look at pipelines; servers that do not answer are a finding of each.

    Args:
        settings: the resolved settings.
        names: which; empty for all of the project.

    Returns:
        These, those that are not as expected first.

    Raises:
        UsageError: there is no such pipeline, or none at all: nothing is checked, and that must
            not look like all is well.
    """
    chosen = pipelines_of(settings, names)
    readable = {name: one for name, one in chosen.items() if not isinstance(one, UsageError)}
    away: list[Finding] = []
    found: dict[str, ServerStatus] = {}
    try:
        found = {one.name: one for one in servers.status(settings)}
    except LoginRefused as error:  # NiFi's: Elasticsearch may tell all the same
        away.append(_finding(error))
    away += (down for one in found.values() if (down := _down(one)))
    running = {name for name, one in found.items() if one.state == "running"}
    wanted = {name: readable.get(name) for name in chosen}
    with ThreadPoolExecutor(2) as pool:  # neither server waits for the other
        of_elasticsearch = pool.submit(
            _answer, lambda: _figures(settings, wanted), "elasticsearch" in running or not found
        )
        of_nifi = pool.submit(_answer, lambda: _on_canvas(settings, [*chosen]), "nifi" in running)
    (told, no_figures), (on_canvas, no_canvas) = of_elasticsearch.result(), of_nifi.result()
    away += filter(None, (no_figures, no_canvas))
    checked = [
        _checked(name, one, told.get(name), on_canvas.get(name), away)
        for name, one in chosen.items()
    ]
    return sorted(checked, key=lambda one: _rank(one.code))


def _figures(settings: Settings, pipelines: Mapping[str, Pipeline | None]) -> dict[str, Figures]:
    ledger = Ledger(servers.reach(settings, "elasticsearch"), timeout=ANSWERS_WITHIN)
    try:
        return figures(settings, ledger, pipelines, within=_WITHIN)
    finally:
        ledger.close()


def _on_canvas(settings: Settings, names: Sequence[str]) -> dict[str, PipelineStatus]:
    return {one.name: one for one in status.pipelines_within(settings, _WITHIN, names)}


def _answer(
    ask: Callable[[], dict[str, _Told]], answers: bool
) -> tuple[dict[str, _Told], Finding | None]:
    """What a server tells, or why it does not; nothing of one that is known not to answer."""
    try:
        return (ask() if answers else {}), None
    except (IdemflowError, OSError) as error:
        return {}, _finding(error)


def _down(server: ServerStatus) -> Finding | None:
    if server.state == "running":
        return None
    silent = server.state == "not answering"
    said = "does not answer" if silent else f"is {server.state}"
    said = f"{TITLES[server.name]} {said}"
    return Finding(Unreachable.exit_code, said, server.next_command)


def _checked(
    name: str,
    pipeline: Pipeline | UsageError,
    told: Figures | None,
    on_canvas: PipelineStatus | None,
    away: Sequence[Finding],
) -> Checked:
    findings = list(away)
    expect = None
    if isinstance(pipeline, UsageError):
        findings.append(_finding(pipeline))
    else:
        expect = pipeline.expect
    age = told.age(datetime.now(UTC)) if told else None
    if told is not None:
        findings += _of_figures(told, expect, age)
    if on_canvas is not None:
        findings += _of_canvas(on_canvas)
    findings.sort(key=lambda one: _rank(one.code))
    return Checked(name, tuple(findings), expect, told, age)


def _of_figures(told: Figures, expect: Expect | None, age: int | None) -> list[Finding]:
    name, found = told.pipeline, list[Finding]()
    last = told.last
    if last is not None and last.report.get("exit_code") == NotIdempotent.exit_code:
        message = f"its last run {last.run}: {last.verdict}"
        found.append(Finding(NotIdempotent.exit_code, message, f"idemflow verify {name}"))
    if told.problem is not None:
        found.append(_finding(told.problem))
    elif expect is not None and expect.freshness is not None:
        found += _too_old(told, expect.freshness, age)
    if expect is None:
        return found
    most, least = expect.dead_letters, expect.min_records
    if most is not None and told.dead_letters > most:
        message = f"{counted(told.dead_letters, 'open dead letter')}, and {most:,} may be"
        next_command = f"idemflow dead-letters list {name}"
        found.append(Finding(RecordsRefused.exit_code, message, next_command))
    if least is not None and last is None:
        found.append(_nothing(told, _NO_RUN))
    elif least is not None and last is not None and last.records < least:
        had = f"its last run had {counted(last.records, 'record')}"
        found.append(_nothing(told, f"{had}, and {least:,} are the least"))
    return list(dict.fromkeys(found))


_NO_RUN = "no run has ended yet"
_MEASURED = {
    "version": ("no document has a version", "the newest version in its index"),
    "run": (_NO_RUN, "its last run that has ended"),
    "snapshot": ("no snapshot is published", "the snapshot that readers see"),
}


def _too_old(told: Figures, freshness: str, age: int | None) -> list[Finding]:
    none, thing = _MEASURED[told.measured]
    if age is None:
        return [_nothing(told, none)]
    if age <= seconds(freshness):
        return []
    return [_nothing(told, f"{thing} is {duration(age)} old, and {freshness} may be")]


def _nothing(told: Figures, message: str) -> Finding:
    """What did not come; where none ever came, the ledger has nothing to show."""
    look = f"idemflow runs list {told.pipeline}" if told.runs else f"idemflow run {told.pipeline}"
    return Finding(NothingRead.exit_code, message, look)


def _of_canvas(found: PipelineStatus) -> list[Finding]:
    codes = {"incomplete": Drift.exit_code, "not ours": Drift.exit_code}
    if found.state in codes or found.state in ("invalid", "unclear"):
        said = found.problem or f"a step of it cannot be started: {'; '.join(found.reasons)}"
        code = codes.get(found.state, IdemflowError.exit_code)
        next_command = found.next_command or f"idemflow open {found.name}"
        return [Finding(code, said.removesuffix(": "), next_command)]
    return []


def _finding(error: IdemflowError | OSError) -> Finding:
    if isinstance(error, OSError):
        return Finding(IdemflowError.exit_code, str(error))
    return Finding(error.exit_code, error.message, error.next_command)


def duration(span: float) -> str:
    """How long something is, for people; with the unit that tells most."""
    for unit, size in (("day", 86400), ("hour", 3600), ("min", 60)):
        if span >= 2 * size:
            number = int(span // size)
            return f"{number} {unit}{'' if unit == 'min' else 's'}"
    return f"{int(span)} s"

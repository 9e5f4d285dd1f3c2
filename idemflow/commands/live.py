"""``idemflow status --watch``: what pipelines do, looked at again and again."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from idemflow import servers
from idemflow.canvas import client, monitoring, ownership
from idemflow.canvas.monitoring import Activity, Bulletin
from idemflow.commands._each import pipelines_of
from idemflow.commands._figures import ANSWERS_WITHIN, Figures, figures
from idemflow.config.combinations import SERVERS
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.elasticsearch.history import outcomes
from idemflow.elasticsearch.ledger import Ledger
from idemflow.elasticsearch.operations import operations
from idemflow.errors import CanvasError, IdemflowError, LoginRefused, Unreachable, UsageError
from idemflow.pipeline.expect import Expect
from idemflow.pipeline.spec import Pipeline

# Seconds between two looks, and that each server may take for all that one look asks.
EVERY = 2.0
_WITHIN = 4.0
# Over how many seconds a rate is the mean, and how long a found process group is believed.
_WINDOW = 10.0
_FIND_AGAIN = 15.0
# The state of a server that runs, and did not tell its part.
NOT_TELLING = "not telling"
# The last run, the one before it while that is on its way, and a replay or two beside them.
_RECENT = 3


class Rate:
    """How fast a pipeline's records come to their end, from counts that may begin anew."""

    def __init__(self) -> None:
        self._counts: Mapping[str, int] | None = None
        self._letters = 0
        self._ended = 0
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now: float, counts: Mapping[str, int], letters: int) -> float | None:
        """Take a look.

        Args:
            now: the monotonic clock.
            counts: operations of each index: see :func:`idemflow.elasticsearch.operations`.
            letters: open dead letters.

        Returns:
            Records a second, over the last seconds; ``None`` at the first look.
        """
        if self._counts is not None:
            before = self._counts
            self._ended += sum(
                # A server that was started anew counts from 0.
                count - before.get(name, 0) if count >= before.get(name, 0) else count
                for name, count in counts.items()
            )
            self._ended += max(0, letters - self._letters)
        self._counts, self._letters = dict(counts), letters
        self._samples.append((now, self._ended))
        while len(self._samples) > 2 and now - self._samples[1][0] >= _WINDOW:
            self._samples.popleft()
        (since, first), (_, last) = self._samples[0], self._samples[-1]
        return (last - first) / (now - since) if now > since else None


@dataclass(frozen=True)
class Row:
    """A pipeline as it is now.

    Attributes:
        pipeline: its name.
        activity: what its process group does; ``None`` where NiFi does not tell, or it is not on
            the canvas.
        said: the bulletins of the last five minutes, oldest first.
        figures: what the ledger and the index tell; ``None`` where Elasticsearch does not.
        age: how old what its index has is, in seconds.
        rate: records that come to their end, a second.
        problem: what is wrong with its YAML, its index, or its place on the canvas.
        expect: the thresholds of its YAML, if it has some.
        outcomes: runs of the last 24 hours, by exit code: see
            :func:`idemflow.elasticsearch.history.outcomes`; empty where they are not counted.
    """

    pipeline: str
    activity: Activity | None = None
    said: tuple[Bulletin, ...] = ()
    figures: Figures | None = None
    age: int | None = None
    rate: float | None = None
    problem: str | None = None
    expect: Expect | None = None
    outcomes: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """What is the case.

    Attributes:
        at: when.
        servers: the state of ``nifi`` and ``elasticsearch``: as of
            :class:`idemflow.servers.ServerStatus`, or ``not telling`` where it runs and did not
            tell its part.
        rows: the pipelines, in the order of their names.
        problems: why a server that runs did not tell.
    """

    at: datetime
    servers: Mapping[str, str]
    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Told:
    """What Elasticsearch tells, by pipeline."""

    figures: Mapping[str, Figures] = field(default_factory=dict)
    rates: Mapping[str, float | None] = field(default_factory=dict)
    outcomes: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


@dataclass
class _Place:
    """Where the pipelines are on the canvas, as it was found last."""

    groups: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    found: float | None = None


class Live:
    """Looks at pipelines again and again; a server that is away is a state, no error.

    Args:
        settings: the resolved settings.
        names: which pipelines; empty for all of the project, and those that it gets meanwhile.
        count_outcomes: whether to count the runs of the last 24 hours, which reads each of them.

    Raises:
        UsageError: there is no such pipeline, or none at all.
    """

    def __init__(
        self, settings: Settings, names: Sequence[str], *, count_outcomes: bool = False
    ) -> None:
        self._settings = settings
        self._names = tuple(names)
        self._count_outcomes = count_outcomes
        self._files = _files(settings)
        self._pipelines = pipelines_of(settings, names)
        self._ledger: Ledger | None = None
        self._canvas: _Place | None = None
        self._rates: dict[str, Rate] = defaultdict(Rate)

    def close(self) -> None:
        """Close the connections."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def look(self) -> Look:
        """What is the case now."""
        self._read_again()
        away: dict[str, IdemflowError | OSError] = {}
        there: dict[str, tuple[Activity, list[Bulletin]]] = {}
        told = _Told()
        try:
            there = self._look_at_canvas()
        except (IdemflowError, OSError) as error:
            self._canvas, away["nifi"] = None, error
        try:
            told = self._look_at_ledger()
        except (IdemflowError, OSError) as error:
            self.close()
            away["elasticsearch"] = error
        now = datetime.now(UTC)
        states = self._states(away)
        return Look(
            now,
            states,
            tuple(self._row(name, there.get(name), told, now) for name in self._pipelines),
            tuple(str(why) for name, why in away.items() if states[name] == NOT_TELLING),
        )

    def _read_again(self) -> None:
        """Read the YAML files if one of them has changed."""
        files = _files(self._settings)
        if files == self._files:
            return
        self._files = files
        with suppress(UsageError):  # one that was named is gone: what is known of it stays
            self._pipelines = pipelines_of(self._settings, self._names)
        if self._canvas is not None:
            self._canvas.found = None

    def _look_at_canvas(self) -> dict[str, tuple[Activity, list[Bulletin]]]:
        """What each pipeline on the canvas does, and what it said."""
        if self._canvas is None:
            nifi = servers.reach(self._settings, "nifi")
            client.connect(nifi, project_id(self._settings), within=_WITHIN)
            self._canvas = _Place()
        else:
            client.limit(_WITHIN)
        place = self._canvas
        if place.found is None or time.monotonic() - place.found > _FIND_AGAIN:
            place.groups, place.problems = {}, {}
            for name in self._pipelines:
                try:
                    group = ownership.find(name).group
                except CanvasError as error:  # several may be meant
                    place.problems[name] = error.message
                    continue
                if group is not None:
                    place.groups[name] = group
            place.found = time.monotonic()
        found = monitoring.look(place.groups.values())
        if len(found) < len(place.groups):
            place.found = None  # somebody took one away
        return {name: found[group] for name, group in place.groups.items() if group in found}

    def _look_at_ledger(self) -> _Told:
        if self._ledger is None:
            elasticsearch = servers.reach(self._settings, "elasticsearch")
            self._ledger = Ledger(elasticsearch, timeout=min(_WITHIN, ANSWERS_WITHIN))
        ledger, readable = self._ledger, self._readable
        wanted = {name: readable.get(name) for name in self._pipelines}
        told = figures(self._settings, ledger, wanted, within=_WITHIN, recent=_RECENT)
        rates: dict[str, float | None] = {}
        for name, one in readable.items():
            try:
                counts = operations(ledger, one)
            except (Unreachable, LoginRefused):
                raise
            except IdemflowError:  # its index is closed: nothing comes to its end in it
                continue
            rates[name] = self._rates[name].add(time.monotonic(), counts, told[name].dead_letters)
        own = [name for name, one in told.items() if one.known]
        since = datetime.now(UTC) - timedelta(hours=24)
        counted = outcomes(ledger, own, since) if own and self._count_outcomes else {}
        return _Told(told, rates, counted)

    @property
    def _readable(self) -> dict[str, Pipeline]:
        return {
            name: one for name, one in self._pipelines.items() if not isinstance(one, UsageError)
        }

    def _states(self, away: Mapping[str, IdemflowError | OSError]) -> dict[str, str]:
        """The states of the servers; those that did not tell are asked what is wrong."""
        states: dict[str, str] = dict.fromkeys(SERVERS, "running")
        if not away:
            return states
        try:
            found = {one.name: one.state for one in servers.status(self._settings)}
        except (IdemflowError, OSError):
            found = {}
        for name in away:
            # It may answer, and something else is wrong.
            state = found.get(name, "running")
            states[name] = NOT_TELLING if state == "running" else state
        return states

    def _row(
        self,
        name: str,
        there: tuple[Activity, list[Bulletin]] | None,
        told: _Told,
        now: datetime,
    ) -> Row:
        activity, said = there or (None, [])
        pipeline, known = self._pipelines[name], told.figures.get(name)
        problem = self._canvas.problems.get(name) if self._canvas else None
        expect = None
        if known is not None and known.problem is not None:
            problem = known.problem.message
        if isinstance(pipeline, UsageError):
            problem = pipeline.message
        else:
            expect = pipeline.expect
        return Row(
            name,
            activity,
            tuple(said),
            known,
            age=known.age(now) if known else None,
            rate=told.rates.get(name),
            problem=problem,
            expect=expect,
            outcomes=told.outcomes.get(name, {}),
        )


def _files(settings: Settings) -> frozenset[tuple[str, int]]:
    """The project's YAML files, and when each was changed."""
    found = set()
    for path in (settings.project / "flows").glob("*.yaml"):
        with suppress(OSError):  # it went just now
            found.add((path.name, path.stat().st_mtime_ns))
    return frozenset(found)

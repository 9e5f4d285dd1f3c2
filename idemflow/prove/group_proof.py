"""The proof of a group that idemflow did not draw: quiet runs, methods, a quiet run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from random import Random

import idemflow
from idemflow import servers
from idemflow.canvas import client, monitoring, process_groups
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.elasticsearch.ledger import opened
from idemflow.elasticsearch.spill import Scratch, Spill, scratch
from idemflow.errors import IdemflowError, UsageError
from idemflow.prove import judge
from idemflow.prove.copy import Copy
from idemflow.prove.experiment import AGAIN, INTERRUPTED, Display, derived, environment, now
from idemflow.prove.group import METHODS, GroupLab, GroupMethod, rerun
from idemflow.prove.journal import Journal, MethodResult, SteadyState, Try
from idemflow.prove.lab import Stuck
from idemflow.prove.plan import refuse_supervised
from idemflow.prove.servers import NotHappened

_QUIET = GroupMethod("quiet", "nothing is done to it", rerun)
# A run of a flow that is not held is soon over: its moments are missed more often.
_AGAIN = 2 * AGAIN


def chosen(
    settings: Settings, names: Sequence[str], *, may_kill: bool
) -> tuple[tuple[GroupMethod, ...], dict[str, str]]:
    """What is done, and what is not and why.

    Args:
        settings: the resolved settings.
        names: of methods; none for all.
        may_kill: whether servers may be killed.

    Raises:
        UsageError: there is no such method, or nothing is left.
    """
    known = {one.name: one for one in METHODS}
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no method {name!r} for a process group; there are {', '.join(known)}",
                next_command="idemflow prove --help",
            )
    wanted = [one for one in METHODS if not names or one.name in names]
    why = "--no-kill" if not may_kill else "idemflow has not started both servers"
    allowed = may_kill and settings.runtime == "embedded"
    not_tried = {one.name: why for one in wanted if one.kills and not allowed}
    left = tuple(one for one in wanted if one.name not in not_tried)
    if not left:
        raise UsageError(f"nothing is left to try: {why}", next_command="idemflow prove --help")
    if any(one.kills for one in left):
        refuse_supervised(settings, "the same with --no-kill")
    return left, not_tried


def prove(
    settings: Settings,
    group: str,
    trigger: str,
    index: str,
    methods: Sequence[GroupMethod],
    display: Display,
    *,
    seed: int,
    not_tried: dict[str, str],
    command: str = "",
    keep: Callable[[Journal], None] = lambda _: None,
) -> Journal:
    """Run a group that idemflow did not draw, and compare what its runs leave.

    Args:
        settings: the resolved settings.
        group: its id, or its name.
        trigger: the name of the processor in it that starts a run.
        index: the index that it writes to; it is neither emptied nor written to.
        methods: what is done.
        display: told how it goes on.
        seed: of all random choices.
        not_tried: names of methods, and why they are not tried.
        command: what does the same again, for the journal.
        keep: given the journal after each method, and at the end.

    Raises:
        UsageError: there is no such group or processor, or it is not at rest.
        IdemflowError: a server does not come back.
        KeyboardInterrupt: as it came; the journal is kept before.
    """
    began = time.monotonic()
    with _laboratory(settings, group, trigger, index) as (lab, room):
        journal = Journal(
            idemflow=idemflow.__version__,
            pipeline=lab.copy.name,
            copy=lab.copy.name,
            command=command,
            seed=seed,
            started=now(),
            environment=environment(settings),
            not_tried=dict(not_tried),
        )
        try:
            _Proof(lab, room, journal, display, keep).run(methods)
        except IdemflowError as error:
            journal.stopped = error.message
            raise
        except KeyboardInterrupt:
            journal.stopped = INTERRUPTED
            raise
        finally:
            lab.mend()
            journal.seconds = round(time.monotonic() - began, 1)
            journal.conclude()
            keep(journal)
    return journal


@contextmanager
def _laboratory(
    settings: Settings, group: str, trigger: str, index: str
) -> Iterator[tuple[GroupLab, Scratch]]:
    if not index or set(index) & set("*?,"):
        raise UsageError(f"--index {index!r} is not the name of one index")
    target = servers.connect(settings)
    client.connect(target.nifi, project_id(settings))
    found = process_groups.search(group)
    start = process_groups.trigger(found, trigger)
    name = start.component.name
    with opened(target.elasticsearch) as ledger:
        if not monitoring.activity(found).idle:
            raise UsageError(
                f"something is on its way in the process group {group!r}: a proof begins at rest",
                next_command=f"wait until its queues are empty, and stop {name!r}",
            )
        copy = Copy(group, settings, settings)
        folder, memory = settings.folders.scratch, settings.verify_bytes
        with scratch(folder, memory) as room:
            yield GroupLab(copy, found, name, index, ledger), room


@dataclass
class _Proof:
    lab: GroupLab
    room: Scratch
    journal: Journal
    display: Display
    keep: Callable[[Journal], None]
    known: Spill | None = None
    contents: bool = True
    run_seconds: float = 1.0
    # How many documents a quiet run writes over what one has left.
    written: int = 0

    def run(self, methods: Sequence[GroupMethod]) -> None:
        try:
            self._steady()
        except Stuck as error:
            self.journal.before.problems.append(f"a quiet run: {error}")
        self.keep(self.journal)
        if self.journal.before.problems:
            return
        for method in methods:
            result = MethodResult(method.name, method.what)
            self.journal.methods.append(result)
            passed = False
            while not passed and result.inconclusive <= _AGAIN:
                number = len(result.tries) + 1
                self.display.step(f"{method.name}: {method.what}, try {number}")
                one = self._try(method, number)
                result.tries.append(one)
                passed = one.verdict == "passed"
                if one.verdict == "failed":
                    break
            self.display.done(result)
            self.keep(self.journal)
        if all(one.verdict != "failed" for one in self.journal.methods):
            quiet = self._try(_QUIET, 2)
            problems = [] if quiet.verdict == "passed" else [f"a quiet run afterwards: {quiet.why}"]
            self.journal.after = SteadyState(problems, [quiet])

    def _steady(self) -> None:
        """One quiet run makes the reference, and a second one has to leave the same."""
        lab, before = self.lab, self.journal.before
        self.display.step("a quiet run")
        lab.begin(Random(self.journal.seed))
        there = lab.ledger.count(lab.index)
        lab.run_once()
        lab.settle()
        self.known = self.room.spill()
        given = self.known.add(judge.given((key, digest, None) for key, digest in lab.documents()))
        self.journal.source = {
            "known_from": f"what a first quiet run left in {lab.index}, which had {there:,} "
            "documents before",
            "given": given,
            "left_out": 0,
            "contents": True,
        }
        if not given:
            before.problems.append(f"a quiet run has left no document in {lab.index}")
            return
        self.display.step("a second quiet run")
        lab.begin(Random(self.journal.seed))
        lab.run_once()
        self._measure()
        lab.settle()
        self.written = lab.written()
        quiet = self._judged(Try(1, self.journal.seed, "inconclusive", "", now(), lab.elapsed))
        if quiet.verdict == "failed" and quiet.outcome and _stale_alone(quiet.outcome):
            self.contents = False
            self.journal.source["contents"] = False
            quiet = self._judged(quiet)
        before.quiet.append(replace(quiet, events=lab.events, samples=lab.samples))
        if quiet.verdict != "passed":
            before.problems.append(f"a second quiet run: {quiet.why}")

    def _measure(self) -> None:
        """How long a run is at work."""
        lab, began, last = self.lab, time.monotonic(), 0.0
        while time.monotonic() - began < 1.0 + 2 * last and last < 60:
            if not lab.activity().idle:
                last = time.monotonic() - began
        self.run_seconds = max(0.05, last)

    def _try(self, method: GroupMethod, number: int) -> Try:
        lab = self.lab
        seed = derived(self.journal.seed, method.name, number)
        lab.begin(Random(seed))
        started, began = now(), time.monotonic()
        made = Try(number, seed, "inconclusive", "", started, 0.0)
        try:
            # Of a run that was missed, an earlier moment is chosen.
            method.act(lab, self.run_seconds / 2 ** (number - 1))
            lab.settle()
            recovery = None if lab.fault is None else round(lab.elapsed - lab.fault, 1)
            made = self._judged(replace(made, recovery=recovery))
        except NotHappened as error:
            made = replace(made, why=str(error))
        except Stuck as error:
            made = replace(made, verdict="failed", why=str(error))
        finally:
            lab.mend()
        if made.verdict == "inconclusive":
            with suppress(Stuck):  # the next try begins at rest, as far as it can
                lab.settle()
        seconds = round(time.monotonic() - began, 1)
        return replace(made, seconds=seconds, events=lab.events, samples=lab.samples)

    def _judged(self, made: Try) -> Try:
        assert self.known is not None
        lab = self.lab
        rows = (row for part in self.known.parts() for row in part)
        outcome = judge.judge(rows, judge.found(lab.documents()), self.room, contents=self.contents)
        faults = outcome.faults(0)
        if (written := lab.written()) < self.written:
            faults.append(
                f"{written:,} documents were written, and {self.written:,} by a quiet run"
            )
        return replace(
            made, outcome=outcome, verdict="failed" if faults else "passed",
            why="; ".join(faults) or "the index is as one run has left it",
        )  # fmt: skip


def _stale_alone(outcome: judge.Outcome) -> bool:
    """Whether other contents are all that differs."""
    return not (outcome.lost or outcome.never_read or outcome.doubled)

"""A proof: steady state, methods, steady state; whatever happens, the servers run afterwards."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Protocol

import psutil

import idemflow
from idemflow import servers
from idemflow.commands import remove, verify
from idemflow.commands._session import session
from idemflow.commands._watch import Silent
from idemflow.config.settings import Settings
from idemflow.dead_letters import store
from idemflow.dead_letters.store import Filters
from idemflow.elasticsearch.spill import Scratch
from idemflow.errors import IdemflowError, UsageError
from idemflow.prove import clock, copy, judge, reference
from idemflow.prove.copy import Copy
from idemflow.prove.journal import Journal, MethodResult, SteadyState, Try, Verdict
from idemflow.prove.lab import Lab, Stuck, place_of
from idemflow.prove.methods import CLOCK_JUMP, Method, mix
from idemflow.prove.plan import Plan
from idemflow.prove.proxy import proxy
from idemflow.prove.reference import Reference
from idemflow.prove.servers import NoMoment, NotForThis, NotHappened

_log = logging.getLogger(__name__)

# How often a method is tried again whose moment did not come.
AGAIN = 3
# How long a run may take to which nothing is done, in seconds.
_QUIET_WITHIN = 3600.0
INTERRUPTED = "stopped with Ctrl-C"


class Display(Protocol):
    """Told how a proof goes on."""

    def step(self, text: str) -> None:
        """Something begins."""

    def done(self, result: MethodResult) -> None:
        """A method has come to its end."""


def prove(
    settings: Settings,
    plan: Plan,
    display: Display,
    *,
    seed: int,
    tries: int = 1,
    for_seconds: float = 0.0,
    command: str = "",
    keep: Callable[[Journal], None] = lambda _: None,
) -> Journal:
    """Do what a plan says.

    Args:
        settings: the resolved settings.
        plan: what :func:`idemflow.prove.plan.plan` gave.
        display: told how it goes on.
        seed: of all random choices.
        tries: how often each method has to come to pass.
        for_seconds: how long random mixes of the methods are tried, in place of each by itself.
        command: what does the same again, for the journal.
        keep: given the journal after each method, and at the end.

    Raises:
        IdemflowError: a server does not come back, or the copy cannot be deployed.
        KeyboardInterrupt: as it came; the journal is kept before.
    """
    began = time.monotonic()
    with session(settings, plan.pipeline) as opened:
        made = copy.make(settings, opened.pipeline)
    journal = Journal(
        idemflow=idemflow.__version__,
        pipeline=plan.pipeline,
        copy=made.name,
        command=command,
        seed=seed,
        started=now(),
        environment=environment(settings),
        not_tried=dict(plan.not_tried),
    )
    try:
        with _laboratory(made, plan, display) as (lab, room):
            proof = _Proof(lab, room, journal, display, seed, tries, keep)
            proof.run(_mixes(plan.methods, seed, for_seconds) if for_seconds else plan.methods)
    except IdemflowError as error:
        journal.stopped = error.message
        raise
    except KeyboardInterrupt:
        journal.stopped = INTERRUPTED
        raise
    finally:
        journal.seconds = round(time.monotonic() - began, 1)
        journal.conclude()
        keep(journal)
    return journal


@contextmanager
def _laboratory(made: Copy, plan: Plan, display: Display) -> Iterator[tuple[Lab, Scratch]]:
    """The copy on the canvas; it is taken away in the end, and the servers run."""
    settings = made.settings
    with ExitStack() as stack:
        between = None
        if plan.embedded:
            target = servers.connect(settings)
            between = stack.enter_context(proxy(settings.folders, target.elasticsearch))
            # What NiFi is told; idemflow itself asks Elasticsearch directly.
            settings = settings.model_copy(update={"loader_url": between.url})
            made = replace(made, settings=settings)
        _remove(made)
        stack.callback(copy.delete, made)
        display.step(f"{made.name}: a copy of {plan.pipeline}, with an index of its own")
        opened = stack.enter_context(session(settings, made.name))
        lab = Lab(made, opened, between)
        room = stack.enter_context(opened.scratch())
        try:
            lab.return_clock()
            lab.return_state()
            lab.faketime = clock.library() if CLOCK_JUMP in plan.methods else None
            lab.deploy()
            yield lab, room
        finally:
            display.step("cleaning up")
            lab.mend()
            lab.return_clock()
            _remove(made)


def _remove(made: Copy) -> None:
    """Take the copy away, also what a proof left that was killed."""
    with suppress(UsageError):  # there is nothing
        remove.remove(
            made.settings, made.name, Silent(), lambda _: None,
            discard_queued=True, data=True, dead_letters=True,
        )  # fmt: skip


def _mixes(methods: Sequence[Method], seed: int, during: float) -> Iterator[Method]:
    """Random mixes of methods, until the time is over; there is one in any case."""
    until = time.monotonic() + during
    chance = Random(seed)
    for number in count(1):
        yield mix(number, methods, Random(chance.random()))
        if time.monotonic() > until:
            return


@dataclass
class _Proof:
    """A proof under way."""

    lab: Lab
    room: Scratch
    journal: Journal
    display: Display
    seed: int
    tries: int
    keep: Callable[[Journal], None]
    dead_letters: int = 0
    not_for_this: bool = False

    def run(self, methods: Iterable[Method]) -> None:
        """Steady state, methods, steady state."""
        self.display.step("reading the source")
        known = reference.of_script(self.lab.copy.settings, self.lab.opened.pipeline, self.room)
        self.display.step("a quiet run")
        try:
            known = self._steady(known)
        except Stuck as error:
            self.journal.before.problems.append(f"a quiet run: {error}")
        self.keep(self.journal)
        if self.journal.before.problems or known is None:
            return
        for method in methods:
            result = MethodResult(method.name, method.what)
            self.journal.methods.append(result)
            self._method(method, result, known)
            if result.possible:
                self.display.done(result)
            else:
                self.journal.methods.remove(result)
                self.journal.not_tried[method.name] = result.tries[-1].why
            self.keep(self.journal)
        if any(one.verdict == "failed" for one in self.journal.methods):
            return  # what it leaves afterwards changes nothing
        self.display.step("the steady state afterwards")
        self.journal.after = self._steady_after(known)

    def _steady(self, known: Reference | None) -> Reference:
        """The steady state before: what the source gives is what a quiet run leaves."""
        before = self.journal.before
        if known is None:
            known = self._of_quiet_run()
        problems = known.steady
        quiet = self._try(_QUIET, 1, known, first=True)
        before.quiet.append(quiet)
        if quiet.outcome is not None:
            self.dead_letters = quiet.outcome.dead_letters
            self.lab.records = quiet.outcome.given
        before.problems = [*problems]
        if quiet.verdict != "passed":
            before.problems.append(f"a quiet run: {quiet.why}")
        self.journal.source = {
            "known_from": known.how,
            "given": quiet.outcome.given if quiet.outcome else known.given,
            "left_out": known.left_out,
            "contents": known.contents,
        }
        return known

    def _of_quiet_run(self) -> Reference:
        """What a quiet run leaves in an empty index."""
        lab = self.lab
        lab.fresh(Random(self.seed))
        lab.start_run()
        lab.settle()
        known = Reference("what a quiet run left", self.room.spill())
        known.given = known.rows.add(
            (key, judge.GIVEN, digest.split()[0], None)
            for key, kind, digest, _ in lab.observed()
            if kind == judge.FOUND
        )
        for letter in store.find(lab.opened.ledger, lab.name, Filters()):
            known.given += known.rows.add([_given_by(letter)])
        return known

    def _steady_after(self, known: Reference) -> SteadyState:
        """The steady state afterwards: a quiet run leaves what it left before."""
        after = SteadyState()
        if (again := self._again()) is not None:
            after.problems = list(again.steady)
            known = again
        quiet = self._try(_QUIET, 1, known)
        after.quiet.append(quiet)
        if quiet.verdict != "passed":
            after.problems.append(f"a quiet run afterwards: {quiet.why}")
        return after

    def _again(self) -> Reference | None:
        return reference.of_script(self.lab.copy.settings, self.lab.opened.pipeline, self.room)

    def _method(self, method: Method, result: MethodResult, known: Reference) -> None:
        """Try a method until it has come to pass so often, or failed, or did not often enough."""
        passed = missed = 0
        while passed < self.tries and missed <= AGAIN:
            number = len(result.tries) + 1
            self.display.step(f"{method.name}: {method.what}, try {number}")
            one = self._try(method, number, known)
            result.tries.append(one)
            if one.verdict == "failed":
                return
            passed += one.verdict == "passed"
            missed += one.verdict == "inconclusive"
            if self.not_for_this:
                return

    def _try(self, method: Method, number: int, known: Reference, *, first: bool = False) -> Try:
        lab = self.lab
        self.not_for_this = False
        seed = derived(self.seed, method.name, number)
        lab.fresh(Random(seed))
        started, began = now(), time.monotonic()
        made = Try(number, seed, "inconclusive", "", started, 0.0)
        try:
            method.act(lab)
            runs = lab.settle()
            recovery = None if lab.fault is None else round(lab.elapsed - lab.fault, 1)
            made = replace(made, runs=runs, recovery=recovery)
            made = self._judged(made, known, first=first)
        except NotHappened as error:
            made = replace(made, why=str(error), moment=not isinstance(error, NoMoment))
            self.not_for_this = isinstance(error, NotForThis)
        except Stuck as error:
            made = replace(made, verdict="failed", why=str(error))
        except IdemflowError as error:
            made = replace(made, why=f"{type(error).__name__}: {error.message}")
        finally:
            _log.info("%s, try %d: %s: %s", method.name, number, made.verdict, made.why)
            lab.mend()
        return replace(
            made,
            seconds=round(time.monotonic() - began, 1),
            events=lab.events,
            samples=lab.samples,
        )

    def _judged(self, made: Try, known: Reference, *, first: bool) -> Try:
        """What a try comes to whose runs have ended."""
        lab = self.lab
        outcome = judge.judge(
            known.all(), lab.observed(), self.room, left_out=known.left_out, contents=known.contents
        )
        verified = verify.verify(lab.copy.settings, lab.name).equal
        faults = outcome.faults(outcome.dead_letters if first else self.dead_letters)
        if not verified:
            faults.append("idemflow verify finds other documents than the runs sent")
        if len(made.runs) < lab.expected:
            faults.append(f"{lab.expected - len(made.runs)} of {lab.expected} runs left no trace")
        verdict: Verdict = "failed" if faults else "passed"
        return replace(
            made,
            outcome=outcome,
            verified=verified,
            verdict=verdict,
            why="; ".join(faults) or "each record has come to its end, once",
        )


def _quiet(lab: Lab) -> None:
    """Nothing is done to it."""
    process = lab.start_run()
    lab.wait(lambda: process.poll() is not None, "idemflow run has ended", within=_QUIET_WITHIN)
    lab.run_seconds = lab.elapsed


_QUIET = Method("quiet", "nothing is done to it", _quiet)


def _given_by(letter: store.Letter) -> tuple[str, int, str, None]:
    """The row of a record that became a dead letter in a quiet run."""
    if (place := place_of(letter)) is not None:
        return place, judge.REFUSED, "", None
    return str(letter.record_id), judge.GIVEN, judge.ANY, None


def derived(seed: int, method: str, number: int) -> int:
    """The seed of one try, the same whichever methods are tried before."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{method}/{number}".encode()).digest()[:6], "big")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def environment(settings: Settings) -> dict[str, object]:
    state = servers.read_state(settings.folders.state)
    return {
        "servers": settings.runtime,
        **{name: record.version for name, record in state.servers.items()},
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
    }

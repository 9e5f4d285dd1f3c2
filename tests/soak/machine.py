"""What may happen to two pipelines, as the rules of a state machine of hypothesis.

No draw depends on what the servers do, so a seed gives the same steps each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.integration.tools import Idemflow, empty_canvas, empty_elasticsearch, readable_folder
from tests.soak.model import Kind
from tests.soak.pipeline import Fault, Pipeline, Victim

Arguments = ParamSpec("Arguments")

# Of so many examples of hypothesis the last one counts.
EXAMPLES = 3
# A fault comes before every sixth step: a restart takes half a minute.
EVERY = 6
SLOTS = [f"k{number}" for number in range(6)]
SOUND = ["edit", "edit", "edit", "same version", "older version", "delete", "vanish", "twin"]
BAD = ["no number", "no number", "no id", "no version", "unlucky", "unlucky"]
SECOND: list[Kind] = ["plain", "snapshot"]
VICTIMS: list[Victim] = ["nifi", "elasticsearch", "command", "both", "nifi", "restart"]

which = st.integers(0, 1)
picks = st.integers(0, 9)
tags = st.integers(0, 3)
slots = st.sampled_from(SLOTS)
batches = st.sampled_from([1, 20, 5000])
changes = st.lists(st.tuples(slots, st.sampled_from(SOUND + BAD)), min_size=1, max_size=5)
faults = st.builds(
    Fault,
    victim=st.sampled_from(VICTIMS),
    after=st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.8]),
    which=which,
    replay=st.booleans(),
)


class Journal:
    """What the machines of one seed share, of which hypothesis makes some.

    Only one of them counts, the others do nothing: the first has the simplest draws that there are,
    and the one after it must not begin likewise. Where the one that counts fails, hypothesis asks
    for the same steps again, to print them: the last one does nothing but fail likewise.

    Args:
        idemflow: the command on the running servers.
        file: what was done, with the time.
        until: when it ends, by the monotonic clock: steps after that do nothing.
    """

    def __init__(self, idemflow: Idemflow, file: Path, until: float) -> None:
        self.idemflow = idemflow
        self.file = file
        self.until = until
        self.machines = 0
        self.steps = 0
        self.faults = 0
        file.write_text("")
        self.failed: tuple[int, BaseException] | None = None

    def write(self, text: str) -> None:
        with self.file.open("a") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def step(
    function: Callable[Concatenate[Soak, Arguments], None],
) -> Callable[Concatenate[Soak, Arguments], None]:
    """A step of the machine that counts is done and written down; see :class:`Journal`."""

    @wraps(function)
    def taken(self: Soak, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        self.number += 1
        journal = self.journal
        if journal.failed and journal.failed[0] == self.number:
            raise journal.failed[1]
        if not self.counts or time.monotonic() > journal.until:
            return
        given = ", ".join(f"{name}={value!r}" for name, value in kwargs.items())
        journal.write(f"{function.__name__}({given})")
        journal.steps += 1
        try:
            self.be_hit()
            function(self, *args, **kwargs)
        except BaseException as error:
            journal.failed = self.number, error
            journal.write(f"failed: {error}")
            raise

    return taken


class Soak(RuleBasedStateMachine):
    """Two pipelines side by side."""

    journal: Journal

    def __init__(self) -> None:
        super().__init__()
        self.counts = self.journal.machines == EXAMPLES - 1
        self.journal.machines += 1
        self.number = 0
        self.pipelines: list[Pipeline] = []
        self._open = ExitStack()
        self._plan: list[Fault] = []
        self._next = 0

    def teardown(self) -> None:
        self._open.close()

    @initialize(
        second=st.sampled_from(SECOND),
        sizes=st.tuples(batches, batches),
        plan=st.lists(faults, min_size=3, max_size=3),
        first=st.integers(2, 4),
    )
    @step
    def begin(self, second: Kind, sizes: tuple[int, int], plan: list[Fault], first: int) -> None:
        self._plan, self._next = list(plan), first + 1
        idemflow = self.journal.idemflow
        empty_canvas(idemflow)
        empty_elasticsearch(idemflow)
        folder = self._open.enter_context(readable_folder())
        for kind, batch in zip(("versioned", second), sizes, strict=True):
            made = Pipeline(idemflow, folder, kind, batch, self.journal.write)
            self._open.callback(made.ledger.close)
            self.pipelines.append(made)

    @rule(which=which)
    @step
    def run(self, which: int) -> None:
        self.pipelines[which].run()

    @rule(which=which, changes=changes)
    @step
    def change_and_run(self, which: int, changes: list[tuple[str, str]]) -> None:
        self._change(which, changes)
        self.pipelines[which].run()

    @rule(which=which, changes=changes)
    @step
    def run_twice_at_once(self, which: int, changes: list[tuple[str, str]]) -> None:
        self._change(which, changes)
        self.pipelines[which].run_with(self.pipelines[which])

    @rule(first=changes, second=changes)
    @step
    def run_side_by_side(self, first: list[tuple[str, str]], second: list[tuple[str, str]]) -> None:
        self._change(0, first)
        self._change(1, second)
        self.pipelines[0].run_with(self.pipelines[1])

    @rule(which=which, changes=changes)
    @step
    def run_beside_canvas(self, which: int, changes: list[tuple[str, str]]) -> None:
        self._change(which, changes)
        self.pipelines[which].run_beside_canvas()

    @rule(which=which)
    @step
    def replay_all(self, which: int) -> None:
        pipeline = self.pipelines[which]
        pipeline.replay(sorted(pipeline.model.letters))

    @rule(which=which, pick=picks)
    @step
    def replay_one(self, which: int, pick: int) -> None:
        if letter := self._letter(which, pick):
            self.pipelines[which].replay([letter])

    @rule(which=which, pick=picks, slot=slots, sound=st.booleans())
    @step
    def mend(self, which: int, pick: int, slot: str, sound: bool) -> None:
        if letter := self._letter(which, pick):
            self.pipelines[which].mend(letter, slot, sound=sound)

    @rule(which=which, pick=picks)
    @step
    def drop(self, which: int, pick: int) -> None:
        if letter := self._letter(which, pick):
            self.pipelines[which].drop(letter)

    @rule(which=which, tag=tags, picky=st.booleans(), batch=batches)
    @step
    def redeploy(self, which: int, tag: int, picky: bool, batch: int) -> None:
        self._edit(which, tag, picky, batch).deploy()

    @rule(which=which, tag=tags, picky=st.booleans(), batch=batches)
    @step
    def edit_and_run(self, which: int, tag: int, picky: bool, batch: int) -> None:
        self._edit(which, tag, picky, batch).run_deploys()

    @rule(which=which, keep=st.booleans())
    @step
    def change_identity(self, which: int, keep: bool) -> None:
        self.pipelines[which].change_identity(keep=keep)

    @rule(which=which)
    @step
    def compact(self, which: int) -> None:
        self.pipelines[which].compact()

    def _edit(self, which: int, tag: int, picky: bool, batch: int) -> Pipeline:
        pipeline = self.pipelines[which]
        pipeline.model.tag, pipeline.model.picky, pipeline.batch = tag, picky, batch
        return pipeline

    def _change(self, which: int, changes: list[tuple[str, str]]) -> None:
        pipeline = self.pipelines[which]
        for slot, how in changes:
            # What becomes of a snapshot with dead letters is the matter of other tests.
            whole = pipeline.model.kind == "snapshot" and how in BAD
            pipeline.change(slot, "edit" if whole else how)

    def _letter(self, which: int, pick: int) -> str | None:
        letters = sorted(self.pipelines[which].model.letters)
        return letters[pick % len(letters)] if letters else None

    def be_hit(self) -> None:
        """A run or a replay that a fault hits, if it is time for one."""
        if not self._plan or self.number < self._next:
            return
        self._next += EVERY
        fault = self._plan.pop(0)
        self.journal.faults += 1
        self.journal.write(str(fault))
        pipeline = self.pipelines[fault.which]
        letters = sorted(pipeline.model.letters)
        if fault.replay and letters:
            pipeline.replay(letters, fault)
        else:
            pipeline.run(fault)

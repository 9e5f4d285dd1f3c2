"""What a method may do to a pipeline's copy, and what it can see."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random

from idemflow import servers
from idemflow.canvas import component_state, control, monitoring, process_groups
from idemflow.canvas.monitoring import Activity
from idemflow.commands import deploy
from idemflow.commands._patience import patiently
from idemflow.commands._session import Session
from idemflow.dead_letters import store
from idemflow.dead_letters.store import Filters, Letter
from idemflow.elasticsearch import removal
from idemflow.elasticsearch.removal import Data
from idemflow.elasticsearch.spill import Row
from idemflow.elasticsearch.verify import digest_of
from idemflow.errors import IdemflowError, LoginRefused, Unreachable
from idemflow.prove import judge, on_disk
from idemflow.prove.journal import Sample
from idemflow.prove.proxy import Proxy, Rule
from idemflow.prove.servers import NotHappened, Servers
from idemflow.sources.fields import seconds

# How long a moment is waited for, and the end of all runs, in seconds.
_MOMENT = 60.0
_END = 180.0
# How long nothing may happen in empty queues before what is missing counts as missing.
_QUIET = 10.0
_POLL = 0.05
# Each look at the end of the runs costs NiFi and Elasticsearch some ten milliseconds.
_SETTLE_POLL = 0.2
_SAMPLE_EVERY = 0.25
_GONE_WITHIN = 30.0
# The steps whose refusals name a record by its place, since it has no id yet.
_BEFORE_ID = ("Collect", "Transform", "Identify")


class Stuck(Exception):
    """The runs have not come to their end, though nothing is done to them any more."""


def place_of(letter: Letter) -> str | None:
    """The key of a record that was refused before it had an id; ``None`` of another's letter."""
    if letter.step in _BEFORE_ID or letter.record_id is None:
        return judge.place(letter.position, letter.source)
    return None


@dataclass
class Lab(Servers):
    """A pipeline's copy, and what is done to it in one try after the other.

    Attributes:
        opened: the connections to it.
        proxy: what stands before Elasticsearch; ``None`` where nothing does.
        chance: of this try.
        expected: runs that have to come to their end.
        run_seconds: how long a run takes that nothing is done to, as a command.
        records: how many the source gives.
    """

    opened: Session
    proxy: Proxy | None
    chance: Random = field(default_factory=Random)
    expected: int = 0
    run_seconds: float = 2.0
    records: int = 0
    _commands: list[tuple[subprocess.Popen[bytes], Path]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The copy's name."""
        return self.copy.name

    @cached_property
    def group(self) -> str:
        """Id of its process group."""
        return process_groups.find_id(self.name)

    # What is done.

    def fresh(self, chance: Random) -> None:
        """Begin anew: an empty index, nothing in the queues, a source that has read nothing."""
        self.arm(None)
        opened, group = self.opened, self.group
        if not monitoring.activity(group).idle:
            control.empty(group)
        with opened.ledger.errors():
            indices = dict.fromkeys(opened.indices.targets(), 0)
            nothing = Data(indices, (), (), (), named=True, runs=0, dead_letters=0)
            removal.delete(opened.ledger, opened.owner, nothing)
            removal.delete_dead_letters(opened.ledger, opened.owner)
        self.forget()
        if opened.pipeline.alias:  # which went with the index
            self.deploy()
        control.start_steps(group)
        self.chance, self.expected, self.fault = chance, 0, None
        self.events, self.samples, self._commands = [], [], []
        self._began = time.monotonic()

    def forget(self) -> None:
        """Let the source forget what it has read."""
        for state in component_state.read(self.group):
            component_state.clear(state)

    def remembers(self) -> bool:
        """Whether the source remembers something from one run to the next."""
        return bool(component_state.read(self.group))

    def deploy(self) -> None:
        """Deploy the copy as its files say."""
        deploy.deploy(self.copy.settings, self.name, lambda _: None)

    def run_once(self) -> None:
        """An operator's Run Once."""
        self.note("Run Once on the canvas")
        self.expected += 1
        control.run_once(self.group)

    def start_run(self, *, expected: int = 1) -> subprocess.Popen[bytes]:
        """``idemflow run``, in a process of its own."""
        settings = self.copy.settings
        environment = {
            **os.environ,
            "IDEMFLOW_PROJECT": str(settings.project),
            "IDEMFLOW_HOME": str(settings.home),
            "IDEMFLOW_CACHE": str(settings.cache),
        }
        self.note("idemflow run is started")
        self.expected += expected
        said = settings.project / f"run-{len(self._commands)}.txt"
        with said.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "idemflow", "run", self.name, "--as-deployed", "--json",
                 "--allow-empty", "--max-dead-letters", "1000000000"],
                env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        self._commands.append((process, said))
        return process

    def arm(self, rule: Rule | None) -> Rule | None:
        """Do something to the next bulk requests with documents; ``None`` for nothing more."""
        if self.proxy is not None:
            self.proxy.arm(self.opened.pipeline.target, rule)
        return rule

    def up(self) -> None:
        """Start what was killed again, and the copy's steps."""
        super().up()
        self.sample(at_once=True)
        control.start_steps(self.group)

    def mend(self) -> None:
        """Take back whatever was done, so that the servers are as they were before."""
        self.arm(None)
        self.thaw()
        self.free_disk()
        self.right_clock()
        self.return_state()
        for process, _ in self._commands:
            if process.poll() is None:
                process.kill()
                process.wait()
        settings = self.copy.settings
        if set(settings.embedded) - set(self._running()):
            self.up()
        elif self.fault is not None and settings.embedded:
            # One may have been starting: it is waited for.
            servers.up(self.copy.servers, servers.Silent())

    # What is seen.

    def activity(self) -> Activity:
        """What the copy is doing now."""
        return monitoring.activity(self.group)

    def documents(self) -> int:
        """How many documents its index has; waited for where Elasticsearch is not ready."""
        return patiently(self.opened.indices.documents, lambda _: None)

    def wait(
        self,
        condition: Callable[[], bool],
        what: str,
        *,
        within: float = _MOMENT,
    ) -> None:
        """Wait for a moment.

        Args:
            condition: whether it is there.
            what: what is waited for.
            within: seconds.

        Raises:
            NotHappened: it does not come.
        """
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                raise NotHappened(f"not within {within:.0f} s: {what}")
            self.sample()
            time.sleep(_POLL)
        self.note(what, "seen")
        self.sample(at_once=True)

    def sample(self, *, at_once: bool = False) -> None:
        """Note how far the copy is, if that was not done just now.

        Args:
            at_once: in any case.
        """
        recent = self.samples and self.elapsed - self.samples[-1].at < _SAMPLE_EVERY
        if recent and not at_once:
            return
        queued, documents = None, None
        with suppress(IdemflowError):
            queued = self.activity().queued
        with suppress(IdemflowError):
            documents = self.opened.indices.documents()
        self.samples.append(Sample(self.elapsed, queued, documents))

    def saved(self) -> bool:
        """Whether a NiFi that is killed now starts the copy's steps again."""
        return on_disk.saved(self.copy.settings.folders, self.name)

    def settle(self) -> list[str]:
        """Wait until all runs have come to their end.

        Returns:
            Their ids.

        Raises:
            Stuck: they do not.
        """
        deadline = time.monotonic() + _END + 2 * seconds(self.opened.pipeline.load.retry_after)
        quiet: float | None = None
        while True:
            self.sample()
            now = time.monotonic()
            runs: list[str] = []
            with suppress(Unreachable, LoginRefused):
                idle = self.activity().idle
                runs = self.opened.ledger.run_ids(self.name)
                if not idle or any(process.poll() is None for process, _ in self._commands):
                    quiet = None
                elif quiet is None:
                    quiet = now
                else:
                    done = self.accounted()
                    if done or now - quiet > _QUIET:
                        self.note("all has come to its end" if done else "nothing moves", "seen")
                        self._note_commands()
                        return runs
            if now > deadline:
                raise Stuck(
                    f"{self.activity().queued:,} FlowFiles are still on their way "
                    f"{now - deadline + _END:.0f} s later"
                )
            time.sleep(_SETTLE_POLL)

    def observed(self) -> Iterator[Row]:
        """Rows of what there is after a try, for :func:`idemflow.prove.judge.judge`."""
        ledger = self.opened.ledger
        for index in self.opened.indices.targets():
            yield from judge.found(
                (key, digest_of(source)) for key, source in ledger.documents(index)
            )
            for chunk in ledger.manifests.sent_to(index):
                yield from judge.sent(key for key, *_ in chunk.entries)
        for letter in store.find(ledger, self.name, Filters()):
            yield from judge.letters([place_of(letter) or str(letter.record_id)])

    def accounted(self) -> bool:
        """Whether all runs so far have come to their end."""
        runs = self.opened.ledger.run_ids(self.name)
        return len(runs) >= self.expected and all(map(self._accounted, runs))

    def _accounted(self, run: str) -> bool:
        records = self.opened.ledger.records(run)
        return records is not None and (
            self.opened.ledger.folded(run) or self.opened.ledger.accounted(run) >= records
        )

    def _note_commands(self) -> None:
        for process, said in self._commands:
            if process.returncode >= 0:
                self.note(f"idemflow run ended with {process.returncode}", "seen")
            said.unlink(missing_ok=True)
        self._commands = []

"""A pipeline on the real servers beside its model: what is done to one is done to both."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from idemflow.canvas import client, control, monitoring, process_groups
from idemflow.canvas.process_groups import TRIGGERS
from idemflow.commands import dead_letters, deploy, run, verify
from idemflow.commands._pruning import retention
from idemflow.commands._session import session
from idemflow.commands._watch import Silent
from idemflow.config.combinations import SERVERS
from idemflow.dead_letters.store import Filters
from idemflow.elasticsearch.run_progress import RunProgress
from idemflow.errors import PipelineError
from tests.integration.tools import Idemflow, Project, kill, saved_steps, wait_until
from tests.soak.model import UNLUCKY, Counts, Kind, Model, Row

SCRIPT = f"""\
import json
import time


def records(path):
    with open(path) as file:
        database = json.load(file)
    for number, row in enumerate(database["rows"]):
        if number == len(database["rows"]) // 2:
            time.sleep(database["pause"])
        yield row


def change(record):
    if PICKY and record["value"] == {UNLUCKY}:
        raise ValueError("an unlucky number")
    return record | {{"tag": TAG}}


"""
# Rows that never change: they are what is under way when a server dies.
CROWD = 300
# A run that is to be hit waits so long in its middle, in seconds.
PAUSE = 0.3

Victim = Literal["nifi", "elasticsearch", "both", "command", "restart"]
Report = Mapping[str, Any]


@dataclass(frozen=True)
class Fault:
    """What dies in the middle of a run or of a replay.

    Attributes:
        victim: what dies; ``command`` is the one that waits.
        after: how long after it has begun, in seconds.
        which: the number of the pipeline.
        replay: whether of a replay, if there are dead letters.
    """

    victim: Victim
    after: float
    which: int
    replay: bool


class Pipeline:
    """A pipeline that is driven and judged.

    Args:
        idemflow: the command on the running servers.
        folder: a project's folder that the servers' user may read.
        kind: what the pipeline is like.
        batch: ``load.batch``.
        note: told what is seen on the way.
    """

    def __init__(
        self, idemflow: Idemflow, folder: Path, kind: Kind, batch: int, note: Callable[[str], None]
    ) -> None:
        self.name = f"soak-{kind}"
        self.model = Model(kind)
        self.batch = batch
        # The servers are those of the tests' own project: its command starts them again.
        self.runtime = idemflow
        self.command = idemflow.inside(folder)
        self.settings = self.command.settings()
        self.ledger = idemflow.ledger()
        self._project = Project(folder)
        self._database = folder / f"{self.name}.json"
        self._note = note
        self._clock = 0
        for number in range(CROWD):
            self.change(f"c{number}", "edit")
        self.deploy()

    def change(self, slot: str, how: str) -> None:
        """Change a row of the database; a row's version is the time of its change."""
        self._clock += 1
        rows, now = self.model.rows, self._clock
        known = rows.get(slot, {}).get("seq") or 0
        different: dict[str, Row] = {
            "edit": {},
            "same version": {"seq": known},
            "older version": {"seq": max(0, known - 2)},
            "delete": {"gone": True},
            "no number": {"value": f"no number {now}"},
            "no id": {"id": None, "code": None},
            "no version": {"seq": None},
            "unlucky": {"value": UNLUCKY},
        }
        if how == "twin":
            self.model.twins ^= {slot}
        elif how == "vanish":
            rows.pop(slot, None)
        else:
            row = {"id": slot, "code": f"-{slot}", "seq": now, "value": 100 + now, "gone": False}
            rows[slot] = row | different[how]

    def deploy(self, *, identity: str | None = None, keep: bool = False) -> None:
        """Write YAML and script, and deploy them."""
        self.write(identity or self.model.identity)
        deploy.deploy(self.settings, self.name, lambda _: None, keep_old_documents=keep)

    def write(self, identity: str) -> None:
        """Write YAML and script."""
        model, function = self.model, "function: records"
        arguments = f"{function}\n  arguments: {{path: {json.dumps(str(self._database))}}}"
        more = [
            f"transform: {{script: scripts/{self.name}.py, function: change}}",
            f"load: {{batch: {self.batch}, retry_after: 1 s}}",
            "delete: gone",
            *(["version: {field: seq, type: integer}"] if model.kind == "versioned" else []),
            *(["mode: snapshot"] if model.kind == "snapshot" else []),
        ]
        script = f"{SCRIPT}TAG, PICKY = {model.tag}, {model.picky}\n"
        self._project.pipeline(self.name, script, "\n".join(more), value="integer", seq="long")
        self._project.change(self.name, f"{function}\nidentity", f"{arguments}\nidentity")
        self._project.change(self.name, "identity: id", f"identity: {identity}")

    def run(self, fault: Fault | None = None) -> None:
        """One run. If a fault hits it, the one after it must be as if nothing had been."""
        if fault is not None:
            self._write(pause=PAUSE)
            self._hit(fault, "run")
            for one in self._settled({0, 1}):
                self.model.run(published=self._published(one))
            self.check()
        self._write()
        report = run.run(self.settings, self.name, Silent()).runs[0]
        self._agree(vars(report), self.model.run())
        self.check()

    def run_with(self, other: Pipeline) -> None:
        """A run by two commands at the same time, of two pipelines or of the same one twice."""
        self._write()
        other._write()
        process = other.command.start("run", other.name, "--json")
        reports = [vars(run.run(self.settings, self.name, Silent()).runs[0])]
        reports += other._ended(process)["runs"]
        if other is self:  # they take turns: the earlier one is told of the earlier run
            reports.sort(key=lambda report: str(report["run"]))
        for one, report in zip((self, other), reports, strict=True):
            one._agree(report, one.model.run())
        for one in {self, other}:
            one.check()

    def run_beside_canvas(self) -> None:
        """Somebody clicks Run Once on the canvas, and a command runs the pipeline as well."""
        self._write()
        self._run_once()
        report = run.run(self.settings, self.name, Silent()).runs[0]
        # Which run of the two comes first is NiFi's to say: what it overwrites is not checked.
        assert (report.sent, report.lost, report.duplicates) == (len(self.model.database()), 0, 0)
        for _ in self._settled({2}):
            self.model.run()
        self.check()

    def replay(self, letters: Iterable[str], fault: Fault | None = None) -> None:
        """Dead letters are sent again as they are. If a fault hits it, it is done again."""
        chosen = self._of_one_id_one(letters)
        if fault is not None and chosen:
            options = [f"--letter={one}" for one in self._ids(chosen)]
            self._hit(fault, "dead-letters", "replay", *options)
            for _ in self._settled({0, 1}):
                self.model.replay(chosen)
            self.check()
            chosen = [one for one in chosen if one in self.model.letters]
        if chosen:
            filters = Filters(letters=tuple(self._ids(chosen)))
            report = dead_letters.replay(self.settings, self.name, Silent(), filters=filters)
            self._agree_on_replay(report, self.model.replay(chosen))
        self.check()

    def mend(self, letter: str, slot: str, *, sound: bool) -> None:
        """A dead letter is written to a file, changed there, and sent again."""
        self._clock += 1
        record = dict(self.model.letters[letter].record)
        value = 100 + self._clock if sound else f"no number {self._clock}"
        record |= {"value": value, "seq": record["seq"] or self._clock}
        record |= {"id": record["id"] or slot, "code": record["code"] or f"-{slot}"}
        file = self.settings.project / "mended.ndjson"
        (identifier,) = self._ids([letter])
        file.write_text(json.dumps({"letter": identifier, "record": record}) + "\n")
        report = dead_letters.replay(
            self.settings, self.name, Silent(), filters=Filters(), file=file
        )
        self._agree_on_replay(report, self.model.replay([letter], record))
        self.check()

    def drop(self, letter: str) -> None:
        """A dead letter is deleted for good."""
        filters = Filters(letters=tuple(self._ids([letter])))
        dropped = dead_letters.drop(self.settings, self.name, filters, lambda _: True)
        assert dropped.dropped == 1
        del self.model.letters[letter]
        self.check()

    def compact(self) -> None:
        """The ledger is compacted as if all runs were ten minutes old."""
        later = datetime.now(UTC) + timedelta(minutes=11)
        with session(self.settings, self.name) as opened, opened.scratch() as room:
            opened.reconcile(room)
            replace(retention(opened, room, 60.0), now=later).prune(always=True)
        self.check()

    def change_identity(self, *, keep: bool) -> None:
        """Another identity is refused while the index has documents, and nothing has changed; or
        both generations are kept."""
        model = self.model
        identity = "code" if model.identity == "id" else "id"
        refused = False
        try:
            self.deploy(identity=identity, keep=keep)
        except PipelineError:
            refused = True
        assert refused == (model.refuses(identity) and not keep)
        if refused:
            self.write(model.identity)
        else:
            model.identity = identity
        self.check()

    def run_deploys(self) -> None:
        """A run of what was edited and not deployed."""
        self.write(self.model.identity)
        self.run()

    def check(self) -> None:
        """Index, dead letters and ledger are what the model says, and so does ``verify``."""
        model, name = self.model, self.name
        self.ledger.refresh(name)
        _same("documents", dict(self.ledger.documents(name)), model.documents)
        _same(
            "letters",
            {_text(one): one for one in self._letters().values()},
            {_text(one.record): one.record for one in model.letters.values()},
        )
        runs = self.ledger.run_ids(name)
        assert len(runs) == model.runs, f"{name}: the ledger has {runs}, not {model.runs} runs"
        verdict = verify.verify(self.settings, name)
        assert verdict.equal, f"{name}: {verdict}"
        assert verdict.documents == verdict.expected == len(model.documents), f"{name}: {verdict}"

    def _write(self, *, pause: float = 0.0) -> None:
        """What the source reads; a reader sees all of it or nothing."""
        new = self._database.with_suffix(".new")
        new.write_text(json.dumps({"pause": pause, "rows": self.model.database()}))
        new.chmod(0o644)
        new.rename(self._database)

    def _run_once(self) -> None:
        client.connect(self.command.target().nifi)
        control.run_once(process_groups.find_id(self.name))

    def _letters(self) -> dict[str, Row]:
        """The dead letters' records by the letters' ids."""
        lines: list[str] = []
        dead_letters.export(self.settings, self.name, Filters(), lines.append)
        found = [json.loads(line) for line in lines]
        return {one["letter"]: one["record"] for one in found}

    def _ids(self, letters: Iterable[str]) -> list[str]:
        """The ids of the model's letters."""
        known = {_text(record): one for one, record in self._letters().items()}
        return [known[_text(self.model.letters[one].record)] for one in letters]

    def _of_one_id_one(self, letters: Iterable[str]) -> list[str]:
        """Of letters that may write the same document the first: their order is not promised."""
        chosen: dict[str, str] = {}
        for letter in letters:
            one = self.model.letters[letter]
            chosen.setdefault(letter if one.transformed else str(one.record["id"]), letter)
        return list(chosen.values())

    def _hit(self, fault: Fault, *arguments: str) -> None:
        """Let a fault hit a command, which may end without a report then."""
        client.connect(self.command.target().nifi)
        group = process_groups.find_id(self.name)
        wait_until(self._saved, "NiFi saves that the steps run")
        process = self.command.start(*arguments, self.name, "--json")

        def begun() -> bool:
            activity = monitoring.activity(group)
            return bool(activity.queued or activity.active) or process.poll() is not None

        wait_until(begun, "something is under way")
        time.sleep(fault.after)
        if fault.victim == "command":
            process.kill()
            process.communicate(timeout=30)
            return
        if fault.victim == "restart":
            self.runtime.ok("down")
        else:
            kill(self.runtime, *(SERVERS if fault.victim == "both" else (fault.victim,)))
        self.runtime.ok("up")
        self._ended(process, {0, 3, 5, 7})

    def _ended(self, process: subprocess.Popen[str], codes: Collection[int] = (0, 5, 7)) -> Report:
        """What a command reported; nothing where it says that a server was away for too long."""
        stdout, stderr = process.communicate(timeout=300)
        said = " ".join((stdout + stderr).split())
        self._note(f"the command ended with {process.returncode}: {said}")
        assert process.returncode in codes, f"exit {process.returncode}\n{stdout}{stderr}"
        # Rows with one id are none of a success, unless a version tells which one counts.
        twice = self.model.kind != "versioned" and not self.model.unique
        assert process.returncode in {3, 5} or not twice, f"{self.name}: two rows have one id"
        assert process.returncode != 5 or twice, stderr
        return json.loads(stdout) if process.returncode != 3 else {}

    def _saved(self) -> bool:
        """Whether a NiFi that is killed now comes back with this script and running steps."""
        steps = saved_steps(self.command, self.name)
        states = {one["scheduledState"] for name, one in steps.items() if name not in TRIGGERS}
        constants = f"TAG, PICKY = {self.model.tag}, {self.model.picky}\n"
        return states == {"RUNNING"} and any(
            constants in (one["properties"].get("Script Body") or "") for one in steps.values()
        )

    def _settled(self, expected: set[int]) -> list[str]:
        """Wait until nothing is under way; the runs that the ledger has now and that are new."""
        client.connect(self.command.target().nifi)
        group = process_groups.find_id(self.name)
        new: list[str] = []

        def settled() -> bool:
            activity = monitoring.activity(group)
            new[:] = self.ledger.run_ids(self.name)[self.model.runs :]
            return (
                not (activity.queued or activity.active)
                and len(new) in expected
                and all(RunProgress(self.ledger, one).accounted for one in new)
            )

        wait_until(settled, f"all runs of {self.name} end: {expected}", seconds=180)
        self._note(f"the ledger has {len(new)} more: {new}")
        return new

    def _published(self, run: str) -> bool:
        """Whether readers see a run's snapshot, by a command that was told so or died just then."""
        indices = self.ledger.client.indices
        if not indices.exists_alias(name=self.name):
            return False
        return any(str(index).endswith(run.lower()) for index in indices.get_alias(name=self.name))

    def _agree(self, report: Report, expected: Counts) -> None:
        """What a run's report counts is what the model counts."""
        found = {name: report[name] for name in (*expected, "duplicates", "lost")}
        assert found == {**expected, "duplicates": 0, "lost": 0}, f"{self.name}: {report}"

    def _agree_on_replay(self, report: dead_letters.ReplayReport, expected: Counts) -> None:
        found = (report.sent, report.went_in, report.stale, report.dead_letters, report.lost)
        went_in = expected["created"] + expected["overwritten"]
        wanted = (expected["sent"], went_in, expected["stale"], expected["dead_letters"], 0)
        assert found == wanted, f"{self.name}: {report}, not {expected}"
        assert report.left == len(self.model.letters), f"{self.name}: {report}"


def _same(what: str, found: Mapping[str, Row], wanted: Mapping[str, Row]) -> None:
    """Compare, and name only some of what differs: there are hundreds."""
    differ = [key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)]
    some = [f"{key}: {found.get(key)}, not {wanted.get(key)}" for key in sorted(differ)[:5]]
    if differ:
        raise AssertionError(f"{len(differ)} {what} differ: " + "; ".join(some))


def _text(record: Row) -> str:
    return json.dumps(record, sort_keys=True)

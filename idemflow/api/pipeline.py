"""A pipeline of a project: what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping

from idemflow.canvas.component_state import State
from idemflow.commands import cancel as cancel_command
from idemflow.commands import dead_letters, runs, snapshot, source, trace
from idemflow.commands import deploy as deploy_command
from idemflow.commands import remove as remove_command
from idemflow.commands import run as run_command
from idemflow.commands import start as start_command
from idemflow.commands import stop as stop_command
from idemflow.commands import verify as verify_command
from idemflow.commands._watch import Silent
from idemflow.commands.cancel import Cancelled
from idemflow.commands.dead_letters import Dropped, Listing, ReplayReport
from idemflow.commands.deploy import Deployment
from idemflow.commands.remove import Removal
from idemflow.commands.run import RunsReport
from idemflow.commands.snapshot import Rollback
from idemflow.commands.start import PipelineSchedule
from idemflow.commands.trace import Trace
from idemflow.config.settings import Settings
from idemflow.dead_letters.store import Filters
from idemflow.elasticsearch.history import PastRun
from idemflow.elasticsearch.verify import Verification


class Pipeline:
    """A pipeline of a project; :meth:`idemflow.Project.pipeline` gives it.

    Each method is the command of its name; what it raises beside what is said here, the command
    raises as well: see :mod:`idemflow.errors`.

    Attributes:
        name: its name.

    Args:
        settings: the project's resolved settings.
        name: its name.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self.name = name

    def __repr__(self) -> str:
        return f"<Pipeline {self.name}>"

    def deploy(
        self,
        *,
        dry_run: bool = False,
        force: bool = False,
        adopt: bool = False,
        keep_old_documents: bool = False,
    ) -> Deployment:
        """Put it on the canvas, or bring it up to date there.

        Args:
            dry_run: only tell what would change.
            force: discard what an operator changed on the canvas.
            adopt: take over what has its name, but not this project's mark of ownership.
            keep_old_documents: take another identity although there are documents of before.

        Raises:
            ChangedOnCanvas: without ``force``, what an operator did would be lost.
            PipelineError: its files are wrong.
        """
        return deploy_command.deploy(
            self._settings,
            self.name,
            Silent().step,
            dry_run=dry_run,
            force=force,
            adopt=adopt,
            keep_old_documents=keep_old_documents,
        )

    def run(
        self,
        arguments: Mapping[str, object] | None = None,
        *,
        times: int = 1,
        max_dead_letters: int | None = 0,
        allow_empty: bool = False,
        allow_refused: str | None = None,
        as_deployed: bool = False,
    ) -> RunsReport:
        """Run it, and wait until each record is in the index or a dead letter.

        It is deployed first where the canvas is not as its files say.

        Args:
            arguments: values of the pipeline's arguments, for these runs only.
            times: how many runs, one after the other.
            max_dead_letters: so many records may become dead letters; ``None`` for any number.
            allow_empty: the source may have no record.
            allow_refused: so many records of a snapshot, or a share of them as ``1%``, may be
                refused.
            as_deployed: run what is on the canvas, whatever the files say.

        Raises:
            NotIdempotent: something is there twice, or lost; or records have one id and must not.
            RecordsRefused: too many records became dead letters.
            NothingRead: the source had no record.
        """
        report = run_command.run(
            self._settings,
            self.name,
            Silent(),
            times=times,
            values=[f"{name}={value}" for name, value in (arguments or {}).items()],
            allow_empty=allow_empty,
            allow_refused=allow_refused,
            as_deployed=as_deployed,
        )
        letters = sum(run.dead_letters for run in report.runs)
        run_command.judge(
            report,
            max_dead_letters=letters if max_dead_letters is None else max_dead_letters,
            allow_empty=allow_empty,
        )
        return report

    def verify(self) -> Verification:
        """Compare what its runs sent with what is in its index.

        Raises:
            NotIdempotent: they differ, or of two records with one id just one is there.
            NothingRead: it never ran.
        """
        found = verify_command.verify(self._settings, self.name)
        verify_command.judge(found)
        return found

    def start(
        self, *, every: str | None = None, cron: str | None = None, timezone: str | None = None
    ) -> PipelineSchedule:
        """Let it run by itself: on this schedule, or else on the one that it has.

        Args:
            every: a period, such as ``5 min``.
            cron: five fields of a crontab.
            timezone: the zone of ``cron``'s times.
        """
        return start_command.start(
            self._settings, self.name, every=every, cron=cron, timezone=timezone
        )

    def stop(self) -> PipelineSchedule:
        """Stop its schedule; what is on its way still arrives."""
        return stop_command.stop(self._settings, self.name)

    def cancel(self) -> Cancelled:
        """Drop what is on its way. Nobody is asked."""
        return cancel_command.cancel(self._settings, self.name, lambda _pipeline, _activity: True)

    def remove(self, *, data: bool = False, dead_letters: bool = False) -> Removal:
        """Take it off the canvas. Nobody is asked.

        Args:
            data: delete its indices and what the ledger has of it, too.
            dead_letters: delete its dead letters, too.
        """
        return remove_command.remove(
            self._settings,
            self.name,
            Silent(),
            lambda _: None,
            data=data,
            dead_letters=dead_letters,
        )

    def runs(self, limit: int = 20) -> list[PastRun]:
        """Its last runs, the newest first."""
        return runs.runs(self._settings, self.name, limit)

    def trace(self, identifier: str) -> Trace:
        """The life of one of its documents.

        Raises:
            UsageError: no run sent it.
        """
        return trace.trace(self._settings, self.name, identifier)

    def dead_letters(self, filters: Filters | None = None, limit: int = 50) -> Listing:
        """Its dead letters, the newest first.

        Args:
            filters: which of them.
            limit: how many at most; the totals count all.
        """
        return dead_letters.list_letters(self._settings, self.name, filters or Filters(), limit)

    def replay(self, filters: Filters | None = None) -> ReplayReport:
        """Send dead letters again, and wait until each has come to its end.

        Args:
            filters: which of them.

        Raises:
            RecordsRefused: some are dead letters again.
        """
        report = dead_letters.replay(
            self._settings, self.name, Silent(), filters=filters or Filters()
        )
        dead_letters.judge(report)
        return report

    def drop(self, filters: Filters | None = None) -> Dropped:
        """Delete dead letters for good. Nobody is asked.

        Args:
            filters: which of them.
        """
        return dead_letters.drop(self._settings, self.name, filters or Filters(), lambda _: True)

    def source(self) -> list[State]:
        """What its source has read so far."""
        return source.show(self._settings, self.name)

    def reset_source(self) -> list[State]:
        """Let its source read all again with the next run."""
        return source.reset(self._settings, self.name)

    def rollback(self) -> Rollback:
        """Show readers of a snapshot the run before again."""
        return snapshot.rollback(self._settings, self.name)

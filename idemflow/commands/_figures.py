"""What the ledger and the index tell of pipelines, for those who watch over them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.dead_letters.counts import open_letters
from idemflow.elasticsearch.freshness import Unsorted, newest_version
from idemflow.elasticsearch.history import PastRun, newest_runs, run_time
from idemflow.elasticsearch.indices import Indices
from idemflow.elasticsearch.ledger import Ledger
from idemflow.elasticsearch.ownership import Owner, names_of
from idemflow.errors import IdemflowError, LoginRefused, Unreachable
from idemflow.pipeline.spec import Pipeline

# Runs of a pipeline that are looked at: the last, and how many records those before it had.
RECENT = 20
# Seconds that a single question to Elasticsearch may take.
ANSWERS_WITHIN = 5.0

Measured = Literal["version", "run", "snapshot"]


@dataclass(frozen=True)
class Figures:
    """What is known of a pipeline.

    Attributes:
        pipeline: the pipeline's name.
        runs: the newest runs of its source, newest first.
        dead_letters: its open dead letters.
        newest: how new what its index has is; ``None`` where nothing has come yet.
        measured: what ``newest`` is the time of: the newest ``version`` in the index, the newest
            ``run`` that has ended, or the run whose ``snapshot`` readers see.
        problem: why it could not be measured.
        known: whether this project has deployed it.
    """

    pipeline: str
    runs: tuple[PastRun, ...] = ()
    dead_letters: int = 0
    newest: datetime | None = None
    measured: Measured = "run"
    problem: IdemflowError | None = None
    known: bool = True

    @property
    def last(self) -> PastRun | None:
        """The last run that has ended."""
        return next((run for run in self.runs if run.ended), None)

    def age(self, now: datetime) -> int | None:
        """How many whole seconds ago ``newest`` is; ``None`` where there is none."""
        return None if self.newest is None else max(0, int((now - self.newest).total_seconds()))


def figures(
    settings: Settings,
    ledger: Ledger,
    pipelines: Mapping[str, Pipeline | None],
    *,
    within: float,
    recent: int = RECENT,
) -> dict[str, Figures]:
    """Ask Elasticsearch for the figures of pipelines.

    Args:
        settings: the resolved settings.
        ledger: the ledger.
        pipelines: their names; ``None`` for one whose YAML cannot be used.
        within: seconds that it may take; a question that is under way is waited for.
        recent: how many runs of each are looked at.

    Returns:
        Those of each name. Of a pipeline that this project never deployed there is nothing, even
        if another project has one of that name.

    Raises:
        Unreachable: Elasticsearch does not answer, or not in time.
        LoginRefused: it refused the login.
        IdemflowError: a newer idemflow has written the ledger.
    """
    until = time.monotonic() + within
    ledger.check_format()
    project = project_id(settings)
    known = set(names_of(ledger, project))
    own = [name for name in pipelines if name in known]
    found = {name: Figures(name, known=name in known) for name in pipelines}
    if not own:
        return found
    letters = open_letters(ledger, own)
    for name, runs in newest_runs(ledger, own, recent).items():
        if time.monotonic() > until:
            raise Unreachable(
                f"Elasticsearch has not answered all that was asked within {within:.0f} s",
                next_command="idemflow status",
            )
        pipeline = pipelines[name]
        found[name] = one = Figures(name, tuple(runs), letters.get(name, 0))
        newest = next((run.time for run in runs if run.ended), None)
        if pipeline is None:
            found[name] = replace(one, newest=newest)
            continue
        try:
            indices = Indices(ledger, pipeline, Owner(project, name))
            newest, measured = _newest(indices, newest)
            found[name] = replace(one, newest=newest, measured=measured)
        except (Unreachable, LoginRefused):
            raise
        except IdemflowError as error:  # its index is closed, its alias points at another's
            found[name] = replace(one, problem=error)
    return found


def _newest(indices: Indices, by_run: datetime | None) -> tuple[datetime | None, Measured]:
    """How new what the index has is, and what that is the time of."""
    pipeline, now = indices.pipeline, datetime.now(UTC)
    wanted = pipeline.expect.freshness_of if pipeline.expect else None
    if pipeline.version is not None and pipeline.dated and wanted != "run":
        with suppress(Unsorted):
            targets, field = indices.targets(), pipeline.version.field
            return newest_version(indices.ledger, targets, field, now), "version"
    if pipeline.snapshot:
        index = indices.published() or ""
        return run_time(index.removeprefix(f"{pipeline.index.name}-")), "snapshot"
    return by_run, "run"

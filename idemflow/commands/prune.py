"""``idemflow prune``: fold the manifests of runs, and delete what the YAML keeps no longer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from idemflow import servers
from idemflow.canvas import client
from idemflow.canvas import ownership as canvas
from idemflow.commands._each import Each, each
from idemflow.commands._pruning import Pruned, is_due, prune_in_turn
from idemflow.commands._session import session
from idemflow.commands._turn import turn, turn_if_free
from idemflow.commands._watch import RunDisplay
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.elasticsearch.last_prune import last_prunes
from idemflow.elasticsearch.ledger import opened
from idemflow.errors import (
    IdemflowError,
    LoginRefused,
    PipelineError,
    RuntimeNotUp,
    Unreachable,
    UsageError,
)
from idemflow.pipeline import spec

__all__ = ["DuePruned", "Left", "Pruned", "prune", "prune_due"]

# How long until nothing is on its way in the flow, in seconds.
_BUSY = 60.0


def prune(
    settings: Settings, name: str | None, progress: RunDisplay, *, dry_run: bool = False
) -> Each[Pruned]:
    """Compact the ledger of a pipeline, or of all of the project, and delete what its YAML keeps
    no longer.

    Args:
        settings: the resolved settings.
        name: the pipeline's name; ``None`` for all.
        progress: told how it goes on.
        dry_run: only say what that would be.

    Raises:
        IdemflowError: see :func:`idemflow.commands._session.session`.
    """

    def one(name: str) -> Pruned:
        with session(settings, name) as opened, turn(settings, name):
            progress.step(f"compact the ledger of {name}")
            return prune_in_turn(opened, progress.step, _BUSY, dry_run=dry_run)

    if name is not None:
        return Each([one(name)])
    return each(spec.names(settings.project), one)


@dataclass(frozen=True)
class Left:
    """A pipeline that was to be pruned, and was not.

    Attributes:
        pipeline: its name.
        reason: why.
        next_command: what to run or change next, if there is something.
    """

    pipeline: str
    reason: str
    next_command: str | None


@dataclass
class DuePruned:
    """What came of the pipelines that were due.

    Attributes:
        found: what was done.
        wrong: why others were left as they are, by their names.
    """

    found: list[Pruned] = field(default_factory=list)
    wrong: dict[str, IdemflowError] = field(default_factory=dict)

    @property
    def left(self) -> list[Left]:
        """Those that were left as they are."""
        return [Left(name, one.message, _next(name, one)) for name, one in self.wrong.items()]

    def check(self) -> None:
        """Raises an IdemflowError where a pipeline was left."""
        errors, left = [*self.wrong.values()], self.left
        files = [error for error in errors if isinstance(error, PipelineError)]
        if len(errors) == 1:
            raise errors[0]
        if len(files) == len(errors):
            Each[Pruned](wrong=files).check()
            return
        reasons = [f"{one.pipeline}: {one.reason}" for one in left]
        raise IdemflowError(
            "\n".join([f"{len(left)} pipelines were not pruned:", *reasons]),
            next_command="; ".join(one.next_command for one in left if one.next_command) or None,
        )


def prune_due(
    settings: Settings, name: str | None, progress: RunDisplay, *, dry_run: bool = False
) -> DuePruned:
    """Prune those pipelines whose YAML says how often, and that were not for so long.

    One that another command runs just now is not waited for: it may be due at that one's end, and
    else the next time. Whatever is wrong with a pipeline hinders no other.

    Args:
        settings: the resolved settings.
        name: the pipeline's name; ``None`` for all.
        progress: told how it goes on.
        dry_run: only say what that would be.

    Raises:
        RuntimeNotUp: no target is up.
        Unreachable: Elasticsearch does not answer.
        LoginRefused: it refused the login.
    """
    result, now = DuePruned(), datetime.now(UTC)
    target, known = servers.connect(settings), spec.names(settings.project)
    with opened(target.elasticsearch) as ledger:
        lasts = last_prunes(ledger, project_id(settings))
    gone = [one for one in lasts if lasts[one] and one not in known]
    for one in [name] if name else sorted([*known, *gone]):
        try:
            if one in gone and not name:
                client.connect(target.nifi, project_id(settings))
                _check_removed(one)
                continue
            rules = spec.load(settings.project, one).prune
            if one in lasts and rules is not None and rules.is_due(lasts[one], now):
                _prune_if_due(settings, one, progress, result.found, dry_run=dry_run)
        except (Unreachable, LoginRefused, RuntimeNotUp) as error:
            # The next one would wait as long. They are still due when the server is back.
            result.wrong[one] = error
            break
        except IdemflowError as error:
            result.wrong[one] = error
    return result


def _prune_if_due(
    settings: Settings, name: str, progress: RunDisplay, found: list[Pruned], *, dry_run: bool
) -> None:
    with turn_if_free(settings, name) as free:
        if not free:
            return
        with session(settings, name) as opened:
            # Whoever had the turn before may have done it.
            if is_due(opened):
                progress.step(f"prune {name}")
                found.append(prune_in_turn(opened, progress.step, _BUSY, dry_run=dry_run))


def _next(name: str, error: IdemflowError) -> str | None:
    check = f"idemflow check {name}" if isinstance(error, PipelineError) else None
    return error.next_command or check


def _check_removed(name: str) -> None:
    """Check that a pipeline that was pruned, and has no file any more, is on no canvas either.

    Raises:
        UsageError: it is.
    """
    if canvas.find(name).mark is not None:
        raise UsageError(
            f"flows/{name}.yaml is gone, which said how often {name} is pruned and what is kept",
            next_command=f"put the file back, or: idemflow remove {name}",
        )

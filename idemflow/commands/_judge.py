"""What a run's outcome means: what is said of ids that are there twice, and of a snapshot."""

from __future__ import annotations

from idemflow.dead_letters import store as dead_letters
from idemflow.dead_letters.kinds import Kinds
from idemflow.dead_letters.store import Filters
from idemflow.elasticsearch.examples import in_words
from idemflow.elasticsearch.ledger import Ledger
from idemflow.elasticsearch.run_progress import Outcome
from idemflow.errors import NotIdempotent, RecordsRefused, UsageError
from idemflow.pipeline.model import Pipeline, check_refusals, refusals

# Kinds of reasons that a message names.
_REASONS = 3


def limit(pipeline: Pipeline, given: str | None) -> str:
    """How many records of a snapshot may be refused: what a command line says, or else the YAML.

    Raises:
        UsageError: it is no number nor share, or the pipeline makes no snapshots.
    """
    if given is None:
        return pipeline.max_refused
    if not pipeline.snapshot:
        raise UsageError(f"--allow-refused: the pipeline {pipeline.name!r} is no snapshot")
    try:
        return check_refusals(given)
    except ValueError as error:
        raise UsageError(f"--allow-refused {given}: {error}") from None


def held_back(ledger: Ledger, pipeline: Pipeline, run: str, outcome: Outcome, allowed: str) -> str:
    """Why readers of a snapshot are not to see it; empty where they are.

    Args:
        ledger: what the dead letters are in.
        pipeline: the pipeline.
        run: the run's id.
        outcome: what became of its records.
        allowed: how many may be refused: see :func:`limit`.
    """
    if outcome.lost or outcome.duplicates:
        return f"{outcome.lost:,} records are lost, {outcome.duplicates:,} documents too many"
    if outcome.repeated and pipeline.unique == "fail":
        return in_words(outcome.repeated, outcome.collisions)
    if outcome.dead_letters <= refusals(allowed, outcome.sent):
        return ""
    letters = dead_letters.find(ledger, pipeline.name, Filters(run=run))
    kinds = [kind for kind, _ in Kinds(letter.reason for letter in letters).most_common()]
    shown = [*kinds[:_REASONS], *["..."] * (len(kinds) > _REASONS)]
    return (
        f"{outcome.dead_letters:,} of {outcome.sent:,} records were refused, and {allowed} are "
        f"allowed ({'; '.join(shown)})"
    )


def not_unique(pipeline: str, outcome: Outcome, kept: str) -> NotIdempotent:
    """What is wrong with a run in which records have one id although they must not.

    Args:
        pipeline: the pipeline's name.
        outcome: what became of the run's records.
        kept: what else there is to say.
    """
    return NotIdempotent(
        f"{pipeline}: {in_words(outcome.repeated, outcome.collisions)}: of each id, one "
        f"counts{kept}",
        next_command=f"choose an identity in flows/{pipeline}.yaml that tells them apart; or, "
        "where they are meant, say so there: `identity: {fields: ..., unique: allow}`",
    )


def refused(pipeline: str, outcome: Outcome, why: str, kept: str) -> RecordsRefused:
    """What is wrong with a run whose snapshot lacks too much.

    Args:
        pipeline: the pipeline's name.
        outcome: what became of the run's records.
        why: see :func:`held_back`.
        kept: what else there is to say.
    """
    return RecordsRefused(
        f"{pipeline}: {why}{kept}",
        next_command=f"idemflow dead-letters list {pipeline}, fix the source and run it again; or "
        f"publish without them: idemflow run {pipeline} --allow-refused {outcome.dead_letters}",
    )

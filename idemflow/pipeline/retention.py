"""What of a pipeline's past is deleted by ``idemflow prune``: ``prune:`` of the YAML."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from idemflow.sources.fields import Period, Strict, seconds

Number = Annotated[int, Field(ge=1, le=1_000_000)]


class Keep(Strict):
    """How much of something is kept: what is older, or beyond the number, goes.

    Attributes:
        age: how old it may be.
        number: how many there may be, the newest.
    """

    age: Period | None = None
    number: Number | None = None

    @property
    def for_time(self) -> timedelta | None:
        """How old it may be."""
        return None if self.age is None else timedelta(seconds=seconds(self.age))

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.age is None and self.number is None:
            raise ValueError("age or number: one of them at least")
        return self


class PruneRules(Strict):
    """What ``idemflow prune`` deletes; what is not given is kept.

    Attributes:
        runs: how many runs are remembered, the newest; how long is said by ``ledger.keep``.
        dead_letters: which dead letters are kept.
        indices: which indices of snapshots, runs or days are kept.
    """

    runs: Number | None = None
    dead_letters: Keep | None = None
    indices: Keep | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.runs is None and self.dead_letters is None and self.indices is None:
            raise ValueError("runs, dead_letters or indices: one of them at least")
        return self

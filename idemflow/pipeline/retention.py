"""What of a pipeline's past is deleted by ``idemflow prune``: ``prune:`` of the YAML."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from idemflow.sources.fields import Period, Strict, seconds

# A daily job does not come to the second: one that is a little early is not put off for a day.
_NEARLY = 0.95


def _an_hour(value: str) -> str:
    if seconds(value) < 3600:
        raise ValueError('at least "1 hour"')
    return value


Number = Annotated[int, Field(ge=1, le=1_000_000)]
LongPeriod = Annotated[Period, AfterValidator(_an_hour)]
"""An hour or longer: a run may take as long."""


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
    """What ``idemflow prune`` deletes, and how often; what is not given is kept.

    Attributes:
        every: how often it is done without being asked for: by ``idemflow supervise``, or at the
            end of ``run`` and ``verify``; by default never.
        runs: how many runs are remembered, the newest; how long is said by ``ledger.keep``.
        dead_letters: which dead letters are kept.
        indices: which indices of snapshots, runs or days are kept.
    """

    every: LongPeriod | None = None
    runs: Number | None = None
    dead_letters: Keep | None = None
    indices: Keep | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not any((self.every, self.runs, self.dead_letters, self.indices)):
            raise ValueError("every, runs, dead_letters or indices: one of them at least")
        return self

    def is_due(self, last: datetime | None, now: datetime) -> bool:
        """Whether it is to be done again by now.

        Args:
            last: when it was done last, with a time zone; ``None`` where it never was. Far in the
                future, as after a clock that was wrong, it tells nothing.
            now: the present, with a time zone.
        """
        if self.every is None:
            return False
        return last is None or abs((now - last).total_seconds()) >= _NEARLY * seconds(self.every)

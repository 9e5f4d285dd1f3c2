"""What monitoring expects of a pipeline: ``expect:`` of the YAML."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from idemflow.sources.fields import Period, Strict

# So much is a number that no pipeline reaches, rather than one that Elasticsearch cannot count.
_MOST = 10**15

Number = Annotated[int, Field(ge=0, le=_MOST)]


class Expect(Strict):
    """The thresholds of ``idemflow status --check``; what is not given is not looked at.

    Attributes:
        freshness: how old what the index has may be.
        freshness_of: what that is the age of: the newest ``version`` in the index, or the newest
            ``run`` that has ended; ``None`` for the version where there is one that is a time.
        dead_letters: how many open dead letters there may be.
        min_records: how many records the last run that has ended must have, at least.
    """

    freshness: Period | None = None
    freshness_of: Literal["version", "run"] | None = None
    dead_letters: Number | None = None
    min_records: Number | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.freshness_of is not None and self.freshness is None:
            raise ValueError("`freshness_of` belongs to freshness")
        if self.freshness is None and self.dead_letters is None and self.min_records is None:
            raise ValueError("freshness, dead_letters or min_records: one of them at least")
        return self

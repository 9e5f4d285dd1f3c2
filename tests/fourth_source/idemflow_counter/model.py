"""The YAML of the source ``counter``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from idemflow.drawing.boxes import Json
from idemflow.drawing.collect import Collect
from idemflow.sources.fields import Scalar, Strict
from idemflow.sources.source import Source
from idemflow_counter.draw import COUNT, draw


class Counter(Strict):
    """Whole numbers; each run goes on where the one before ended.

    Attributes:
        records: how many numbers a run gives.
    """

    records: Annotated[int, Field(ge=1)]


class CounterSource(Source):
    """Records that count."""

    steps = (COUNT,)

    counter: Counter

    @property
    def summary(self) -> str:
        return "Counts."

    @property
    def run_arguments(self) -> Mapping[str, Scalar]:
        return {"records": self.counter.records}

    @property
    def incremental(self) -> str:
        return "collect.counter"

    def draw(self, collect: Collect, script: str | None) -> tuple[Json, Json]:  # noqa: ARG002
        return draw(collect)

"""How often a method is tried that does not come to pass."""

from __future__ import annotations

from random import Random
from typing import Any, cast

import pytest

from idemflow.prove import experiment
from idemflow.prove.experiment import AGAIN
from idemflow.prove.journal import MethodResult
from idemflow.prove.lab import Lab
from idemflow.prove.methods import Method
from idemflow.prove.servers import NoMoment, NotForThis, NotHappened
from tests.unit.prove.journals import journal


class Nothing:
    """A lab in which nothing is done."""

    fault = None
    events: tuple[Any, ...] = ()
    samples: tuple[Any, ...] = ()

    def fresh(self, chance: Random) -> None: ...
    def mend(self) -> None: ...
    def step(self, text: str) -> None: ...


@pytest.mark.parametrize(
    ("error", "tries", "possible"),
    [
        (NotHappened("not yet"), AGAIN + 1, True),
        (NoMoment("too short"), AGAIN + 1, False),
        (NotForThis("no version"), 1, False),
    ],
)
def test_what_means_nothing_for_a_pipeline_is_tried_once(
    error: NotHappened, tries: int, possible: bool
) -> None:
    def act(_: Lab) -> None:
        raise error

    nothing = cast("Any", Nothing())
    proof = experiment._Proof(nothing, nothing, journal(), nothing, 7, 1, lambda _: None)
    result = MethodResult("a", "a")
    proof._method(Method("a", "a", act), result, nothing)
    assert (len(result.tries), result.possible, result.verdict) == (tries, possible, "inconclusive")
    assert {one.why for one in result.tries} == {str(error)}

"""Methods without servers: what a mix is made of, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, cast

import pytest

from idemflow.prove.lab import Lab
from idemflow.prove.methods import METHODS, Method, mix
from idemflow.prove.servers import NotHappened


class Notes:
    """What a mix does with a lab."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.mended = self.settled = 0

    def note(self, what: str, kind: str = "done") -> None:  # noqa: ARG002 (as the lab's)
        self.notes.append(what)

    def mend(self) -> None:
        self.mended += 1

    def settle(self) -> None:
        self.settled += 1


def missing(_: Lab) -> None:
    raise NotHappened("its moment did not come")


def method(name: str, act: Callable[[Lab], None]) -> Method:
    return Method(name, name, act)


def act(made: Method) -> Notes:
    notes = Notes()
    made.act(cast("Any", notes))
    return notes


def test_the_same_seed_makes_the_same_mixes() -> None:
    def mixes(seed: int) -> list[str]:
        chance = Random(seed)
        return [mix(number, METHODS, Random(chance.random())).what for number in range(20)]

    assert mixes(7) == mixes(7) != mixes(8)
    assert all(2 <= len(what.split(", then ")) <= 3 for what in mixes(7))


def test_what_did_not_happen_is_noted_and_mended_and_the_rest_goes_on() -> None:
    done: list[str] = []
    among = [method("a", missing), method("b", lambda _: done.append("b"))]
    # A choice that has both.
    made = next(
        one
        for seed in range(99)
        if {"a", "b"} == set((one := mix(3, among, Random(seed))).what.split(", then "))
    )
    notes = act(made)
    assert made.name == "mix-3"
    assert done == ["b"] * made.what.split(", then ").count("b")
    assert notes.mended == made.what.split(", then ").count("a") > 0
    assert "a did not come to pass: its moment did not come" in notes.notes


def test_a_mix_of_which_nothing_happened_says_nothing() -> None:
    with pytest.raises(NotHappened, match="moment"):
        act(mix(1, [method("a", missing)], Random(1)))

"""Numbers of things in a sentence."""

import pytest

from idemflow.steps.rules.words import counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 documents"), (1, "1 document"), (1200, "1,200 documents")]
)
def test_a_number_of_things(number: int, text: str) -> None:
    assert counted(number, "document") == text


def test_what_depends_on_the_number() -> None:
    assert counted(1, "is left", "are left") == "1 is left"
    assert counted(2, "is left", "are left") == "2 are left"

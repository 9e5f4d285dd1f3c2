"""Numbers of JSON of which a double loses digits: what was sent and what is there must have all.

Standard library only: it runs inside NiFi too. JSON's reader makes doubles of numbers with a point
or an exponent. Of most the double says exactly what the text said; the others are :class:`Exact`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import ClassVar

# A shorter text has 15 digits at most, of which a double loses none (unless it is below 1e-307).
SHORT = 17


class Exact(float):
    """A double that is not quite the number that was written.

    Attributes:
        text: the number.
        seen: whether there has been one in this process. Nearly always there is none, and no record
            has to be searched for them, which takes as long as to read it.
    """

    __slots__ = ("text",)

    seen: ClassVar[bool] = False
    text: str


def number(text: str) -> float:
    """A number with a point or an exponent, for ``json``'s ``parse_float``."""
    value = float(text)
    # Most are written as Python writes them.
    if len(text) < SHORT or repr(value) == text or _equal(value, text):
        return value
    Exact.seen = True
    exact = Exact(value)
    exact.text = text
    return exact


def lost_digits(record: object) -> Iterator[str]:
    """The numbers in a record that are :class:`Exact`, in the order of canonical JSON, each in one
    form whatever way it is written."""
    ahead = [record] if Exact.seen else []
    while ahead:
        value = ahead.pop()
        if isinstance(value, dict):
            ahead += [value[name] for name in sorted(value, reverse=True)]
        elif isinstance(value, list):
            ahead += reversed(value)
        elif isinstance(value, Exact):
            yield _form(value.text)


def _equal(value: float, text: str) -> bool:
    try:
        return Decimal(repr(value)) == Decimal(text)
    except ArithmeticError:  # an exponent that no Decimal has
        return False


def _form(text: str) -> str:
    try:
        sign, digits, exponent = Decimal(text).as_tuple()
    except ArithmeticError:
        return text
    written = "".join(map(str, digits))
    shorter = written.rstrip("0")
    return f"{'-' * sign}{shorter}e{int(exponent) + len(written) - len(shorter)}"

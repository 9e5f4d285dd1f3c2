"""Positions of records in their source, as the run-length text of a FlowFile's attribute.

``1-1000``, ``2-17,19-1000`` or ``5,5,6`` (a record that became two): the positions in the order of
the FlowFile's records. Runs inside NiFi: standard library only.

What is read comes from an attribute, which anything on a canvas can write: it is not trusted.
"""

import re
from collections.abc import Iterable, Sequence

_RUN = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?", re.ASCII)


def encode(positions: Iterable[int]) -> str:
    """The text of positions, in their order.

    Args:
        positions: whole numbers, 0 or more.
    """
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][1] + 1:
            runs[-1][1] = position
        else:
            runs.append([position, position])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def decode(text: str | None, count: int) -> Sequence[int] | None:
    """The positions of a FlowFile's records.

    Args:
        text: what :func:`encode` made.
        count: how many records the FlowFile has.

    Returns:
        As many positions; ``None`` where the text is not such a text for so many records.
    """
    runs = _runs(text)
    if sum(map(len, runs)) != count:
        return None
    return runs[0] if len(runs) == 1 else [position for run in runs for position in run]


def nth(text: str | None, number: int) -> int | None:
    """The position of one record.

    Args:
        text: what :func:`encode` made.
        number: the record's number in the FlowFile, from 0.

    Returns:
        Its position; ``None`` where the text does not say.
    """
    if number < 0:
        return None
    for run in _runs(text):
        if number < len(run):
            return run[number]
        number -= len(run)
    return None


def whole_number(text: str | None) -> int | None:
    """The number of an attribute; ``None`` where it is not a whole number of at most 19 digits."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 19 else None


def _runs(text: str | None) -> list[range]:
    """The runs of a text; none where it is not well-formed."""
    runs = []
    for part in text.split(",") if text else []:
        match = _RUN.fullmatch(part)
        if match is None:
            return []
        first = int(match[1])
        run = range(first, int(match[2] or first) + 1)
        if not run:
            return []
        runs.append(run)
    return runs

"""Small pictures of numbers."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(numbers: Sequence[int]) -> str:
    """Numbers, none below 0, as bars side by side; the lowest bar is for 0 alone."""
    most, steps = max(numbers, default=0), len(_BARS) - 1
    return "".join(
        _BARS[max(1, round(number / most * steps)) if number else 0] for number in numbers
    )

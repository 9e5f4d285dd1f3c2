"""What a newer idemflow wrote, in a form that this one would misread."""

from __future__ import annotations

from collections.abc import Mapping

from idemflow import __version__
from idemflow.config.pip import pip
from idemflow.errors import IdemflowError

OR_ANOTHER_HOME = ", or another folder for the runtime (IDEMFLOW_HOME)"


def upgrade() -> str:
    """What to do where a newer idemflow was at work."""
    return f"use the newer idemflow ({pip('install --upgrade idemflow')})"


def refuse_newer(what: str, mark: Mapping[str, object], known: int, *, otherwise: str = "") -> None:
    """Refuse what was written in a form above those that are known.

    Args:
        what: what was written, in words.
        mark: ``format``, the number of its form, and ``idemflow``, who wrote it; untrusted.
        known: the highest number that this idemflow knows.
        otherwise: what helps as well as :func:`upgrade`.

    Raises:
        IdemflowError: the number is higher.
    """
    number = mark.get("format", 0)
    if not isinstance(number, int) or number <= known:
        return
    written_by = str(mark.get("idemflow", "a newer one"))[:40]
    raise IdemflowError(
        f"{what} was written by idemflow {written_by} (format {number}); this one, "
        f"{__version__}, knows formats up to {known}, and changes nothing",
        next_command=upgrade() + otherwise,
    )

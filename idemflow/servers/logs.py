"""Tails of log files."""

from __future__ import annotations

import os
from pathlib import Path

TAIL_BYTES = 16_384


def tail(file: Path, lines: int = 20) -> str:
    """The last lines of a file; empty where there is none."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])

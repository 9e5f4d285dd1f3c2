"""Scripts for Jython 2 as they stand in canvases of NiFi 1: the unit tests convert them, and those
that are converted whole are run on the engine.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
# What is left to a person in left.py2 is in the unit tests.
COMPLETE = sorted(one.stem for one in FOLDER.glob("*.py2") if one.stem != "left")


def script(name: str) -> Path:
    """The file of a script."""
    return FOLDER / f"{name}.py2"

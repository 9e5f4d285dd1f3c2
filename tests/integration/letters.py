"""What the tests of dead letters share: what the commands show of them, and files of fixed ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.tools import Idemflow


def listed(command: Idemflow, name: str, *filters: str) -> list[dict[str, Any]]:
    """What ``list`` shows."""
    found: list[dict[str, Any]] = command.json("dead-letters", "list", name, *filters)["letters"]
    return found


def exported(command: Idemflow, name: str, file: Path) -> list[dict[str, Any]]:
    """What ``export`` writes."""
    command.ok("dead-letters", "export", name, "-o", str(file))
    assert file.stat().st_mode & 0o077 == 0, "records are nobody else's to read"
    return [json.loads(line) for line in file.read_text().splitlines()]


def write(file: Path, lines: list[dict[str, Any]]) -> None:
    """A file of fixed letters."""
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))

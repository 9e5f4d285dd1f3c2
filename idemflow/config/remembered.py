"""What a runtime was given once and later commands need no option for: ports, folders of NARs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idemflow.config.paths import Home

NARS = "nars"


def read(home: Home) -> dict[str, Any]:
    """The settings by name; those of an older idemflow are ports. None where a file is damaged."""
    for file in (home.remembered, home.remembered_ports):
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            return {name: value for name, value in found.items() if _fits(name, value)}
    return {}


def write(home: Home, ports: Mapping[str, int], nars: tuple[Path, ...]) -> None:
    """Keep them; no folders of NARs are none from now on."""
    given = {**ports, **({NARS: [str(folder) for folder in nars]} if nars else {})}
    text, file = json.dumps(given), home.remembered
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
    home.remembered_ports.unlink(missing_ok=True)


def _fits(name: str, value: Any) -> bool:
    if name == NARS:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, int)

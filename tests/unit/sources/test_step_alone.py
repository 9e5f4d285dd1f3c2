"""What runs inside NiFi of a source needs the standard library and idemflow's steps alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import idemflow

ROOT = Path(idemflow.__file__).parent
# In a Python that has the package and no site-packages.
IMPORT = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
importlib.import_module(sys.argv[2])
print(*(name for name in sys.modules if name.startswith("idemflow.")))
"""


@pytest.mark.parametrize("kind", ["files", "script", "sql"])
def test_a_sources_step(kind: str, tmp_path: Path) -> None:
    (tmp_path / "idemflow").symlink_to(ROOT)
    folder = f"idemflow.sources.{kind}"
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT, str(tmp_path), f"{folder}.step"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    names = set(found.stdout.split())
    assert f"{folder}.step" in names
    inside = ("idemflow.steps", folder)
    assert {name for name in names if not name.startswith(inside)} == {"idemflow.sources"}
    assert not {f"{folder}.model", f"{folder}.draw"} & names

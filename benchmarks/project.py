"""A project's folder with a copy of a shipped pipeline, made for a benchmark."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]


@contextmanager
def project(flow: Path, name: str) -> Iterator[tuple[Path, Any]]:
    """A folder for :func:`save`, gone afterwards, and the pipeline under another name.

    Args:
        flow: the YAML of the shipped pipeline.
        name: the pipeline's name there, and its index'.
    """
    folder = Path(tempfile.mkdtemp(prefix="idemflow benchmark "))
    pipeline = YAML().load(flow.read_text(encoding="utf-8"))
    pipeline["pipeline"] = pipeline["index"]["name"] = name
    try:
        (folder / "flows").mkdir()
        shutil.copytree(ROOT / "scripts", folder / "scripts")
        yield folder, pipeline
    finally:
        shutil.rmtree(folder)


def save(folder: Path, pipeline: Any) -> None:
    """Write the pipeline into the folder."""
    with (folder / "flows" / f"{pipeline['pipeline']}.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(pipeline, file)

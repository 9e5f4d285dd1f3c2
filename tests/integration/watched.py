"""A pipeline that reads the files of a directory, as the tests write and run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.tools import UNJUDGED, Idemflow, Project


class Source:
    """A pipeline that reads the files of a directory.

    Attributes:
        name: the pipeline's name, and its index'.
        data: the directory.
        command: the command, in the pipeline's project.
    """

    def __init__(self, idemflow: Idemflow, project: Project, name: str, data: Path) -> None:
        self.name = name
        self.data = data
        self.project = project
        self.command = idemflow.inside(project.path)
        self._idemflow = idemflow

    def describe(self, files: str, extra: str = "") -> None:
        """Write the YAML: the fields of ``collect.files``, and others of the pipeline."""
        if "quiet" not in files:
            files += ", quiet: 0 s"
        (self.project.path / "flows").mkdir(exist_ok=True)
        (self.project.path / f"flows/{self.name}.yaml").write_text(
            f"pipeline: {self.name}\n"
            f"collect: {{files: {{directory: {json.dumps(str(self.data))}, {files}}}}}\n"
            f"identity: id\nindex: {{name: {self.name}}}\n{extra}"
        )

    def write(self, name: str, content: str | bytes) -> Path:
        """Put a file into the directory, where NiFi's user can read it."""
        file = self.data / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(0o644)
        return file

    def run(self) -> dict[str, Any]:
        """Run it; the report, in which nothing is there twice or lost."""
        (report,) = self.command.json("run", self.name, *UNJUDGED)["runs"]
        assert (report["lost"], report["duplicates"]) == (0, 0)
        return dict(report)

    def documents(self) -> dict[str, dict[str, Any]]:
        """What readers of the index see."""
        ledger = self._idemflow.ledger()
        try:
            ledger.refresh(self.name)
            return dict(ledger.documents(self.name))
        finally:
            ledger.close()

    def letters(self) -> list[tuple[str, str, str]]:
        """Source, position and reason of each dead letter."""
        found = self.command.json("dead-letters", "list", self.name)["letters"]
        return sorted((one["source"], str(one["position"]), one["reason"]) for one in found)

    def equal(self) -> bool:
        """Whether the index is exactly what was sent."""
        return bool(self.command.json("verify", self.name)["equal"])

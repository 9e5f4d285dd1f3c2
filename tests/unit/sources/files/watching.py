"""Runs of the step that collects files, on a real directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from idemflow.sources.files import step
from tests.unit.steps import fakes
from tests.unit.steps.fakes import SUCCESS, Context, FlowFile

SCOPE = "LOCAL"
TRIGGER = {
    "idemflow.pipeline": "goods", "idemflow.run": "r1", "idemflow.started": "now",
    "idemflow.arguments": "{}",
}  # fmt: skip


class Session(fakes.Session):
    """A session of a component that has a state."""

    def __init__(self, state: dict[str, str]) -> None:
        super().__init__((b"", TRIGGER))
        self.state = state

    def remove(self, flow_files: FlowFile | list[FlowFile]) -> None:
        for one in flow_files if isinstance(flow_files, list) else [flow_files]:
            super().remove(one)

    def getState(self, scope: str) -> Session:  # noqa: N802
        assert scope == SCOPE
        return self

    def toMap(self) -> dict[str, str]:  # noqa: N802
        return dict(self.state)

    def setState(self, state: dict[str, str], scope: str) -> None:  # noqa: N802
        assert scope == SCOPE
        self.state = dict(state)

    def summary(self) -> Any:
        """The summary of the run, of which there is one."""
        [(content, _)] = self.at(SUCCESS, "run")
        return json.loads(content)

    def chunks(self) -> list[tuple[bytes, dict[str, str]]]:
        """Content and attributes of the FlowFiles of records."""
        return [found for found in self.at(SUCCESS) if "idemflow.reason" not in found[1]]

    def lines(self) -> list[str]:
        """The records of all chunks."""
        return [line for content, _ in self.chunks() for line in content.decode().split("\n")]

    def letters(self) -> list[tuple[str, str, bytes, str]]:
        """Source, position, content and reason of what is unusable."""
        return [
            (
                known["idemflow.source"],
                known["idemflow.position"],
                content,
                known["idemflow.reason"],
            )
            for content, known in self.at(SUCCESS)
            if "idemflow.reason" in known
        ]


class Runs:
    """Makes runs of which each has the state that the one before left.

    Args:
        directory: the watched directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._state: dict[str, str] = {}

    def __call__(
        self, pattern: str = "*.ndjson", file_format: str = "ndjson", **options: Any
    ) -> Session:
        session = Session(self._state)
        context = Context(
            directory=options.get("directory", str(self._directory)),
            pattern=pattern,
            format=file_format,
            quiet=str(options.get("quiet_seconds", 0)),
            csv=json.dumps(options.get("csv_options", {})),
            remember=json.dumps(options.get("remember", True)),
            newer_wins=json.dumps(options.get("newer_wins", False)),
            index=options.get("index", "goods"),
        )
        batch = options.get("batch", 1000)
        log = options.get("log")
        step.collect(session, context, SUCCESS, log, pipeline="goods", batch=batch)
        assert session.summary()["records"] == len(session.lines()) + len(session.letters())
        self._state = session.state
        return session

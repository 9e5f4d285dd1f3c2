"""A project: its pipelines, and the servers that they run on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from idemflow import servers
from idemflow.api import notebook
from idemflow.api.pipeline import Pipeline
from idemflow.commands import audit, runs, status, up
from idemflow.commands import down as down_command
from idemflow.commands.audit import Audited
from idemflow.commands.status import Status
from idemflow.config import settings
from idemflow.elasticsearch.history import PastRun
from idemflow.pipeline import spec
from idemflow.servers import DownResult, Progress, UpResult


class Project:
    """A folder with pipelines, and the servers that they run on.

    Args:
        folder: the project's folder.
        options: settings by name, as on the command line; they come before the environment and
            ``idemflow.toml``.

    Raises:
        SettingError: a setting cannot be used.
    """

    def __init__(self, folder: str | os.PathLike[str] = ".", **options: Any) -> None:
        self.settings = settings.resolve({"project": os.fspath(folder), **options})
        notebook.register()

    def __repr__(self) -> str:
        return f"Project({os.fspath(self.folder)!r})"

    @property
    def folder(self) -> Path:
        """The project's folder, absolute."""
        return self.settings.project

    @property
    def pipelines(self) -> dict[str, Pipeline]:
        """The pipelines that have a file in ``flows/``, by name."""
        return {name: Pipeline(self.settings, name) for name in spec.names(self.folder)}

    def pipeline(self, name: str) -> Pipeline:
        """A pipeline; that there is one is checked by what is done with it."""
        return Pipeline(self.settings, name)

    def up(self, progress: Progress | None = None) -> UpResult:
        """Start the embedded servers that do not run, and wait until they are ready.

        Args:
            progress: told what is downloaded, built and waited for.

        Raises:
            IdemflowError: see :func:`idemflow.commands.up.up`.
        """
        return up.up(self.settings, progress or servers.Silent())

    def down(self, *, delete: bool = False) -> DownResult:
        """Stop the embedded servers.

        Args:
            delete: delete all that they have, too: documents, queues, dead letters. Nobody is
                asked.
        """
        return down_command.down(self.settings, delete=delete)

    def status(self) -> Status:
        """The servers, and what each pipeline does."""
        return status.status(self.settings)

    def runs(self, limit: int = 20) -> list[PastRun]:
        """The last runs of all pipelines, the newest first.

        Raises:
            RuntimeNotUp: no Elasticsearch runs.
        """
        return runs.runs(self.settings, None, limit)

    def audit(self, flow: str) -> Audited:
        """What a second run of a flow would do.

        Args:
            flow: a process group's id or name, a flow definition's file, or ``PIPELINE@REV``.

        Raises:
            UsageError: there is no such flow.
        """
        return audit.audit(self.settings, flow)

"""``idemflow open``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from idemflow import servers
from idemflow.config.settings import Settings
from idemflow.security.secrets import login_file


@dataclass(frozen=True)
class Canvas:
    """Where the canvas is and how to log in.

    Attributes:
        url: its address, or that of a pipeline on it.
        username: the user.
        password: the user's password.
        login_file: the file that keeps it, for the embedded runtime.
        ca_file: the CA certificate that a browser would have to trust.
    """

    url: str
    username: str
    password: str = field(repr=False)
    login_file: Path | None
    ca_file: Path | None


def canvas(settings: Settings, name: str | None = None) -> Canvas:
    """Find the canvas, or a pipeline on it.

    Args:
        settings: the resolved settings.
        name: the pipeline.

    Raises:
        RuntimeNotUp: NiFi does not run.
        UsageError: there is no such pipeline, or it is not deployed.
    """
    nifi = servers.connect(settings).nifi
    url = f"{nifi.url}/nifi/"
    if name is not None:
        # Slow to import, and not needed for the whole canvas.
        from idemflow.canvas import client, process_groups  # noqa: PLC0415
        from idemflow.pipeline import spec  # noqa: PLC0415

        if not spec.is_there(settings.project, name):
            spec.load(settings.project, name)  # raises: it says which there are
        client.connect(nifi)
        url += f"#/process-groups/{process_groups.find_id(name)}"
    embedded = "nifi" in settings.embedded
    return Canvas(
        url=url,
        username=nifi.username,
        password=nifi.password,
        login_file=login_file(settings.folders.secrets) if embedded else None,
        ca_file=nifi.ca_file,
    )

"""``idemflow up``."""

from __future__ import annotations

from idemflow import servers
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.servers import Target, UpResult
from idemflow.supply.progress import Progress, Silent

__all__ = ["Target", "UpResult", "up"]


def up(settings: Settings, progress: Progress | None = None) -> UpResult:
    """Starts the embedded runtime.

    Args:
        settings: the resolved settings.
        progress: told what happens, if anyone wants to know.

    Raises:
        UsageError: the settings name servers of the user's own.
    """
    refuse_external(settings)
    return servers.up(settings, progress or Silent())


def refuse_external(settings: Settings) -> None:
    """Raises UsageError where there is no embedded runtime to start or stop."""
    if settings.runtime == "external":
        raise UsageError(
            f"the setting nifi_url names your own NiFi ({settings.nifi_url}): "
            "idemflow does not start or stop it",
            next_command="idemflow status",
        )

"""``idemflow up``."""

from __future__ import annotations

from idemflow import servers
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.supply.progress import Progress


def up(settings: Settings, progress: Progress) -> servers.UpResult:
    """Starts the embedded runtime.

    Raises:
        UsageError: the settings name servers of the user's own.
    """
    refuse_external(settings)
    return servers.up(settings, progress)


def refuse_external(settings: Settings) -> None:
    """Raises UsageError where there is no embedded runtime to start or stop."""
    if settings.runtime == "external":
        raise UsageError(
            f"the setting nifi_url names your own NiFi ({settings.nifi_url}): "
            "idemflow does not start or stop it",
            next_command="idemflow status",
        )

"""``idemflow down``."""

from __future__ import annotations

from idemflow import runtime
from idemflow.commands.up import refuse_external
from idemflow.settings import Settings


def down(settings: Settings, *, delete: bool) -> runtime.DownResult:
    """Stops the embedded runtime, and deletes its folder with all data if ``delete``.

    Raises:
        UsageError: the settings name servers of the user's own.
    """
    refuse_external(settings)
    return runtime.down(settings, delete=delete)

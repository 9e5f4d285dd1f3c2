"""``idemflow down``."""

from __future__ import annotations

from dataclasses import replace

from idemflow import runtime
from idemflow.commands import demo_db
from idemflow.commands.up import refuse_external
from idemflow.settings import Settings


def down(settings: Settings, *, delete: bool) -> runtime.DownResult:
    """Stops the embedded runtime and the demo database; deletes all data if ``delete``.

    Raises:
        UsageError: the settings name servers of the user's own.
    """
    refuse_external(settings)
    database = demo_db.stop(settings, delete=delete)
    result = runtime.down(settings, delete=delete)
    return replace(
        result,
        stopped=(*result.stopped, *(["demo-db"] if database.stopped else [])),
        killed=(*result.killed, *database.killed),
    )

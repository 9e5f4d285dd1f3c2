"""The demo database as the rest of idemflow knows it: see ``idemflow.config.registry``."""

from __future__ import annotations

from pathlib import Path

from idemflow.config.database_settings import ConfiguredDatabase
from idemflow.config.databases import POSTGRESQL, POSTGRESQL_DRIVER, Database, driver_path
from idemflow.config.settings import Settings
from idemflow.demo import commands, postgresql, server
from idemflow.servers import ServerStatus
from idemflow.servers.further import Further


class _Server:
    title = "the demo database"
    start = server.START
    port = server.PORT

    def log(self, settings: Settings) -> Path:
        return postgresql.log(settings.folders)

    def status(self, settings: Settings) -> ServerStatus | None:
        return server.status(settings)

    def stop(self, settings: Settings, *, delete: bool) -> tuple[bool, tuple[int, ...]]:
        done = commands.stop(settings, delete=delete)
        return done.stopped, done.killed


SERVER: Further = _Server()


def database(settings: Settings, configured: ConfiguredDatabase) -> Database:
    """The connection of ``database: demo``.

    Raises:
        IdemflowError: the extra ``demo`` is not installed.
        RuntimeNotUp: the demo database does not run.
    """
    postgresql.check_installed()
    login = server.reader(settings)
    return Database(
        configured.name,
        login.jdbc_url,
        POSTGRESQL_DRIVER,
        driver_path(settings, configured, POSTGRESQL),
        login.username,
        login.password,
    )

"""Files on this machine that a setting names and the embedded NiFi reads."""

from __future__ import annotations

from pathlib import Path

from idemflow.config.settings import Settings
from idemflow.errors import SettingError
from idemflow.security.owner import servers_user


def check_nifi_reads(settings: Settings, name: str, file: Path) -> None:
    """Check that NiFi's user can read a file.

    Args:
        settings: the resolved settings.
        name: the setting that names it.
        file: the file.

    Raises:
        SettingError: it is not there, or NiFi's user cannot read it.
    """
    if not file.is_file():
        raise SettingError(name, f"there is no file {file}")
    if not servers_user(settings.home, settings.run_as_user).can_reach(file):
        raise SettingError(
            name,
            f"NiFi's user cannot read {file}",
            next_command="put it into a folder that every user may enter, with mode 644",
        )

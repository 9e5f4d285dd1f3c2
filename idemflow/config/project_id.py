"""Who owns what idemflow makes on the servers: the id in its marks of ownership."""

from __future__ import annotations

import os
import uuid

from idemflow.config.settings import Settings
from idemflow.errors import SettingError


def project_id(settings: Settings) -> str:
    """The id of this project; made at first use, and kept in the runtime's folder.

    Two checkouts have two ids, unless the setting ``project_id`` gives them one.

    Raises:
        SettingError: the file that keeps it is damaged.
    """
    if settings.project_id:
        return settings.project_id
    file = settings.folders.project_id
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        made = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
        made.write_text(f"{uuid.uuid4().hex[:12]}\n", encoding="utf-8")
        try:
            # Of two commands that make one at the same time, both use the first.
            os.link(made, file)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return kept(settings)


def kept(settings: Settings) -> str:
    """The id that the runtime's folder keeps; "" where none was made.

    Raises:
        SettingError: the file that keeps it is damaged.
    """
    file = settings.folders.project_id
    if not file.exists():
        return ""
    found = file.read_text(encoding="utf-8").strip()
    if not found.isalnum():
        raise SettingError(
            "project_id",
            f"{file} is damaged",
            next_command="export IDEMFLOW_PROJECT_ID=... with the id that the servers' marks have",
        )
    return found

"""``idemflow flow tag``: name a version."""

from __future__ import annotations

from idemflow.commands.flow.base import changes_since, on_canvas, open_repository
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.steps.rules.words import counted


def tag(settings: Settings, name: str, label: str, revision: str | None) -> str:
    """Name a version ``PIPELINE@LABEL``: by default the one on the canvas.

    Returns:
        The tag.
    """
    store = open_repository(settings, name)
    version = store.resolve(name, revision) if revision else on_canvas(store, name)
    if not revision and (local := changes_since(store, name, version)):
        raise UsageError(
            f"{name} was changed on the canvas in {counted(len(local), 'place')}: "
            "a tag would not have them",
            next_command=f'idemflow flow commit {name} -m "..."',
        )
    return store.tag(name, label.removeprefix(f"{name}@"), version)

"""``idemflow flow diff``: what differs between two versions, or a version and the canvas."""

from __future__ import annotations

from dataclasses import dataclass

from idemflow.canvas import flow_file, process_groups, versions
from idemflow.canvas.difference import Change
from idemflow.commands.flow.base import CANVAS, definition, on_canvas, open_repository
from idemflow.config.settings import Settings


@dataclass(frozen=True)
class Difference:
    """What differs between two versions, or a version and the canvas."""

    pipeline: str
    before: str
    after: str
    changes: list[Change]


def diff(settings: Settings, name: str, before: str | None, after: str | None) -> Difference:
    """What differs between two versions.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        before: a revision; ``None`` for the version that is on the canvas.
        after: a revision; ``None`` or ``canvas`` for the canvas as it is.
    """
    store = open_repository(settings, name)
    old = store.resolve(name, before) if before else on_canvas(store, name)
    older = definition(store, name, old)
    if after in (None, CANVAS):
        changes = versions.differences(older, versions.export(process_groups.find_id(name)))
        return Difference(name, old.title, CANVAS, changes)
    new = store.resolve(name, str(after))
    newer = definition(store, name, new)
    changes = versions.differences(older, newer)
    # Only between versions: on the canvas these are this NiFi's own.
    a, b = flow_file.parameters(older), flow_file.parameters(newer)
    changes += [
        Change("parameter context", key, a.get(key), b.get(key))
        for key in sorted({*a, *b})
        if a.get(key) != b.get(key)
    ]
    return Difference(name, old.title, new.title, changes)

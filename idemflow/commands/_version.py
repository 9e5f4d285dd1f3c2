"""Which commit of git a run's flow is at."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from idemflow.canvas import versions
from idemflow.canvas.arrangement import is_arrangement
from idemflow.commands._session import Session
from idemflow.commands.flow.base import changes_since
from idemflow.errors import IdemflowError
from idemflow.versions import git, repository

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FlowVersion:
    """What ran, in git's words.

    Attributes:
        commit: hash of the commit: the version that the process group is under version control
            at, or else the project's ``HEAD``.
        changed: whether what ran differs from it: the canvas from its version, or the pipeline's
            YAML and scripts from ``HEAD`` or from the canvas.
        of: ``canvas`` or ``project``: which of the two.
    """

    commit: str
    changed: bool
    of: str


def flow_version(opened: Session, group: str, *, changed: bool) -> FlowVersion | None:
    """Which commit the flow of a run is at; ``None`` where that is not known.

    Args:
        opened: the connections.
        group: id of the process group.
        changed: whether the canvas differs from the project's files.
    """
    settings, name = opened.settings, opened.name
    try:
        info = versions.control_info(group)
        if info is None:
            files = (f"flows/{name}.yaml", "scripts")
            found = git.head(settings.project, files)
            if found is None:
                return None
            return FlowVersion(found.commit, found.changed or changed, "project")
        store = repository.to_read(settings)
        if store is None:
            return None
        since = changes_since(store, name, store.resolve(name, info.version))
        local = any(not is_arrangement(one) for one in since)
        return FlowVersion(info.version, local, "canvas")
    except IdemflowError as error:  # a run needs no git
        _log.info("%s: the version of the flow is not known: %s", name, error.message)
        return None

"""``idemflow snapshot rollback``: let readers of a snapshot see the state before this one."""

from __future__ import annotations

from dataclasses import dataclass

from idemflow.commands._session import session
from idemflow.config.settings import Settings


@dataclass(frozen=True)
class Rollback:
    """What readers see now.

    Attributes:
        pipeline: the pipeline's name.
        alias: the name that readers use.
        index: the index that it points to now.
        documents: how many documents that has.
    """

    pipeline: str
    alias: str
    index: str
    documents: int


def rollback(settings: Settings, name: str) -> Rollback:
    """Point the alias of a snapshot to the index before, in one step.

    Raises:
        UsageError: the pipeline is no snapshot, or has no earlier state.
    """
    with session(settings, name) as opened:
        index = opened.indices.rollback()
        return Rollback(name, opened.pipeline.index.name, index, opened.ledger.count(index))

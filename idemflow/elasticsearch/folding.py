"""Which of the entries of many runs still count, once each of their records has come to its end.

A fold keeps for each id the state that counts, the last run that sent the id, and the state
before: should the last one be refused after all, that one counts again. Nothing else can change
what :mod:`idemflow.elasticsearch.verify` expects, nor which dead letters have gone in since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple


class Sent(NamedTuple):
    """What was sent under one id.

    Attributes:
        run: the run that sent this state last; ids of runs start with the time.
        digest: hash of the document's content; empty for a delete.
        version: the record's version, where the pipeline has versions.
        last: the last run that sent the id, in this state or an older one.
        sender: the pipeline of ``last``.
        settled: whether an earlier run had sent the same: no refusal can change it any more.
    """

    run: str
    digest: str
    version: int | None
    last: str
    sender: str
    settled: bool = False


def fold(
    sent: Iterable[Sent],
    *,
    stale: Collection[tuple[str, int | None]] = (),
    given_up: Collection[tuple[str, int | None]] = (),
    recent: str = "",
    forget: str = "",
) -> list[Sent]:
    """What is kept of everything that was sent under one id.

    Args:
        sent: of each run what it sent last under the id, in the order of the runs.
        stale: runs and versions that Elasticsearch had in a newer version.
        given_up: runs and versions that became dead letters.
        recent: from this run on the state before the last one is kept as well: should the last
            one be refused after all, that one counts again.
        forget: a delete by an earlier run is forgotten; no older record can come after it.

    Returns:
        Nothing, the state that counts, or the state before it and the state that counts. An id
        that was only sent in vain has none; a dead letter of it waits for a later run.
    """
    current: Sent | None = None
    before: Sent | None = None
    last, sender = "", ""
    for one in sent:
        if (one.run, one.version) in given_up and not one.settled:
            continue
        if one.last >= last:
            last, sender = one.last, one.sender
        if (one.run, one.version) in stale and not one.settled:
            continue
        if current is None:
            current = one
        elif not _counts(one, current):
            before = one if before is None or _counts(one, before) else before
        elif (one.digest, one.version) == (current.digest, current.version):
            current = one._replace(settled=True)
        else:
            before, current = current, one
    if current is None or (not current.digest and current.run < forget):
        return []
    kept = [before] if before and current.run >= recent and not current.settled else []
    return [*kept, current._replace(last=last, sender=sender)]


def _counts(later: Sent, earlier: Sent) -> bool:
    """Whether a state counts rather than one of an earlier run."""
    return earlier.version is None or later.version is None or later.version >= earlier.version

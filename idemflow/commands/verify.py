"""``idemflow verify``: compare what the runs sent with what is in the index."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from idemflow.canvas import monitoring, process_groups
from idemflow.commands._compact import compact_in_turn_if_due
from idemflow.commands._patience import patiently
from idemflow.commands._session import Session, session
from idemflow.config.settings import Settings
from idemflow.dead_letters.store import Letters
from idemflow.elasticsearch import retention
from idemflow.elasticsearch import verify as verification
from idemflow.elasticsearch.last_run import last_run
from idemflow.elasticsearch.spill import Scratch
from idemflow.elasticsearch.verify import Problem, Verification, WriteId
from idemflow.errors import NothingRead, NotIdempotent, UsageError

_log = logging.getLogger(__name__)


def verify(settings: Settings, name: str, *, ids: Path | None = None) -> Verification:
    """Compare count, ids and an order-independent checksum of the contents.

    While records are on their way, what runs of the last minutes sent is not judged.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        ids: the file to which all ids that are missing, extra or different are written.

    Raises:
        UsageError: the file cannot be written.
        IdemflowError: the disk is full; or see :func:`idemflow.commands._session.session`.
    """
    with session(settings, name) as opened:
        with opened.scratch() as room:
            opened.reconcile(room)
        result = patiently(lambda: _verify(opened, ids), _log.info)
        compact_in_turn_if_due(opened)
        return result


def judge(result: Verification) -> None:
    """Tell an index that is what was sent from one that is not.

    Raises:
        NotIdempotent: it is not; or of two records with one id just one is there.
        NothingRead: nothing was ever sent.
    """
    name = result.pipeline
    if not result.equal:
        raise NotIdempotent(
            f"{name}: the index {result.index} is not what was sent: "
            f"{result.missing_count:,} missing, {result.extra_count:,} extra, "
            f"{result.different_count:,} different",
            next_command=f"idemflow run {name}",
        )
    if not (result.ran or result.running):
        raise NothingRead(
            f"{name} never ran: the ledger has no run of it, so there is nothing that "
            f"{result.index} could be compared with",
            next_command=f"idemflow run {name}",
        )
    if result.collisions and result.unique == "fail":
        raise NotIdempotent(
            f"{name}: of each id that the last run had twice, {result.index} has one record",
            next_command=f"choose an identity in flows/{name}.yaml that tells them apart",
        )


def _verify(opened: Session, ids: Path | None) -> Verification:
    name = opened.pipeline.name
    with opened.scratch() as room:
        before = opened.ledger.newest_run(name)
        # Asked first: of what is idle now, all has arrived when the index is read.
        running = _running(name)
        result = _compare(opened, room, ids, running=running)
        if not (result.equal or running):
            # A run that began meanwhile has written what the comparison knows nothing of.
            running = _running(name) or opened.ledger.newest_run(name) != before
            if running:
                result = _compare(opened, room, ids, running=True)
        # What others sent to a shared index, or a forgotten run has sent, was sent all the same.
        return replace(result, ran=before is not None or result.runs > 0)


def _running(name: str) -> bool:
    group = process_groups.find(name)
    return group is not None and not monitoring.activity(group.id).idle


def _compare(opened: Session, room: Scratch, ids: Path | None, *, running: bool) -> Verification:
    ledger, pipeline = opened.ledger, opened.pipeline
    on_its_way = retention.open_runs(ledger, pipeline.name, datetime.now(UTC)) if running else None
    with _written(ids) as write:
        return verification.verify(
            ledger.manifests,
            ledger,
            pipeline.name,
            pipeline.index.name,
            opened.indices.targets(),
            scratch=room,
            identity=None if pipeline.index.shared else pipeline.identity.rule(),
            last_run=last_run(ledger, pipeline.name),
            unique=pipeline.unique,
            letters=Letters(ledger, pipeline.name),
            write=write,
            on_its_way=on_its_way,
        )


@contextmanager
def _written(file: Path | None) -> Iterator[WriteId | None]:
    """Write ids to a file, a JSON object a line."""
    if file is None:
        yield None
        return
    try:
        file.touch(0o600)  # of one that was there the mode stays
        with file.open("w", encoding="utf-8") as stream:

            def write(problem: Problem, index: str, identifier: str) -> None:
                line = {"problem": problem, "index": index, "id": identifier}
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")

            yield write
    except OSError as error:
        raise UsageError(f"--ids: {file} cannot be written: {error.strerror}") from error

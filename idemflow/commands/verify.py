"""``idemflow verify``: compare what the runs sent with what is in the index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from idemflow.commands._compact import compact_in_turn_if_due
from idemflow.commands._session import session
from idemflow.config.settings import Settings
from idemflow.elasticsearch import verify as verification
from idemflow.elasticsearch.verify import Problem, Verification, WriteId
from idemflow.errors import UsageError


def verify(settings: Settings, name: str, *, ids: Path | None = None) -> Verification:
    """Compare count, ids and an order-independent checksum of the contents.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        ids: the file to which all ids that are missing, extra or different are written.

    Raises:
        UsageError: the file cannot be written.
        IdemflowError: the disk is full; or see :func:`idemflow.commands._session.session`.
    """
    with session(settings, name) as opened, opened.scratch() as room, _written(ids) as write:
        opened.reconcile(room)
        pipeline = opened.pipeline
        result = verification.verify(
            opened.ledger.manifests,
            opened.ledger,
            pipeline.name,
            pipeline.index.name,
            opened.indices.targets(),
            scratch=room,
            write=write,
        )
        compact_in_turn_if_due(opened)
        return result


@contextmanager
def _written(file: Path | None) -> Iterator[WriteId | None]:
    """Write ids to a file, a JSON object a line."""
    if file is None:
        yield None
        return
    try:
        with file.open("w", encoding="utf-8") as stream:

            def write(problem: Problem, index: str, identifier: str) -> None:
                line = {"problem": problem, "index": index, "id": identifier}
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")

            yield write
    except OSError as error:
        raise UsageError(f"--ids: {file} cannot be written: {error.strerror}") from error

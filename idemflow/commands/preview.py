"""``idemflow preview``: what a pipeline would send, without any server."""

from __future__ import annotations

from collections.abc import Sequence

from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.pipeline import spec
from idemflow.pipeline.arguments import given
from idemflow.preview import result
from idemflow.preview.result import Preview, judge

__all__ = ["LIMIT", "judge", "preview"]

LIMIT = 20


def preview(
    settings: Settings,
    name: str,
    *,
    limit: int | None = None,
    whole: bool = False,
    record: str | None = None,
    values: Sequence[str] = (),
) -> Preview:
    """Run source, transform and identity of a pipeline in this process.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        limit: how many records are looked at, and documents are shown; ``None`` for
            :data:`LIMIT`.
        whole: look at all records.
        record: one record as JSON, in place of those of the source.
        values: ``NAME=VALUE`` for arguments of the pipeline, as for ``run``.

    Raises:
        UsageError: there is no such pipeline, the options do not go together, or its source can
            run in NiFi alone.
        PipelineError: its files are wrong, or a script or the source fails.
        IdemflowError: the source cannot be read.
    """
    if record is not None and (whole or limit is not None or values):
        raise UsageError(
            "--record is one record, and --all, --limit and --set say which of the source",
            next_command=f"idemflow preview {name} --record '{{\"id\": 1}}'",
        )
    if record is not None:
        if not record.strip():
            raise UsageError("--record is empty", next_command=f"idemflow preview {name}")
        record = " ".join(record.split("\n"))  # a record is a line
    pipeline = spec.load(settings.project, name)
    return result.preview(
        settings, pipeline, limit=limit or LIMIT, whole=whole, record=record,
        arguments=given(pipeline, values, verb="preview"),
    )  # fmt: skip

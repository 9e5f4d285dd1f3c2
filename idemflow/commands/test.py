"""``idemflow test``: golden tests of pipelines, without any server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from idemflow.commands._each import pipelines_of
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError, UsageError
from idemflow.pipeline.spec import Pipeline
from idemflow.preview import golden
from idemflow.preview.golden import Golden


@dataclass(frozen=True)
class Tested:
    """The test of a pipeline.

    Attributes:
        pipeline: the pipeline's name.
        state: ``same``, ``differs``, ``new`` (nothing is expected yet), ``none`` (there is no
            test), ``fails`` (the pipeline cannot be run) or ``updated``.
        documents: how many documents the sample becomes.
        refused: how many records are refused.
        difference: lines of a unified diff from what is expected to what is there.
        problem: why it cannot be run.
        next_command: what to do about it.
    """

    pipeline: str
    state: str
    documents: int = 0
    refused: int = 0
    difference: tuple[str, ...] = ()
    problem: str | None = None
    next_command: str | None = None

    @property
    def good(self) -> bool:
        """Whether nothing is to be done about it."""
        return self.state in ("same", "none", "updated")


def test(
    settings: Settings, names: Sequence[str], update: Callable[[Golden], bool] | None
) -> list[Tested]:
    """Run the tests of pipelines.

    Args:
        settings: the resolved settings.
        names: which; empty for all of the project.
        update: is shown what differs, or is new, and says whether that is what is expected from
            now on; without one nothing is written.

    Returns:
        One for each pipeline.

    Raises:
        UsageError: there is no such pipeline; or not one of them has a test, which must not look
            like all is well.
    """
    found = [
        _one(settings, name, one, update, make=name in names)
        for name, one in pipelines_of(settings, names).items()
    ]
    if all(one.state == "none" for one in found):
        name = found[0].pipeline
        raise UsageError(
            f"there is no test: {settings.project} has no {golden.place(name)}",
            next_command=f"idemflow test {name} --update makes one",
        )
    return found


def _one(
    settings: Settings,
    name: str,
    pipeline: Pipeline | UsageError,
    update: Callable[[Golden], bool] | None,
    *,
    make: bool,
) -> Tested:
    try:
        if not isinstance(pipeline, Pipeline):
            raise pipeline
        ran = golden.run(settings, pipeline, make=make and update is not None)
    except IdemflowError as error:
        return Tested(name, "fails", problem=error.message, next_command=error.next_command)
    if ran.difference and update is not None and update(ran):
        golden.keep(settings, ran)
        return Tested(name, "updated", ran.documents, ran.refused)
    following = f"idemflow test {name} --update" if ran.state in ("differs", "new") else None
    return Tested(
        name, ran.state, ran.documents, ran.refused, ran.difference, next_command=following
    )

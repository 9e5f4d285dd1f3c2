"""What is done with all pipelines of a project, in the order of their ``after:``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from idemflow.commands._each import pipelines_of
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError, Stopped
from idemflow.pipeline.order import in_order
from idemflow.pipeline.spec import Pipeline

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Outcome(Generic[_Result]):
    """What came of a pipeline.

    Attributes:
        pipeline: its name.
        code: the exit code that the command would have had for it alone.
        result: what the command gave, where it did something.
        message: what went wrong, or why nothing was done.
        next_command: what to run next.
        waits_for: the pipeline for which this one was left out.
    """

    pipeline: str
    code: int
    result: _Result | None = None
    message: str = ""
    next_command: str | None = None
    waits_for: str | None = None


def all_pipelines(
    settings: Settings,
    do: Callable[[str], _Result],
    judge: Callable[[_Result], None] = lambda _: None,
) -> Iterator[Outcome[_Result]]:
    """Do something with each pipeline; one that fails hinders only those that are after it.

    Args:
        settings: the resolved settings.
        do: what, by the name of a pipeline.
        judge: raises the error that ends the command for a result that is not good.

    Yields:
        What came of each, as soon as that is known.

    Raises:
        UsageError: there is no pipeline; or one is after itself.
        Stopped: the user stopped it.
    """
    found = pipelines_of(settings, ())
    valid = {name: one for name, one in found.items() if isinstance(one, Pipeline)}
    failed: dict[str, int] = {}
    for name, wrong in found.items():
        if not isinstance(wrong, Pipeline):
            failed[name] = wrong.exit_code
            yield Outcome(name, wrong.exit_code, None, wrong.message, f"idemflow check {name}")
    for name in in_order(valid):
        before = next((one for one in valid[name].after if one in failed or one not in found), None)
        outcome = _one(name, do, judge) if before is None else _left_out(name, before, failed)
        if outcome.code:
            failed[name] = outcome.code
        yield outcome


def _one(
    name: str, do: Callable[[str], _Result], judge: Callable[[_Result], None]
) -> Outcome[_Result]:
    result: _Result | None = None
    try:
        result = do(name)
        judge(result)
    except Stopped:
        raise
    except IdemflowError as error:
        return Outcome(name, error.exit_code, result, error.message, error.next_command)
    return Outcome(name, 0, result)


def _left_out(name: str, before: str, failed: dict[str, int]) -> Outcome[_Result]:
    why = f"{before} failed" if before in failed else f"there is no pipeline {before!r}"
    return Outcome(
        name, failed.get(before, 2), None, f"it is after {before}, and {why}: it was left out",
        f"idemflow check {name}" if before not in failed else None, waits_for=before,
    )  # fmt: skip

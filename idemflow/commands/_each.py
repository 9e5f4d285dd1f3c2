"""What is done for each pipeline of a project: a wrong file hinders no other pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from idemflow.config.settings import Settings
from idemflow.errors import PipelineError, PipelineErrors, UsageError
from idemflow.pipeline import spec
from idemflow.pipeline.spec import Pipeline

_Result = TypeVar("_Result")


@dataclass
class Each(Generic[_Result]):
    """What came of several pipelines.

    Attributes:
        found: the results.
        wrong: what is wrong with the files of the others, for which nothing was done.
    """

    found: list[_Result] = field(default_factory=list)
    wrong: list[PipelineError] = field(default_factory=list)

    def check(self) -> None:
        """Raises PipelineError where the files of a pipeline are wrong."""
        if len(self.wrong) > 1:
            raise PipelineErrors(self.wrong)
        if self.wrong:
            raise self.wrong[0]


def each(names: Iterable[str], do: Callable[[str], _Result]) -> Each[_Result]:
    """Do something for pipelines, one after the other.

    Args:
        names: theirs.
        do: what; a PipelineError that it raises is kept, any other ends it all.
    """
    all_ = Each[_Result]()
    for name in names:
        try:
            all_.found.append(do(name))
        except PipelineError as error:
            all_.wrong.append(error)
    return all_


def pipelines_of(settings: Settings, names: Sequence[str]) -> dict[str, Pipeline | UsageError]:
    """The pipelines of a project, each with its YAML or what is wrong with that.

    Args:
        settings: the resolved settings.
        names: which; empty for all.

    Raises:
        UsageError: there is no such pipeline, or none at all.
    """
    known = spec.names(settings.project)
    found: dict[str, Pipeline | UsageError] = {}
    for name in names or known:
        try:
            found[name] = spec.load(settings.project, name)
        except UsageError as error:
            if name not in known:
                raise
            found[name] = error
    if not found:
        raise UsageError(
            f"there is nothing to look at: {settings.project} has no pipeline in flows/",
            next_command="run idemflow in the project's folder, or: idemflow --project FOLDER",
        )
    return found

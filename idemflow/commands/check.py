"""``idemflow check``: all that can be known of pipelines without any server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from idemflow.commands._each import pipelines_of
from idemflow.config.settings import Settings
from idemflow.errors import PipelineError, PipelineErrors, UsageError
from idemflow.pipeline import consistency, order, scripts, spec
from idemflow.pipeline.spec import Pipeline
from idemflow.supply.packages import installing, lacking


@dataclass(frozen=True)
class Problem:
    """What is wrong with a pipeline.

    Attributes:
        pipeline: the pipeline's name; ``None`` for a file that is none.
        file: the file, relative to the project.
        line: 1-based line, if known.
        field: dotted field name, if it is about one.
        message: the cause, and what is allowed.
        next_command: what to run or change next.
    """

    pipeline: str | None
    file: str
    line: int | None
    field: str | None
    message: str
    next_command: str

    @property
    def place(self) -> str:
        """File, line and field as they are printed."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.field}" if self.field else place


@dataclass(frozen=True)
class CheckResult:
    """What a check has found.

    Attributes:
        pipelines: the names of those that were looked at.
        problems: what is wrong with them, by pipeline.
    """

    pipelines: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def wrong(self) -> int:
        """How many pipelines, or files that are none, have a problem."""
        return len({one.pipeline or one.file for one in self.problems})


def check(settings: Settings, names: Sequence[str]) -> CheckResult:
    """Check pipelines: YAML, scripts, what they import, what they read, whether they get along.

    Args:
        settings: the resolved settings.
        names: which; empty for all of the project.

    Raises:
        UsageError: there is no such pipeline, or none at all.
    """
    project = settings.project
    found = pipelines_of(settings, names)
    valid = {name: one for name, one in found.items() if isinstance(one, Pipeline)}
    misfits = [one for pipeline in valid.values() for one in consistency.of_fields(pipeline)]
    neighbours, known = _neighbours(settings, names, valid), spec.names(project)
    misfits += consistency.of_indices([*valid.values()], neighbours)
    problems: list[Problem] = []
    for name, one in found.items():
        if not isinstance(one, Pipeline):
            problems += (_problem(project, name, error) for error in _errors_of(one, name))
            continue
        problems += (_problem(project, name, error) for error in _beside(settings, one))
        problems += (
            _problem(project, name, PipelineError(_file(name), message, field="after"))
            for message in order.problems(one, {each.name: each for each in neighbours}, known)
        )
        problems += (
            _problem(project, name, PipelineError(_file(name), misfit.message, field=misfit.field))
            for misfit in misfits
            if misfit.pipeline == name
        )
    if not names:
        problems += _no_pipelines(project)
    return CheckResult(tuple(found), tuple(problems))


def _neighbours(
    settings: Settings, names: Sequence[str], valid: Mapping[str, Pipeline]
) -> list[Pipeline]:
    """All pipelines of the project that are valid."""
    if not names:
        return [*valid.values()]
    found = pipelines_of(settings, ()).values()
    return [one for one in found if isinstance(one, Pipeline)]


def _errors_of(error: UsageError, name: str) -> Sequence[PipelineError]:
    if isinstance(error, PipelineErrors):
        return error.errors
    if isinstance(error, PipelineError):
        return (error,)
    return (PipelineError(_file(name), error.message, next_command=error.next_command),)


def _beside(settings: Settings, pipeline: Pipeline) -> Iterator[PipelineError]:
    """What is wrong with what a valid pipeline needs: modules of its scripts, and its source."""
    if "nifi" in settings.embedded:
        texts = spec.sources(settings.project, pipeline)
        imported = spec.imported(pipeline, texts)
        for module in lacking(settings, imported.keys() - scripts.JAVA):
            script, line = imported[module]
            message = f"NiFi's Python has no module {module!r}"
            if (settings.project / script).with_name(f"{module}.py").is_file():
                message += "; a script is one file, and those beside it are not in NiFi"
            install = installing(settings, module)
            yield PipelineError(script, message, line=line, next_command=install)
    yield from pipeline.collect.problems(settings, pipeline.name)


def _no_pipelines(project: Path) -> Iterator[Problem]:
    """Files in flows/ that are no pipelines, and look as if they were meant to be."""
    known = {f"{name}.yaml" for name in spec.names(project)}
    for path in sorted((project / "flows").glob("*.y*ml")):
        if path.suffix in (".yaml", ".yml") and path.name not in known:
            message = "is not read: the file of a pipeline is NAME.yaml, and NAME has lower-case " \
                "letters, digits, - and _, a letter first"  # fmt: skip
            yield Problem(None, f"flows/{path.name}", None, None, message, "rename or move it")


def _problem(project: Path, name: str, error: PipelineError) -> Problem:
    line = error.line
    if line is None and error.field and error.file == _file(name):
        line = spec.line(project, name, error.field)
    next_command = error.next_command or f"edit {error.file}, then: idemflow check {name}"
    return Problem(name, error.file, line, error.field, error.cause, next_command)


def _file(name: str) -> str:
    return f"flows/{name}.yaml"

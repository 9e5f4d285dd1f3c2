"""The pytest plugin: each ``tests/NAME/expected.ndjson`` is a test, and fixtures run pipelines.

Nothing of idemflow is imported before it is needed: other projects have this plugin as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from idemflow.preview.result import Document, Preview, Refusal

_EXPECTED = "expected.ndjson"


class PipelineRun:
    """A pipeline's source, transform and identity in this process, for a test.

    Args:
        project: the project's folder.
        name: the pipeline's name.
    """

    def __init__(self, project: Path, name: str) -> None:
        from idemflow.config import settings  # noqa: PLC0415
        from idemflow.pipeline import spec  # noqa: PLC0415

        self._settings = settings.resolve({"project": project})
        self._pipeline = spec.load(project, name)

    def of(self, records: Iterable[Mapping[str, Any]]) -> list[Document | Refusal]:
        """What becomes of records, in their order.

        Args:
            records: as the source would give them.

        Raises:
            IdemflowError: the transform's script fails.
        """
        from idemflow.preview import result  # noqa: PLC0415
        from idemflow.steps.records import to_line  # noqa: PLC0415

        lines = "\n".join(map(to_line, records)).encode()
        return result.documents(self._settings, self._pipeline, most=len(lines), records=lines)

    def preview(self, limit: int = 20) -> Preview:
        """What ``idemflow preview`` finds of the first records of its source.

        Raises:
            IdemflowError: the source cannot be read, or a script fails.
        """
        from idemflow.preview import result  # noqa: PLC0415

        return result.preview(self._settings, self._pipeline, limit=limit)


@pytest.fixture
def idemflow_project(request: pytest.FixtureRequest) -> Path:
    """The project's folder: the nearest one above the test that has flows/."""
    return _project(request.path) or request.config.rootpath


@pytest.fixture
def idemflow_pipeline(idemflow_project: Path) -> Callable[[str], PipelineRun]:
    """Gives a pipeline by its name: see :class:`PipelineRun`."""
    return lambda name: PipelineRun(idemflow_project, name)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take what is expected of a pipeline for a test of it."""
    if file_path.name != _EXPECTED or file_path.parent.parent.name != "tests":
        return None
    project, name = file_path.parents[2], file_path.parent.name
    if not (project / "flows" / f"{name}.yaml").is_file():
        return None
    return GoldenFile.from_parent(parent, path=file_path)


class GoldenFile(pytest.File):
    """What is expected of a pipeline."""

    def collect(self) -> Iterator[pytest.Item]:
        yield GoldenTest.from_parent(self, name=self.path.parent.name)


class GoldenDiffers(Exception):
    """A sample becomes something else than is expected; with the lines of a diff."""


class GoldenTest(pytest.Item):
    """The golden test of a pipeline."""

    def runtest(self) -> None:
        from idemflow.config import settings  # noqa: PLC0415
        from idemflow.pipeline import spec  # noqa: PLC0415
        from idemflow.preview import golden  # noqa: PLC0415

        project = self.path.parents[2]
        ran = golden.run(settings.resolve({"project": project}), spec.load(project, self.name))
        if ran.state != "same":
            raise GoldenDiffers("\n".join(ran.difference))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The diff, or idemflow's own error, in place of a traceback of idemflow."""
        from idemflow.errors import IdemflowError  # noqa: PLC0415

        error = excinfo.value
        if isinstance(error, GoldenDiffers):
            return f"{error}\nnext: idemflow test {self.name} --update"
        if isinstance(error, IdemflowError):
            return f"{error.message}\nnext: {error.next_command}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"golden test of {self.name}"


def _project(path: Path) -> Path | None:
    return next((one for one in path.parents if (one / "flows").is_dir()), None)

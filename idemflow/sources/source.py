"""What a source is to the rest of idemflow: a folder here, or a package of somebody else's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from idemflow.config.settings import Settings
from idemflow.drawing.boxes import Json
from idemflow.drawing.collect import Collect
from idemflow.drawing.parameters import Parameter
from idemflow.errors import PipelineError
from idemflow.profile.guess import Found, Origin
from idemflow.sources.fields import Scalar, Strict

# A sample of a source's records is read by people, and kept in git.
SAMPLE_BYTES = 64 << 10


@dataclass(frozen=True)
class Call:
    """A function of the user's that a source calls; it is checked without being run.

    Attributes:
        script: path of its script, relative to the project.
        function: its name.
        arguments: its keyword arguments.
        place: the field of the YAML that has these three as ``script``, ``function`` and
            ``arguments``.
    """

    script: str
    function: str
    arguments: Mapping[str, Scalar] = field(default_factory=dict)
    place: str = "collect"


@dataclass(frozen=True)
class Local:
    """What the last step of a source takes where there is no NiFi.

    Attributes:
        properties: properties of it in place of those that are drawn, such as the value of a
            parameter.
        given: content and attributes of each FlowFile that it is given; a trigger alone, where
            the first step is the last.
    """

    properties: Mapping[str, str] = field(default_factory=dict)
    given: Iterable[tuple[bytes, Mapping[str, str]]] = ((b"", {}),)


class Source(Strict, ABC):
    """Where the records of a pipeline come from: a kind of value of ``collect:``.

    It is a pydantic model, and has a field of the name that its entry point has: ``collect`` is
    of this kind where the YAML has that field.

    Attributes:
        steps: names of its steps on the canvas. When one of them reports an error before the
            records of a run are in the flow, ``idemflow run`` says that the source fails.
    """

    steps: ClassVar[tuple[str, ...]]

    @property
    @abstractmethod
    def summary(self) -> str:
        """What it reads, for the operator who looks at the canvas: one sentence."""

    @abstractmethod
    def draw(self, collect: Collect, script: str | None) -> tuple[Json, Json]:
        """Draw its steps.

        Args:
            collect: the group, and what there is to know of the pipeline.
            script: the text of the script of :attr:`call`, where there is one.

        Returns:
            The step that takes the trigger of a run, and the one that gives the records.
        """

    @classmethod
    def look(
        cls,
        settings: Settings,  # noqa: ARG003
        origin: Origin,  # noqa: ARG003
    ) -> AbstractContextManager[Found] | None:
        """Look at data that a pipeline is to be made of, for ``idemflow new``.

        Returns:
            What is there, as long as it is open; ``None`` where this kind does not read such data.

        Raises:
            UsageError: the data cannot be read.
        """
        return None

    @property
    def types(self) -> Sequence[str]:
        """The component types that it draws, by full class name, beside ExecuteScript."""
        return ()

    @property
    def call(self) -> Call | None:
        """The function of the user's that it calls."""
        return None

    @property
    def generator(self) -> Call | None:
        """The function that alone gives all records of a run, where one does.

        `idemflow prove` calls it, to know without NiFi what a run has to bring.
        """
        return None

    @property
    def run_arguments(self) -> Mapping[str, Scalar]:
        """The arguments of a run, and their values; each becomes a parameter on the canvas.

        The trigger of a run carries them, as JSON, in its attribute ``idemflow.arguments``.
        """
        return {}

    @property
    def incremental(self) -> str | None:
        """The field of the YAML that makes a run read only what is new, where it has one."""
        return None

    @property
    def versions(self) -> bool:
        """Whether its records have a version where the pipeline has no version field.

        It is made of their position and of ``modified``, which ``Chunks`` is given.
        """
        return False

    @property
    def remembers(self) -> bool:
        """Whether a run may leave out what earlier ones have read: then it may find nothing."""
        return self.incremental is not None

    def dataset(self, settings: Settings) -> tuple[str, str] | None:  # noqa: ARG002
        """What it reads, as OpenLineage names it: a namespace and a name.

        Returns:
            ``None`` where only the user's function knows.
        """
        return None

    def needs_utc(self, settings: Settings) -> str | None:  # noqa: ARG002
        """Whether what it reads would be something else where NiFi's clock is not in UTC.

        Returns:
            The table of ``idemflow.toml`` whose ``timezone = "NiFi"`` says that it would not.
        """
        return None

    def local(
        self,
        settings: Settings,  # noqa: ARG002
        records: int,  # noqa: ARG002
        sample: Path | None = None,  # noqa: ARG002
    ) -> Local | None:
        """How its last step runs in a process of the user's, over NiFi's session in plain Python.

        A source whose records come from its last step alone needs nothing here. One that has
        other steps before it, which are NiFi's, reads in their place.

        Args:
            settings: the resolved settings.
            records: how many records a FlowFile has at most.
            sample: a folder to read in place of what the YAML names, where it reads a folder.

        Returns:
            ``None`` where it can run in NiFi alone.

        Raises:
            IdemflowError: what it reads is not there.
        """
        return Local()

    def sample(self, settings: Settings, records: int) -> tuple[str, bytes] | None:  # noqa: ARG002
        """Its first records as a file, for the test of a pipeline that ``idemflow new`` makes.

        Args:
            settings: the resolved settings.
            records: how many.

        Returns:
            The file's name and content, such that :meth:`local` reads it in a folder of its own;
            ``None`` where its records are taken themselves.

        Raises:
            OSError, EOFError, zlib.error, IdemflowError: there is no file that could be one.
        """
        return None

    def problems(self, settings: Settings, pipeline: str) -> Iterator[PipelineError]:  # noqa: ARG002
        """What is wrong with what it reads, as far as that can be known without any server.

        Args:
            settings: the resolved settings.
            pipeline: the pipeline's name.
        """
        yield from ()

    def parameters(self, settings: Settings, pipeline: str) -> list[Parameter]:  # noqa: ARG002
        """The parameters that its steps refer to, beside the arguments of a run.

        It is asked before anything is changed on the canvas, and so is the place for checks.

        Args:
            settings: the resolved settings.

        Raises:
            IdemflowError: what it reads is not there, or NiFi cannot get at it.
        """
        return []

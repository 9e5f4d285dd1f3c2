"""The YAML of the source ``script``: a generator function that yields records."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from contextlib import AbstractContextManager

from pydantic import Field, field_validator

from idemflow.config.settings import Settings
from idemflow.drawing.boxes import Json
from idemflow.drawing.collect import Collect
from idemflow.profile.guess import Found, Origin
from idemflow.sources.fields import FunctionName, Scalar, ScriptPath
from idemflow.sources.script.draw import COLLECT, draw
from idemflow.sources.source import Call, Source


class ScriptSource(Source):
    """Records from a generator function of a script.

    Attributes:
        script: path of the script, relative to the project.
        function: name of the generator function in it.
        arguments: the function's keyword arguments; each becomes a parameter on the canvas.
    """

    steps = (COLLECT,)

    script: ScriptPath
    function: FunctionName
    arguments: dict[str, Scalar] = Field(default_factory=dict)

    @field_validator("arguments")
    @classmethod
    def _are_names(cls, value: dict[str, Scalar]) -> dict[str, Scalar]:
        for name in value:
            if not name.isidentifier() or keyword.iskeyword(name):
                raise ValueError(f"{name!r} cannot be the name of an argument")
            if name in ("index", "elasticsearch"):
                raise ValueError(f"{name!r} is the name of a parameter of idemflow's own")
        return value

    @classmethod
    def look(cls, settings: Settings, origin: Origin) -> AbstractContextManager[Found] | None:
        from idemflow.sources.script import look  # noqa: PLC0415 (slow to import)

        return look.look(settings, origin) if look.reads(origin.where) else None

    @property
    def summary(self) -> str:
        return f"Calls {self.function}() of {self.script}."

    @property
    def call(self) -> Call:
        return Call(self.script, self.function, self.arguments)

    @property
    def generator(self) -> Call:
        return self.call

    @property
    def run_arguments(self) -> Mapping[str, Scalar]:
        return self.arguments

    def draw(self, collect: Collect, script: str | None) -> tuple[Json, Json]:
        return draw(self.call, collect, script or "")

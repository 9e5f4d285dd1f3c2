"""The sources of a pipeline's records, as its YAML describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Tag

from idemflow.sources.fields import Strict
from idemflow.sources.files.model import FilesSource
from idemflow.sources.script.model import ScriptSource
from idemflow.sources.sql.model import SqlSource

SOURCES: dict[str, type[Strict]] = {"script": ScriptSource, "sql": SqlSource, "files": FilesSource}


def source_kind(value: object) -> str:
    """Which of ``SOURCES`` a ``collect`` is, by the field that only that one has."""
    if isinstance(value, Mapping):
        return next((kind for kind in ("sql", "files") if kind in value), "script")
    return next((kind for kind, model in SOURCES.items() if isinstance(value, model)), "script")


Source = Annotated[
    Annotated[ScriptSource, Tag("script")]
    | Annotated[SqlSource, Tag("sql")]
    | Annotated[FilesSource, Tag("files")],
    Discriminator(source_kind),
]

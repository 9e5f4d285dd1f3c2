"""The modules that a pipeline's scripts import: does NiFi's Python have them, and where they go."""

from __future__ import annotations

from idemflow.canvas import installed_steps
from idemflow.commands._session import Session
from idemflow.errors import CanvasError
from idemflow.pipeline import scripts
from idemflow.pipeline.spec import Sources
from idemflow.supply.python_env import installing, lacking


def check_imports(opened: Session, texts: Sources, group: str) -> None:
    """Check that NiFi's Python has what the scripts import, before any of them runs.

    Args:
        opened: the connections.
        texts: the scripts.
        group: id of the pipeline's process group: a script in it asks, for a moment.

    Raises:
        CanvasError: it lacks a module; names script, line and module.
    """
    pipeline = opened.pipeline
    calls = (pipeline.collect.call, pipeline.transform)
    imported = scripts.modules(zip(calls, (texts.collect, texts.transform), strict=True))
    unsure = set(imported)
    if "nifi" in opened.settings.embedded:
        # It has the packages of the Python that runs this; it alone knows of Java's.
        unsure = set(lacking(unsure))
    for name in installed_steps.missing(unsure, group):
        script, line = imported[name]
        raise CanvasError(
            f"{script}:{line}: NiFi's Python has no module {name!r}",
            next_command=installing(opened.settings, name),
        )

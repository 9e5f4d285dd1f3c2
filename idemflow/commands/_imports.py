"""The modules that a pipeline's scripts import: does NiFi's Python have them, and where they go."""

from __future__ import annotations

from idemflow.canvas import installed_steps
from idemflow.commands._session import Session
from idemflow.config.settings import Settings
from idemflow.errors import CanvasError
from idemflow.pipeline import scripts, spec
from idemflow.pipeline.spec import Pipeline, Sources
from idemflow.servers import asked, read_state
from idemflow.supply.packages import installing, lacking


def check_packages(settings: Settings, pipeline: Pipeline, texts: Sources) -> None:
    """Check that NiFi was started with what requirements.txt says, where scripts import anything.

    Raises:
        UsageError: it was not, and has to be restarted.
    """
    if spec.imported(pipeline, texts).keys() - scripts.JAVA:
        asked.refuse_other_packages(settings, read_state(settings.folders.state))


def check_imports(opened: Session, texts: Sources, group: str) -> None:
    """Check that NiFi's Python has what the scripts import, before any of them runs.

    Args:
        opened: the connections.
        texts: the scripts.
        group: id of the pipeline's process group: a script in it asks, for a moment.

    Raises:
        CanvasError: it lacks a module; names script, line and module.
    """
    imported = spec.imported(opened.pipeline, texts)
    unsure = set(imported)
    if "nifi" in opened.settings.embedded:
        # It has the packages of the Python that runs this; it alone knows of Java's.
        unsure = set(lacking(opened.settings, unsure))
    for name in installed_steps.missing(unsure, group):
        script, line = imported[name]
        raise CanvasError(
            f"{script}:{line}: NiFi's Python has no module {name!r}",
            next_command=installing(opened.settings, name),
        )

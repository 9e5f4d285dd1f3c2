"""The modules that a pipeline's scripts import: does NiFi's Python have them, and where they go."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys

from idemflow.canvas import installed_steps
from idemflow.commands._session import Session
from idemflow.config.settings import Settings
from idemflow.errors import CanvasError
from idemflow.pipeline import scripts
from idemflow.pipeline.spec import Sources

# As Python says it, and NiFi in a bulletin.
_MISSING = re.compile(r"ModuleNotFoundError: No module named '([^'.]+)")


def check_imports(opened: Session, texts: Sources) -> None:
    """Check that NiFi's Python has what the scripts import, before anything is changed.

    Raises:
        CanvasError: it lacks a module; names script, line and module.
    """
    pipeline = opened.pipeline
    places: dict[str, str] = {}
    calls = (pipeline.collect.call, pipeline.transform)
    for call, text in zip(calls, (texts.collect, texts.transform), strict=True):
        if call is not None and text is not None:
            for name, line in scripts.imports(text).items():
                places.setdefault(name, f"{call.script}:{line}")
    unsure = set(places) - sys.stdlib_module_names
    if "nifi" in opened.settings.embedded:
        # It has the packages of the Python that runs this; it alone knows of Java's.
        unsure = {name for name in unsure if importlib.util.find_spec(name) is None}
    for name in installed_steps.missing(unsure):
        raise CanvasError(
            f"{places[name]}: NiFi's Python has no module {name!r}",
            next_command=_install(opened.settings, name),
        )


def remedy(settings: Settings, message: str) -> str | None:
    """What to do after an error of a script, where it lacks a module."""
    found = _MISSING.search(message)
    return _install(settings, found[1]) if found else None


def _install(settings: Settings, module: str) -> str:
    if "nifi" in settings.embedded:
        pip, restart = f"{shlex.quote(sys.executable)} -m pip", " (idemflow down && idemflow up)"
    else:
        pip, restart = "in NiFi's Python: pip", ""
    return f"{pip} install {module}, or the package that has it, restart NiFi{restart}"

"""The Python steps of a pipeline: what runs inside NiFi, in its ExecuteScript.

A Script Body is the user's own script and one call of :func:`step`. The steps are imported by
NiFi's Python: they need the standard library alone, and import nothing else of idemflow. All
scripts of a NiFi share these modules: they hold constants, and no state.
"""

from __future__ import annotations

import importlib
from typing import Any

from idemflow import __version__

# What a drawn call means: raised with each change that an older idemflow would not understand.
INTERFACE = 3
# The oldest drawn calls that are still understood.
OLDEST = 1


class StepRefused(Exception):
    """A step cannot run in this NiFi; the message names the command that helps."""

    # Its name on the canvas, without the module.
    __module__ = "builtins"


def step(name: str, /, *bound: Any, drawn_by: str, interface: int, **values: Any) -> None:
    """Run a step; what a Script Body calls.

    Args:
        name: ``module:function``.
        bound: what NiFi binds for a script and the function takes: session, context, REL_SUCCESS,
            REL_FAILURE.
        drawn_by: the version of the idemflow that drew the script.
        interface: its :data:`INTERFACE`.
        values: the pipeline's values for the function.

    Raises:
        StepRefused: this idemflow does not understand the call, or the module is not installed.
        Exception: whatever the step raises; NiFi rolls the session back.
    """
    refused = refusal(drawn_by, interface, values.get("pipeline", ""))
    if refused:
        raise StepRefused(refused)
    module, _, function = name.partition(":")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise StepRefused(
            f"NiFi's Python has no module {error.name}, which this step runs: "
            + installing(drawn_by, module)
        ) from error
    getattr(found, function)(*bound, **values)


def refusal(
    drawn_by: str,
    interface: int,
    pipeline: str,
    *,
    version: str = __version__,
    newest: int = INTERFACE,
    oldest: int = OLDEST,
) -> str | None:
    """Why an idemflow does not understand a call, and the command that helps.

    Args:
        drawn_by: the version of the idemflow that drew the script.
        interface: its :data:`INTERFACE`.
        pipeline: the pipeline's name; empty where it is not known.
        version: the version of the idemflow that NiFi's Python has.
        newest: its :data:`INTERFACE`.
        oldest: its :data:`OLDEST`.

    Returns:
        ``None`` where it does understand.
    """
    if oldest <= interface <= newest:
        return None
    if interface > newest:
        fix = installing(drawn_by)
    else:
        fix = f"run `{f'idemflow deploy {pipeline}'.strip()}` with idemflow {version}"
    return (
        f"this step was drawn by idemflow {drawn_by} (steps {interface}), this NiFi has idemflow "
        f"{version} (steps {newest}): {fix}"
    )


def installing(drawn_by: str, module: str = __name__) -> str:
    """How what a step runs comes into NiFi's Python.

    Args:
        drawn_by: the version of the idemflow that drew the step.
        module: the module that is missing.
    """
    if module.partition(".")[0] != "idemflow":
        return "install the package that has it in NiFi's Python and restart NiFi"
    return (
        f"run `pip install --no-deps idemflow=={drawn_by}` in NiFi's Python and restart NiFi "
        "(one that idemflow started: `idemflow down`, `idemflow up`)"
    )

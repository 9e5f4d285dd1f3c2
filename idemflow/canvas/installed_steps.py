"""Whether NiFi's Python has the steps that a flow calls: a script asks it, in a scratch group."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

import nipyapi

from idemflow import steps
from idemflow.canvas import component_state, control, flow_file, monitoring, process_groups
from idemflow.canvas.catalog import component as read_component
from idemflow.drawing import catalog, script_body
from idemflow.drawing.script_body import Call
from idemflow.errors import CanvasError

_NAME = "idemflow asks NiFi's Python for its steps here"
# The answer goes into the processor's state: of all that a script can leave behind, that needs no
# connection and is read with one request.
_QUESTION = """\
import importlib
from org.apache.nifi.components.state import Scope

answer = None
try:
    from idemflow import __version__ as version
    from idemflow.steps import INTERFACE, OLDEST
    answer = {"version": version, "newest": str(INTERFACE), "oldest": str(OLDEST)}
    for name in %r:
        answer["module"] = name
        importlib.import_module(name)
except Exception as error:
    answer = {"problem": str(error)} if answer is None else {**answer, "missing": str(error)}
context.getStateManager().setState(answer, Scope.LOCAL)
"""
_MISSING = """\
import importlib.util
from org.apache.nifi.components.state import Scope

missing = {name: "missing" for name in %r if importlib.util.find_spec(name) is None}
context.getStateManager().setState({"asked": "yes", **missing}, Scope.LOCAL)
"""
_DEADLINE = 60.0


def calls(definition: Mapping[str, Any] | None) -> set[Call]:
    """What the Script Bodies of a flow definition call.

    Nothing in a definition whose steps are pasted into its scripts, as idemflow drew them once, and
    nothing in none.
    """
    if definition is None:
        return set()
    found = (
        script_body.called(value)
        for part in flow_file.parts(definition["flowContents"])
        for value in part["properties"].values()
        if isinstance(value, str)
    )
    return {call for call in found if call is not None}


def check(pipeline: str, wanted: Collection[Call]) -> None:
    """Check that NiFi's Python understands calls, before anything is changed.

    Args:
        pipeline: the pipeline's name.
        wanted: the calls; none are no question.

    Raises:
        CanvasError: it does not, or runs no script at all.
    """
    if not wanted:
        return
    answer = _ask(_QUESTION % sorted({call.step.partition(":")[0] for call in wanted}))
    drawn_by = max(wanted, key=lambda call: call.interface).drawn_by
    if "problem" in answer:
        raise CanvasError(
            f"NiFi's Python lacks the steps of {pipeline}: {answer['problem']}",
            next_command=steps.installing(drawn_by),
        )
    for call in wanted:
        refused = steps.refusal(
            call.drawn_by, call.interface, pipeline, version=answer["version"],
            newest=int(answer["newest"]), oldest=int(answer["oldest"]),
        )  # fmt: skip
        if refused:
            raise CanvasError(refused)
    if "missing" in answer:
        raise CanvasError(
            f"NiFi's Python lacks a step of {pipeline}: {answer['missing']}",
            next_command=steps.installing(drawn_by, answer["module"]),
        )


def missing(modules: Collection[str]) -> list[str]:
    """Those of some modules (``pandas``) that NiFi's Python cannot import.

    Raises:
        CanvasError: it runs no script at all.
    """
    return sorted({*_ask(_MISSING % sorted(modules))} & {*modules}) if modules else []


def _ask(question: str) -> dict[str, str]:
    with process_groups.scratch(_NAME) as scratch:
        _make(scratch, question)
        if found := control.problems(scratch.id):
            raise CanvasError("NiFi cannot run Python steps: " + "; ".join(found))
        control.run_once(scratch.id, _NAME)
        return _answer(scratch.id)


def _make(scratch: nipyapi.nifi.ProcessGroupEntity, body: str) -> None:
    kinds = nipyapi.nifi.FlowApi().get_processor_types(type=catalog.SCRIPT).processor_types
    made = nipyapi.canvas.create_processor(scratch, kinds[-1], (0.0, 0.0), name=_NAME)
    names = read_component(made.component)
    properties = {"Script Engine": "python", "Script Body": body}
    nipyapi.canvas.update_processor(
        made,
        nipyapi.nifi.ProcessorConfigDTO(
            properties={names.internal(name): value for name, value in properties.items()},
            auto_terminated_relationships=list(names.relationships),
        ),
    )


def _answer(scratch: str) -> dict[str, str]:
    """The answer of the script.

    Raises:
        CanvasError: there is none.
    """
    deadline = time.monotonic() + _DEADLINE
    while True:
        for state in component_state.read(scratch):
            return state.entries
        failed = [item.message for item in monitoring.bulletins(scratch) if item.level == "ERROR"]
        if failed or time.monotonic() > deadline:
            why = failed[0] if failed else f"a script gives no answer within {_DEADLINE:.0f} s"
            raise CanvasError(f"NiFi runs no Python: {why}", next_command="idemflow logs nifi")
        time.sleep(0.05)

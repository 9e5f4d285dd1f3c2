"""What steps remember from one run to the next: NiFi's component state."""

from __future__ import annotations

from dataclasses import dataclass

import nipyapi

from idemflow.canvas.client import errors
from idemflow.canvas.process_groups import processors


@dataclass(frozen=True)
class State:
    """What a step remembers from one run to the next.

    Attributes:
        id: the processor's id.
        step: its name.
        entries: keys and values.
    """

    id: str
    step: str
    entries: dict[str, str]


def read(group: str) -> list[State]:
    """The state that the steps of a group keep, those with none left out.

    Args:
        group: id of the process group.
    """
    api = nipyapi.nifi.ProcessorsApi()
    found = []
    with errors():
        for part in processors(group):
            if not part.component.persists_state:
                continue
            state = api.get_state2(part.id).component_state
            entries = {
                entry.key: entry.value
                for scope in (state.local_state, state.cluster_state)
                if scope is not None
                for entry in scope.state or ()
            }
            if entries:
                found.append(State(part.id, part.component.name, entries))
    return found


def clear(state: State) -> None:
    """Forget what a step keeps; it is stopped for that, and started again if it ran.

    Raises:
        CanvasError: NiFi refused.
    """
    with errors():
        step = nipyapi.canvas.get_processor(state.id, "id")
        running = step.component.state == "RUNNING"
        if running:
            nipyapi.canvas.schedule_processor(step, False)
        try:
            nipyapi.nifi.ProcessorsApi().clear_state3(state.id)
        finally:
            if running:
                nipyapi.canvas.schedule_processor(
                    nipyapi.canvas.get_processor(state.id, "id"), True
                )

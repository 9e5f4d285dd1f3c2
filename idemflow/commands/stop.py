"""``idemflow stop``: let a pipeline no longer run by itself."""

from __future__ import annotations

from idemflow.canvas import control, process_groups
from idemflow.canvas import schedule as on_canvas
from idemflow.commands._session import connection
from idemflow.commands.start import PipelineSchedule, schedule
from idemflow.config.settings import Settings


def stop(settings: Settings, name: str, *, everything: bool = False) -> PipelineSchedule:
    """Stop a pipeline's schedule; what is on its way still arrives.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        everything: stop all steps as well; what is queued stays queued until ``start``.
    """
    with connection(settings, name):
        group = process_groups.find_id(name)
        on_canvas.stop(group)
        if everything:
            control.stop(group)
        return schedule(name, group)

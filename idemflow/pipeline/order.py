"""In which order pipelines run that need others: ``after:`` of the YAML."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from idemflow.errors import PipelineError, meant
from idemflow.pipeline.spec import Pipeline


def problems(
    pipeline: Pipeline, others: Mapping[str, Pipeline], known: Collection[str]
) -> Iterator[str]:
    """What is wrong with the ``after`` of a pipeline.

    Args:
        pipeline: the pipeline.
        others: the valid pipelines of the project, by name.
        known: the names of all.
    """
    for name in pipeline.after:
        if name not in known:
            yield f"there is no pipeline {name!r}{meant(name, known)}"
    if circle := _circle({**others, pipeline.name: pipeline}, pipeline.name):
        yield f"it is after itself: {' after '.join(circle)}"


def in_order(pipelines: Mapping[str, Pipeline]) -> list[str]:
    """Their names, each behind those that it is after; else by name.

    Raises:
        PipelineError: one is after itself.
    """
    graph = {name: sorted(set(one.after) & pipelines.keys()) for name, one in pipelines.items()}
    try:
        return [*TopologicalSorter(dict(sorted(graph.items()))).static_order()]
    except CycleError as error:
        circle = [str(name) for name in reversed(error.args[1])]
        raise PipelineError(
            f"flows/{circle[0]}.yaml", f"it is after itself: {' after '.join(circle)}",
            field="after", next_command="idemflow check",
        ) from None  # fmt: skip


def _circle(pipelines: Mapping[str, Pipeline], name: str) -> list[str]:
    """The way from a pipeline back to itself; empty where there is none."""
    ways = [[name]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for one in pipelines[way[-1]].after if way[-1] in pipelines else ():
            if one == name:
                return [*way, one]
            if one not in seen:
                seen.add(one)
                ways.append([*way, one])
    return []

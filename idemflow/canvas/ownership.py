"""Whose a pipeline on the canvas is: the mark of its parameter context.

The mark is a line of the context's description. NiFi keeps that out of flow definitions: it is in
no version in git, it is no change of the flow, and two checkouts of one flow have a mark each. It
names the process group by NiFi's id of it, which stays when a person moves or renames the group.
A name alone is no mark.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import nipyapi
from nipyapi.nifi.rest import ApiException

from idemflow.canvas import client, contexts
from idemflow.canvas.client import errors
from idemflow.drawing.parameters import context_name
from idemflow.errors import CanvasError, UsageError

_LINE = re.compile(
    r"^idemflow: project (\S+), pipeline (\S+), group (\S+), flow (\S+), folder (.+)$", re.M
)
NONE = "none"
_TEXT = "Written by idemflow deploy. By the line below it knows what is its own:"


@dataclass(frozen=True)
class Mark:
    """What the line says.

    Attributes:
        project: id of the project.
        pipeline: name of the pipeline.
        group: id of its process group; ``none`` before that is made.
        flow: hash of the flow as a deployment left it; ``none`` before the first.
        folder: the project's folder, from where that was. Projects that share a runtime's folder
            share its id.
    """

    project: str
    pipeline: str
    group: str = NONE
    flow: str = NONE
    folder: str = NONE

    @property
    def is_deployed(self) -> bool:
        """Whether a deployment has come to its end."""
        return self.flow != NONE

    def __str__(self) -> str:
        return (
            f"idemflow: project {self.project}, pipeline {self.pipeline}, "
            f"group {self.group}, flow {self.flow}, folder {self.folder}"
        )

    def written_into(self, description: str | None) -> str:
        """A description with this mark in place of one that is there."""
        text = description or _TEXT
        return _LINE.sub(lambda _: str(self), text) if _LINE.search(text) else f"{text}\n{self}"


@dataclass(frozen=True)
class Place:
    """Where a pipeline is on the canvas.

    Attributes:
        context: its parameter context, ``None`` where there is none.
        mark: the mark of that, ``None`` where it has none.
        group: id of its process group, ``None`` where there is none.
    """

    context: Any = None
    mark: Mark | None = None
    group: str | None = None


def read(description: str | None) -> Mark | None:
    """The mark in a description, if there is one."""
    found = _LINE.search(description or "")
    return Mark(*found.groups()) if found else None


def is_own(context: Any) -> bool:
    """Whether a parameter context has this project's mark."""
    mark = read(context.component.description)
    return mark is not None and _is_own(mark)


def all_own() -> list[Mark]:
    """The marks of this project on the canvas."""
    found = (read(one.component.description) for one in contexts.every())
    return [mark for mark in found if mark is not None and _is_own(mark)]


def find(pipeline: str) -> Place:
    """Where this project's pipeline of that name is, in whatever group a person moved it to.

    Raises:
        CanvasError: several groups may be meant.
    """

    def is_it(context: Any) -> bool:
        mark = read(context.component.description)
        return mark is not None and mark.pipeline == pipeline and _is_own(mark)

    context = contexts.first((client.project(), pipeline), is_it)
    mark = read(context.component.description) if context else None
    return Place(context, mark, _group(context, mark)) if mark else Place()


def foreign(pipeline: str) -> Place:
    """What has the names of a pipeline without being this project's.

    That is its parameter context, with the group that uses it wherever that is, or a group on the
    root canvas, where a new one would be drawn.

    Raises:
        CanvasError: several groups may be meant.
    """
    context = contexts.named(context_name(pipeline))
    mark = read(context.component.description) if context else None
    if mark is not None and _is_own(mark):
        context = mark = None
    used = _group(context, mark or Mark(NONE, pipeline)) if context else None
    with errors():
        root = nipyapi.nifi.ProcessGroupsApi().get_process_groups("root").process_groups
    named = (one for one in root if one.component and one.component.name == pipeline)
    groups = dict.fromkeys([*([used] if used else []), *(str(one.id) for one in named)])
    if len(groups) > 1:
        raise _several(pipeline, list(groups))
    return Place(context, mark, next(iter(groups), None))


def to_deploy(pipeline: str, *, adopt: bool) -> Place:
    """Where a pipeline is that is to be deployed; an empty place for a new one.

    Args:
        pipeline: its name.
        adopt: take over what has its names and is not this project's.

    Raises:
        UsageError: there is such a thing, and ``adopt`` is not set.
        CanvasError: several groups may be meant.
    """
    own = find(pipeline)
    if own.group is not None:
        return own
    others = foreign(pipeline)
    if others.context is None and others.group is None:
        return own
    if not adopt:
        raise UsageError(
            f"the canvas has {_described(others, pipeline)}, which this project "
            f"({client.project()}) did not make",
            next_command=f"idemflow deploy {pipeline} --adopt takes it over; or rename one of the "
            "two"
            + (
                f"; or, where both are one project, set project_id to {others.mark.project}"
                if others.mark
                else ""
            ),
        )
    return Place(own.context or others.context, own.mark or others.mark, others.group)


def adopt(pipeline: str, *, dry_run: bool) -> list[tuple[str, str]]:
    """Put this project's mark on what has a pipeline's names.

    Args:
        pipeline: its name.
        dry_run: only say what.

    Returns:
        What is taken over, and whose it was; nothing where all of it is this project's.
    """
    place = to_deploy(pipeline, adopt=True)
    if (place.context is None and place.group is None) or is_settled(place):
        return []
    was = f"the project {place.mark.project}" if place.mark else "no mark of idemflow"
    found = [f"process group {path(place.group)}"] if place.group is not None else []
    if place.context is not None:
        found.append(f"parameter context {place.context.component.name}")
    if not dry_run:
        context = take(place, pipeline, [])
        if place.group is not None:
            claim(context, place, pipeline, place.group)
    return [(thing, was) for thing in found]


def take(place: Place, pipeline: str, parameters: list[Any]) -> str:
    """Make the parameter context of a pipeline, or put the mark and the name on the one there is.

    Args:
        place: where the pipeline is.
        pipeline: its name.
        parameters: those of a new context.

    Returns:
        The context's id.

    Raises:
        CanvasError: another deployment has made one meanwhile: NiFi has no two of one name.
    """
    if place.context is not None:
        if not (is_settled(place) and place.context.component.name == context_name(pipeline)):
            _mark(place.context.id, lambda mark: _own(pipeline, mark))
        return str(place.context.id)
    with errors():
        made = nipyapi.parameters.create_parameter_context(
            context_name(pipeline), _own(pipeline, None).written_into(None), parameters
        )
    return str(made.id)


def is_settled(place: Place) -> bool:
    """Whether the mark is this project's and names the group."""
    return place.mark is not None and place.mark.group == place.group and _is_own(place.mark)


def claim(context: str, before: Place, pipeline: str, group: str) -> bool:
    """Write the id of a pipeline's group into its mark, unless another deployment has done so.

    Args:
        context: id of the parameter context.
        before: where the pipeline was when this deployment began.
        pipeline: its name.
        group: id of the group.

    Returns:
        Whether the group is the pipeline's now.
    """
    known = before.mark.group if before.mark else NONE

    def claimed(mark: Mark | None) -> Mark | None:
        own = _own(pipeline, mark)
        return replace(own, group=group) if own.group in (known, group) else None

    return _mark(context, claimed)


def remember(pipeline: str, flow: str, folder: str) -> None:
    """Keep the hash of a pipeline's flow in its mark, and from where it was deployed."""
    place = find(pipeline)
    if place.mark is None or place.mark == replace(place.mark, flow=flow, folder=folder):
        return
    _mark(
        place.context.id,
        lambda mark: replace(mark, flow=flow, folder=folder) if mark else None,
    )


def release(context: str) -> None:
    """Take the mark off a parameter context."""
    with errors():
        api = nipyapi.nifi.ParameterContextsApi()
        now = api.get_parameter_context(context)
        description = _LINE.sub("", now.component.description or "").strip()
        component = {"id": context, "description": description}
        body = {"id": context, "revision": now.revision, "component": component}
        api.update_parameter_context(body, context)


def path(group: str) -> str:
    """The names of the groups from the root canvas to a group."""
    names: list[str] = []
    with errors():
        crumb = nipyapi.nifi.FlowApi().get_breadcrumbs(group)
    while crumb is not None:
        names.insert(0, str(crumb.breadcrumb.name) if crumb.breadcrumb else str(crumb.id))
        crumb = crumb.parent_breadcrumb
    return " / ".join(names)


def _mark(context: str, change: Callable[[Mark | None], Mark | None]) -> bool:
    """Change a mark; what another command writes meanwhile is read again, never overwritten.

    Returns:
        Whether it was changed; not where ``change`` gives ``None``.
    """
    api = nipyapi.nifi.ParameterContextsApi()
    while True:
        with errors():
            now = api.get_parameter_context(context)
        mark = change(read(now.component.description))
        if mark is None:
            return False
        body = {
            "id": context,
            # NiFi lets the same client write on top of an older revision.
            "revision": {"version": now.revision.version, "clientId": str(uuid.uuid4())},
            "component": {
                "id": context,
                "name": context_name(mark.pipeline),
                "description": mark.written_into(now.component.description),
            },
        }
        try:
            api.update_parameter_context(body, context)
            return True
        except ApiException:
            with errors():
                if api.get_parameter_context(context).revision.version == now.revision.version:
                    raise


def _is_own(mark: Mark) -> bool:
    return client.project() in (None, mark.project)


def _own(pipeline: str, mark: Mark | None) -> Mark:
    """The mark that this project's context of a pipeline has in place of another."""
    project = client.project()
    assert project is not None, "a deployment connects with its project"
    kept = (mark.group, mark.flow, mark.folder) if mark else ()
    return Mark(project, pipeline, *kept)


def _group(context: Any, mark: Mark) -> str | None:
    if mark.group != NONE and (
        mark.group in {one.id for one in context.component.bound_process_groups or ()}
        or _exists(mark.group)  # somebody gave it another context
    ):
        return mark.group
    # That one was deleted. Another was made of a version, or restored, on the canvas.
    named = [one.id for one in _outermost(context) if one.component.name == mark.pipeline]
    if len(named) > 1:
        raise _several(mark.pipeline, named)
    return str(named[0]) if named else None


def _outermost(context: Any) -> Iterator[Any]:
    """The groups that use a context, without the groups in them."""
    bound = {one.id: one for one in context.component.bound_process_groups or ()}
    for one in bound.values():
        if one.component is not None and one.component.parent_group_id not in bound:
            yield one


def _exists(group: str) -> bool:
    try:
        nipyapi.nifi.ProcessGroupsApi().get_process_group(group)
    except ApiException as error:
        if error.status == 404:
            return False
        with errors():
            raise
    return True


def _several(pipeline: str, groups: list[str]) -> CanvasError:
    places = ", ".join(f"{path(one)} ({one})" for one in groups)
    return CanvasError(
        f"the canvas has {len(groups)} process groups that may be the pipeline {pipeline!r}: "
        f"{places}",
        next_command="rename or delete all but one of them on the canvas: idemflow open",
    )


def _described(place: Place, pipeline: str) -> str:
    named = [f"a process group at {path(place.group)}"] if place.group else []
    if place.context is not None:
        whose = f" of the project {place.mark.project}" if place.mark else ""
        named.append(f"a parameter context {context_name(pipeline)!r}{whose}")
    return " and ".join(named)

"""Marks of ownership: whose an index, an index template or an alias is, and whose a pipeline.

An index has its mark in its mapping's ``_meta``, which the template gives it where Elasticsearch
makes it on the first write; a template has it in its own; the mark of an alias is that of the index
that it points at. The ledger is shared by all projects of an Elasticsearch, and knows its documents
by the pipeline's name: a document of ``idemflow-pipelines`` says which project has a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from elasticsearch import ConflictError, NotFoundError

from idemflow.elasticsearch.connect import Connection
from idemflow.elasticsearch.ledger import KEY, PIPELINES
from idemflow.elasticsearch.search import scan
from idemflow.errors import UsageError

# Why something is refused that has no mark.
UNMARKED = "has no mark of idemflow: someone else made it, or an earlier version did"
Meta = Mapping[str, Any]
"""What a ``_meta`` has; of others as well."""


class Owner(NamedTuple):
    """A pipeline of a project.

    Attributes:
        project: the project's id: see :func:`idemflow.config.project_id.project_id`.
        pipeline: the pipeline's name.
    """

    project: str
    pipeline: str

    def seen_by(self, owner: Owner) -> str:
        """Who this is, for another."""
        of = "" if self.project == owner.project else f" of another project (id {self.project})"
        return f"the pipeline {self.pipeline}{of}"


@dataclass(frozen=True)
class Mark:
    """A mark of ownership.

    Attributes:
        owners: who writes to what it is on.
        shared: whether others may as well, that say so, too.
    """

    owners: tuple[Owner, ...]
    shared: bool = False

    @classmethod
    def read(cls, meta: Meta) -> Mark | None:
        """The mark in a ``_meta``, if there is one."""
        try:
            found = meta[KEY]
            owners = tuple(Owner(one["project"], one["pipeline"]) for one in found["owners"])
            return cls(owners, found["shared"] is True) if owners else None
        except (KeyError, TypeError):
            return None

    def meta(self, **more: Any) -> dict[str, Any]:
        """The mark as a ``_meta`` has it."""
        owners = [one._asdict() for one in self.owners]
        return {KEY: {"owners": owners, "shared": self.shared, **more}}


def joined(owner: Owner, marks: Iterable[Mark | None], *, shared: bool) -> Mark:
    """The mark of what a pipeline owns now, with the others who share it."""
    others = (one for mark in marks if shared and mark and mark.shared for one in mark.owners)
    return Mark(tuple(sorted({owner, *others})), shared)


def refusal(owner: Owner, mark: Mark | None, *, shared: bool) -> str | None:
    """Why what has this mark is not to be touched by a pipeline; ``None`` where it may be.

    Args:
        owner: the pipeline.
        mark: what was found.
        shared: whether the pipeline's YAML says ``index.shared: true``.
    """
    if mark is None:
        return UNMARKED
    others = " and ".join(one.seen_by(owner) for one in mark.owners if one != owner)
    if not others or (shared and mark.shared):
        return None
    if owner in mark.owners:
        return f"is shared with {others}, and index.shared is no longer true here"
    if shared:
        first = next(one for one in mark.owners if one != owner)
        return f"belongs to {others}, and flows/{first.pipeline}.yaml does not share it"
    return f"belongs to {others}"


def other_project(connection: Connection, owner: Owner) -> Mapping[str, str] | None:
    """Which other project has a pipeline of that name: its ``project`` and ``place``."""
    with connection.errors():
        try:
            found: Mapping[str, str] = connection.client.get(index=PIPELINES, id=owner.pipeline)[
                "_source"
            ]
        except NotFoundError:
            return None
    return None if found["project"] == owner.project else found


def names_of(connection: Connection, project: str) -> list[str]:
    """The names of all pipelines that a project has deployed and not removed with their data."""
    query = {"term": {"project": project}}
    return sorted(hit["_id"] for hit in scan(connection, PIPELINES, query, source=False))


def check_name(connection: Connection, owner: Owner) -> None:
    """Check that no other project has a pipeline of that name on this Elasticsearch.

    Raises:
        UsageError: one has; their runs and dead letters would be taken for each other's.
    """
    found = other_project(connection, owner)
    if found is None:
        return
    name, theirs = owner.pipeline, found["project"]
    raise UsageError(
        f"another project has a pipeline {name} on this Elasticsearch: {found['place']}, "
        f"id {theirs}. The runs and dead letters of both would be mixed up",
        next_command="give this pipeline another name; or, where both are one project, "
        f"export IDEMFLOW_PROJECT_ID={theirs} (setting project_id); or take it over: "
        f"idemflow deploy {name} --adopt",
    )


def claim_name(connection: Connection, owner: Owner, place: str, *, adopt: bool) -> None:
    """Note that a project has the pipeline of that name, on all of Elasticsearch.

    Args:
        connection: Elasticsearch.
        owner: the pipeline.
        place: where its project is, for people.
        adopt: take it from another project.

    Raises:
        UsageError: another project has it.
    """
    document = {"project": owner.project, "place": place}
    # Of two projects that claim a name at the same time, the second is told.
    only: dict[str, Any] = {} if adopt else {"op_type": "create"}
    with connection.errors():
        try:
            connection.client.index(index=PIPELINES, id=owner.pipeline, document=document, **only)
            return
        except ConflictError:
            pass
    check_name(connection, owner)

"""Refuse to change what makes the ids of documents that are there already."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from idemflow.canvas import flow
from idemflow.commands._session import Session, session
from idemflow.config.settings import Settings
from idemflow.drawing.boxes import Json
from idemflow.elasticsearch.identity_mark import note, other_identity
from idemflow.errors import PipelineError
from idemflow.pipeline.identity import rule_in_words
from idemflow.steps.rules.words import counted


def refuse_other(
    opened: Session, rule: Mapping[str, Any] | None, *, keep: bool, adopt: bool = False
) -> None:
    """Refuse a rule that would give the records in an index other ids than they have.

    Args:
        opened: the connections.
        rule: the rule that is to make ids from now on; ``None`` where it is not known.
        keep: whether the index may hold documents of two rules.
        adopt: whether the index is being taken over, so that the next command has to say so again.

    Raises:
        PipelineError: it would, and may not.
    """
    pipeline = opened.pipeline
    if keep or rule is None or (other := other_identity(opened.ledger, pipeline, rule)) is None:
        return
    name = pipeline.name
    before = rule_in_words(other.rule) if other.rule else "something else"
    raise PipelineError(
        f"flows/{name}.yaml",
        f"ids came from {before}; now they come from {rule_in_words(rule)}. The index "
        f"{other.index} holds {counted(other.documents, 'document')} under the ids of before: a "
        "run would add the same records under others",
        field="identity",
        next_command="give index.name a new name (`mode: snapshot` builds a new index behind that "
        f"name in each run); or delete the index {other.index}; or keep both: "
        f"idemflow deploy {name}{' --adopt' * adopt} --keep-old-documents",
    )


def note_rule(opened: Session, rule: Mapping[str, Any] | None) -> None:
    """Note the rule that makes ids from now on, for the next deployment."""
    if rule is not None:
        note(opened.ledger, opened.pipeline, rule)


@contextmanager
def version_guarded(settings: Settings, name: str, live: Json, wanted: Json) -> Iterator[None]:
    """Refuse a committed version with such a rule; note the rule once it is on the canvas.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        live: the flow definition of what is on the canvas.
        wanted: that of the version.
    """
    rule = rule_in(wanted)
    if rule == rule_in(live):
        yield
        return
    with session(settings, name) as opened:
        refuse_other(opened, rule, keep=False)
        yield
        note_rule(opened, rule)


def rule_in(definition: Json) -> dict[str, Any] | None:
    """The identity rule in a flow definition; ``None`` where it has none that can be read."""
    groups = [definition["flowContents"]]
    while groups:
        group = groups.pop()
        groups += group.get("processGroups") or ()
        for step in group.get("processors") or ():
            if step["name"] == flow.IDENTIFY:
                try:
                    return dict(json.loads(step["properties"]["identity"]))
                except (KeyError, TypeError, ValueError):
                    return None
    return None

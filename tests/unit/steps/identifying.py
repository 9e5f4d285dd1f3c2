"""Runs Identify on one FlowFile, for the tests of its parts."""

from __future__ import annotations

import json
from typing import Any

from idemflow.steps.identify import identify
from idemflow.steps.rules.identity import canonical, content_hash
from idemflow.steps.rules.manifest import unpack
from tests.unit.steps.fakes import FAILURE, SUCCESS, Context, Session

RUN = {"idemflow.run": "r1", "idemflow.source": "a.csv"}
BY_ID = {"fields": ["id"]}
BY_TIME = {"field": "at", "type": "timestamp"}
BY_NUMBER = {"field": "n", "type": "integer"}

Attributes = dict[str, str]


def identified(
    content: bytes | str,
    attributes: Attributes | None = None,
    *,
    identity: dict[str, Any] | None = None,
    version: dict[str, str] | None = None,
    delete: dict[str, Any] | None = None,
    batch: bool = True,
    transform: Any = None,
) -> Session:
    data = content if isinstance(content, bytes) else content.encode()
    session = Session((data, RUN | (attributes or {})))
    rules = {"identity": identity or BY_ID, "version": version, "delete": delete}
    known = {name: json.dumps(rule) for name, rule in rules.items() if rule is not None}
    context = Context(index="things", **known)
    identify(session, context, SUCCESS, FAILURE, pipeline="p", batch=batch, transform=transform)
    return session


def manifest(session: Session) -> dict[str, Any]:
    ((content, _),) = session.at(SUCCESS, kind="manifest")
    written: dict[str, Any] = json.loads(content)
    written["entries"] = unpack(written["entries"])
    assert unpack(written.pop("stale")) == []
    return written


def counts(session: Session) -> tuple[int, int, int, int]:
    """taken, count, refused, dropped."""
    found = manifest(session)
    return found["taken"], found["count"], found["refused"], found["dropped"]


def digest(record: object) -> str:
    return content_hash(canonical(record))

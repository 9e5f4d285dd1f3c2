"""The rules, one file a family. ``docs/audit.md`` lists each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from idemflow.audit.findings import Finding
from idemflow.audit.flow import Flow
from idemflow.audit.rules import (
    contents,
    databases,
    elasticsearch,
    failures,
    files,
    http,
    messages,
    operations,
    queues,
    shaping,
    sources,
    unread,
)
from idemflow.audit.rules.rule import Rule

_FAMILIES = (
    elasticsearch, operations, shaping, contents, databases, files, messages, http, failures,
    sources, queues, unread,
)  # fmt: skip
RULES: dict[str, Rule] = {rule.name: rule for family in _FAMILIES for rule in family.RULES}
CHECKS: tuple[Callable[[Flow], Iterator[Finding]], ...] = tuple(
    family.check for family in _FAMILIES
)

"""A rule: what it says, as data. The check that finds it stands beside it, in its family's file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Path
from idemflow.audit.graph import Node


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: what ``docs/audit.md`` has it under.
        effect: what it means for a second run.
        sure: how sure it is where nothing speaks against it.
        what: what happens.
        mend: what to change.
    """

    name: str
    effect: Effect
    sure: Sure
    what: str
    mend: str

    def found(
        self,
        where: Node,
        why: str,
        paths: Path | Iterable[tuple[str, str]],
        *,
        sure: Sure | None = None,
    ) -> Finding:
        """A finding of this rule.

        Args:
            where: the component.
            why: what makes it so.
            paths: the paths that it counts for.
            sure: how sure this one is.
        """
        counted = (paths.key,) if isinstance(paths, Path) else tuple(paths)
        return Finding(
            self.name, self.effect, sure or self.sure, where, self.what, why, self.mend, counted
        )

"""What is written under the same id, and is not the same."""

from __future__ import annotations

from collections.abc import Iterator

from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Flow, Path
from idemflow.audit.rules import databases, elasticsearch, files
from idemflow.audit.rules.rule import Rule
from idemflow.audit.state import CONTENT, From

OTHER_CONTENTS = Rule(
    "other-contents", Effect.CONDITION, Sure.LIKELY,
    "A second run overwrites what is there by what differs in what the run puts in: it is the same "
    "apart from that.",
    "leave the time of the run out of what is written, where runs are compared",
)  # fmt: skip
RULES = (OTHER_CONTENTS,)

_SINKS = {*elasticsearch.TYPES, *databases.TYPES, *files.SINKS}


def check(flow: Flow) -> Iterator[Finding]:
    """The findings of this family."""
    for path in flow.paths:
        if path.sink.type in _SINKS:
            for why in sorted(_told(path)):
                yield OTHER_CONTENTS.found(path.sink, why, path)


def _told(path: Path) -> set[str]:
    fields = {
        f"{name}: {item.why}"
        for name, origins in path.state.fields().items()
        for item in origins
        if item.kind is From.CHANCE
    }
    whole = {item.why for item in path.state.get(CONTENT) if item.kind is From.CHANCE}
    return fields or whole

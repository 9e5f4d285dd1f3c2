"""What a pipeline's YAML may be, found out before anything is made of it.

Nine lines of aliases stand for a thousand million values, and brackets in brackets end Python's
stack. A pipeline needs neither, so both are refused while they are read.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent
from ruamel.yaml.parser import RoundTripParser
from ruamel.yaml.scanner import RoundTripScanner

BYTES = 128 << 10
DEPTH = 64
VALUES = 10_000


class BeyondLimits(ValueError):
    """YAML that is not read further.

    Args:
        message: what is too much.
        line: its line, from 1.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def load(text: str) -> Any:
    """Read YAML with the lines of its fields; what is beyond the limits stops it at once.

    Raises:
        BeyondLimits: it is nested too deeply, has too many values, or a value that has itself in
            it; or a tag, which may stand for a program.
        YAMLError: it is no YAML.
    """
    yaml = YAML(typ="rt")
    yaml.Parser, yaml.Scanner = _Parser, _Scanner
    return yaml.load(text)


class _Scanner(RoundTripScanner):
    """Looks ahead of the parser, up to a thousand brackets: what is too deep is known before."""

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:  # noqa: N803
        super().fetch_flow_collection_start(TokenClass=TokenClass, to_push=to_push)
        _check_depth(self.flow_level, self.reader.line + 1)


class _Parser(RoundTripParser):
    """Checks each event before anything is made of it."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self._read = _Read()

    def get_event(self) -> Any:
        event = super().get_event()
        if isinstance(event, CollectionEndEvent):
            self._read.end()
        elif isinstance(event, NodeEvent):
            self._read.node(event, event.start_mark.line + 1)
        return event


class _Read:
    """What was read of a file so far: its values, aliases counted out, and what is open."""

    def __init__(self) -> None:
        self.values = 0
        # The anchor of each collection whose end was not read, and the values before it.
        self.open: list[tuple[str | None, int]] = []
        # How many values stand behind an anchor.
        self._sizes: dict[str, int] = {}

    def node(self, event: Any, line: int) -> None:
        self._take(event, line)
        _check_depth(len(self.open), line)
        if self.values > VALUES:
            raise BeyondLimits(f"it has more than {VALUES:,} values, each * counted out", line)

    def _take(self, event: Any, line: int) -> None:
        anchor: str | None = event.anchor
        if isinstance(event, AliasEvent):
            if any(anchor == name for name, _ in self.open):
                raise BeyondLimits(f"*{anchor} stands inside of what it stands for", line)
            self.values += self._sizes.get(event.anchor, 1)
            return
        if event.tag not in (None, "!"):
            raise BeyondLimits(f"the tag {_shown(event.tag)} is not allowed, as none is", line)
        if isinstance(event, CollectionStartEvent):
            self.open.append((anchor, self.values))
        elif anchor is not None:
            self._sizes[anchor] = 1
        self.values += 1

    def end(self) -> None:
        anchor, before = self.open.pop()
        if anchor is not None:
            self._sizes[anchor] = self.values - before


def _check_depth(levels: int, line: int) -> None:
    if levels > DEPTH:
        raise BeyondLimits(f"it is nested more than {DEPTH} levels deep", line)


def _shown(tag: str) -> str:
    """A tag as it is written."""
    return tag.replace("tag:yaml.org,2002:", "!!")

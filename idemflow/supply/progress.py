"""How the stages tell what they do; the command line decides how to show it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told what happens. All methods may be called from several threads."""

    def step(self, text: str) -> None:
        """A new stage begins."""

    def expect(self, files: int, total_bytes: int) -> None:
        """So many files with so many bytes will be transferred."""

    def begin(self, name: str, total_bytes: int, done_bytes: int) -> None:
        """The transfer of a file starts, or goes on after ``done_bytes``."""

    def advance(self, name: str, amount: int) -> None:
        """``amount`` more bytes of a file have arrived; negative where it starts over."""

    def end(self, name: str) -> None:
        """The file is there."""


class Silent:
    """Shows nothing."""

    def step(self, text: str) -> None: ...

    def expect(self, files: int, total_bytes: int) -> None: ...

    def begin(self, name: str, total_bytes: int, done_bytes: int) -> None: ...

    def advance(self, name: str, amount: int) -> None: ...

    def end(self, name: str) -> None: ...

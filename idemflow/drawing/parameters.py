"""A parameter of a process group's parameter context."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

_MARK = "; set by idemflow, print "
# In place of the print, where the value is gone.
_NONE = "-"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a parameter context.

    Attributes:
        name: its name, as ``#{name}`` refers to it.
        value: its value.
        sensitive: whether NiFi encrypts it and never shows it again.
        description: what an operator reads.
    """

    name: str
    value: str
    description: str
    sensitive: bool = False
    shown: str = field(init=False, repr=False, default="")

    def __post_init__(self) -> None:
        """Add to a sensitive parameter's description what tells whether its value changed."""
        shown = self.description
        if self.sensitive:
            # NiFi never gives a sensitive value back. 32 bits of a slow hash tell whether it is
            # still the same, and are too few to find it from.
            shown += _MARK + _print(self.value, self.name)
        object.__setattr__(self, "shown", shown)


@lru_cache(maxsize=64)
def _print(value: str, name: str) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", value.encode(), name.encode(), 100_000)
    return digest[:4].hex()


def without_print(description: str) -> str:
    """The description of a sensitive parameter whose value is gone: `deploy` sets it again."""
    text, mark, _ = description.partition(_MARK)
    return text + mark + _NONE if mark else text


def with_print(description: str, name: str, value: str) -> str:
    """The same of one whose value is there again; unchanged where idemflow has not set it."""
    text, mark, _ = description.partition(_MARK)
    return text + mark + _print(value, name) if mark else text


def context_name(pipeline: str) -> str:
    """The name of a pipeline's parameter context."""
    return f"idemflow {pipeline}"

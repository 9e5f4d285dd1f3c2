"""A setting's value as a source gave it, and what it becomes: a port, an address, a file."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, SecretStr

from idemflow.config.masking import without_login
from idemflow.errors import SettingError

FILE = "idemflow.toml"
COMMAND_LINE, ENVIRONMENT, DEFAULT = "the command line", "the environment", "default"
_NEAREST_FIRST = (COMMAND_LINE, ENVIRONMENT, FILE)


@dataclass(frozen=True)
class Given:
    """A setting's value as a source gave it.

    Attributes:
        name: the setting.
        value: as it was read.
        source: where from, in words.
        base: the folder from which relative paths count.
        place: the option, the variable, or the file; "" for a default.
    """

    name: str
    value: Any
    source: str
    base: Path
    place: str = ""

    def error(self, cause: str) -> SettingError:
        value = without_login(repr(self.value))
        return SettingError(self.name, f"{value} from {self.source}{cause}")

    @property
    def distance(self) -> int:
        """How far away from the command it was given; what is remembered is the farthest."""
        near = _NEAREST_FIRST
        return near.index(self.source) if self.source in near else len(near)

    def text(self) -> str:
        if not isinstance(self.value, str | Path):
            raise self.error(" is not a text")
        return str(self.value)

    def path(self) -> Path:
        return self.base / Path(self.text()).expanduser()

    def paths(self) -> tuple[Path, ...]:
        many = self.value.split(os.pathsep) if isinstance(self.value, str) else self.value
        if not isinstance(many, list | tuple):
            raise self.error(" is not a list of folders")
        return tuple(replace(self, value=one).path() for one in many if one)

    def options(self) -> tuple[str, ...]:
        value = self.value
        try:
            options = shlex.split(value) if isinstance(value, str) else [*map(str, value)]
        except (TypeError, ValueError) as error:
            raise self.error(f": {error}") from error
        for option in options:
            if not re.fullmatch(r"-\S.*", option):
                raise self.error(f": {option!r} is not an option such as -Dname=value")
        return tuple(options)


def _number(low: int, high: int) -> BeforeValidator:
    def read(given: Given) -> int:
        if isinstance(given.value, bool) or not re.fullmatch(r"\d{1,6}", str(given.value)):
            raise given.error(" is not a whole number")
        if not low <= int(given.value) <= high:
            raise given.error(f" is not between {low} and {high}")
        return int(given.value)

    return BeforeValidator(read)


_URL = r"https?://[^\s/@]+(/\S*)?"


def _address_or_file(given: Given) -> str | Path:
    if "://" not in given.text():
        return given.path()
    if not re.fullmatch(_URL, given.text()):
        raise given.error(" is neither an address such as https://host:port nor a file")
    return given.text()


def _like(pattern: str, what: str) -> BeforeValidator:
    def read(given: Given) -> str:
        if not re.fullmatch(pattern, given.text()):
            raise given.error(f" is not {what}")
        return given.text().rstrip("/")

    return BeforeValidator(read)


Port = Annotated[int, _number(1024, 65535)]
Seconds = Annotated[int, _number(1, 86400)]
Minutes = Annotated[int, _number(1, 720)]  # NiFi gives no login that lasts longer
Text = Annotated[str, BeforeValidator(Given.text)]
ProjectId = Annotated[str, _like(r"[A-Za-z0-9._-]{1,64}", "1 to 64 letters, digits, ., _ or -")]
Heap = Annotated[str, _like(r"[1-9]\d*[mMgG]", "a Java heap size such as 768m or 2g")]
Durability = Annotated[Literal["safe", "fast"], _like("safe|fast", "safe or fast")]
Url = Annotated[str, _like(_URL, "an address such as https://host:port")]
File = Annotated[Path, BeforeValidator(Given.path)]
UrlOrFile = Annotated[str | Path, BeforeValidator(_address_or_file)]
Files = Annotated[tuple[Path, ...], BeforeValidator(Given.paths)]
Options = Annotated[tuple[str, ...], BeforeValidator(Given.options)]
Secret = Annotated[SecretStr, BeforeValidator(Given.text)]
"""Only from the environment, or from a file that it names: never from a committed file."""

"""What a project asks of pip: its ``requirements.txt``, and the versions that came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from idemflow.errors import UsageError

# The packages that a project's scripts import, as pip reads them.
REQUIREMENTS = "requirements.txt"
# The versions of them, written beside it.
LOCK = "idemflow.lock"
_BYTES = 1 << 20
_COMMENT = re.compile(r"(^|\s+)#.*$")
_INCLUDED = re.compile(r"(?:-r|--requirement|(-c|--constraint))[\s=]*(.+)")
_EDITABLE = re.compile(r"(?:-e|--editable)\b")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_MARK = "# requirements.txt: sha256:"
_HEAD = """\
# What `idemflow up` has resolved requirements.txt to, for each `idemflow up` to come, here and
# elsewhere: commit this file. Delete it to have the versions resolved anew.
"""


@dataclass(frozen=True)
class Requirements:
    """What a project asks for.

    Attributes:
        file: its requirements.txt, links followed.
        digest: of what that and the files that it includes say, comments aside: SHA-256 in hex.
        names: each package that requirements.txt itself names, and the 1-based line.
    """

    file: Path
    digest: str
    names: Mapping[str, int]

    @property
    def lock(self) -> Path:
        """The file with the resolved versions."""
        return self.file.with_name(LOCK)

    def locked(self) -> str | None:
        """The text of :attr:`lock`; ``None`` where it is of another requirements.txt, or of none.

        Raises:
            UsageError: it cannot be read.
        """
        if not self.lock.exists():
            return None
        text = _text(self.lock)
        return text if f"{_MARK}{self.digest}" in text.splitlines() else None

    def lock_text(self, report: Mapping[str, Any]) -> str:
        """The text of :attr:`lock` for what pip has installed.

        Args:
            report: pip's installation report.
        """
        lines = sorted(_locked(one) for one in report["install"])
        return "\n".join([f"{_HEAD}{_MARK}{self.digest}", *lines, ""])

    def place(self, message: str) -> str:
        """File and line of a package that a message of pip is about."""
        said = canonical(message)
        for name, line in self.names.items():
            if re.search(rf"(?<![a-z0-9-]){re.escape(name)}(?!-?[a-z0-9])", said):
                return f"{self.file}:{line}"
        return str(self.file)


def read(project: Path) -> Requirements | None:
    """What a project asks for; ``None`` where it needs no package.

    Raises:
        UsageError: a file cannot be read, or has what cannot be installed into a folder.
    """
    file = (project / REQUIREMENTS).resolve()
    if not file.is_file():
        return None
    lines = [*_lines(file, {file})]
    if not any(_asks(line) for _, _, line in lines):
        return None
    own: dict[str, int] = {}
    for source, number, line in lines:
        if _EDITABLE.match(line):
            raise UsageError(
                f"{source}:{number}: a package that is edited in place (-e) cannot be installed "
                "into an environment of NiFi's",
                next_command="take away the -e, then: idemflow up",
            )
        if source == file and (found := _NAME.match(line)):
            own.setdefault(canonical(found[0]), number)
    text = "\n".join(line for _, _, line in lines)
    return Requirements(file, sha256(text.encode()).hexdigest(), own)


def _asks(line: str) -> bool:
    return not line.startswith("-") or line.startswith(("-r", "--requirement", "-e", "--editable"))


def canonical(name: str) -> str:
    """A package's name as all its spellings have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _lines(file: Path, seen: set[Path]) -> Iterator[tuple[Path, int, str]]:
    """Each line that says something, with its file and number; what it includes, behind it.

    Of a file of constraints, which asks for nothing, each line looks like an option.
    """
    for number, raw in enumerate(_text(file).splitlines(), 1):
        line = _COMMENT.sub("", raw).strip()
        if not line:
            continue
        yield file, number, line
        included = _INCLUDED.match(line)
        if included is None or "://" in included[2]:
            continue
        other = (file.parent / included[2].strip("\"' ")).resolve()
        if other not in seen and other.is_file():
            seen.add(other)
            constrains = included[1] is not None
            for source, at, found in _lines(other, seen):
                yield source, at, f"-c {found}" if constrains else found


def _locked(installed: Mapping[str, Any]) -> str:
    name, version = (installed["metadata"][what] for what in ("name", "version"))
    if installed.get("is_direct"):  # its version says nothing of what is at that address
        return f"# {name} {version} is from where {REQUIREMENTS} says"
    return f"{canonical(name)}=={version}"


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(_BYTES + 1)
        if len(data) > _BYTES:
            raise UsageError(f"{file} has more than {_BYTES >> 20} MB")
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error

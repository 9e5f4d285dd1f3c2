"""The syntax of Python 2 becomes that of Python 3, by fissix; nothing of the text is run."""

from __future__ import annotations

import functools
import io
import re
import tokenize
import warnings
from pathlib import Path
from typing import Any

from fissix.pgen2.parse import ParseError
from fissix.pgen2.token import STRING
from fissix.pgen2.tokenize import TokenError, generate_tokens

from idemflow.errors import IdemflowError, UsageError

MOST_BYTES = 1 << 20
_FIXERS = "fissix.fixes"
# They look at other files, change what is right as it is, hide what a person has to decide,
# (`types`) make bytes of a text, or (`sorted`) leave no Python behind where there is another
# argument.
_LEFT_OUT = {
    "buffer", "execfile", "idioms", "import", "input", "reload", "set_literal", "sorted", "types",
    "ws_comma",
}  # fmt: skip
_DIVISION = re.compile(r"^from\s+__future__\s+import\b[^#\n]*\bdivision\b", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+")
_CODING = re.compile(r"^([ \t\f]*#.*?coding[:=][ \t]*)[-\w.]+")


def read(file: Path) -> str:
    """The text of a script, in the encoding that it names.

    Raises:
        UsageError: it cannot be read, is larger than a script, or is no text.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise UsageError(f"{file} is larger than {MOST_BYTES >> 20} MB: it is no script")
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}",
            next_command="idemflow convert, with the file of a script",
        ) from error
    except (SyntaxError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} cannot be read: {error}",
            next_command="save it as UTF-8, or name its encoding in line 1: # coding: latin-1",
        ) from error
    if "\0" in text:
        raise UsageError(f"{file} is no script: it has a byte of zero")
    if not text.strip():
        raise UsageError(f"{file} is empty: there is no script in it")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # What is written is UTF-8, as the engine reads it.
    return "\n".join([*(_CODING.sub(r"\1utf-8", one) for one in lines[:2]), *lines[2:]])


def converted(text: str, file: Path) -> tuple[str, bool]:
    """The script in the syntax of Python 3.

    Returns:
        The script, and whether ``/`` of whole numbers was rounded down in it.

    Raises:
        UsageError: it is neither Python 2 nor Python 3; names the line.
    """
    whole = text if text.endswith("\n") else f"{text}\n"
    try:
        after = _refactored(whole, file, printing=False)
    except _NotParsed as error:
        if fault(whole) is not None:
            raise UsageError(
                f"{file}:{error.line}: neither Python 2 nor Python 3 can be read as this",
                next_command=f"mend line {error.line}, then: idemflow convert {file}",
            ) from error
        try:
            return _refactored(whole, file, printing=True), False
        except _NotParsed:
            return whole, False  # Python 3, and newer than fissix
    evenly = _in_blanks(after) if isinstance(fault(after), TabError) else after
    return evenly, not _DIVISION.search(whole)


class _NotParsed(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _refactored(text: str, file: Path, *, printing: bool) -> str:
    try:
        return str(_tool(printing=printing).refactor_string(text, str(file)))
    except ParseError as error:
        raise _NotParsed(error.context[1][0]) from error
    except TokenError as error:
        raise _NotParsed(error.args[1][0]) from error
    except (IndentationError, RecursionError) as error:
        raise _NotParsed(getattr(error, "lineno", None) or 1) from error


@functools.cache
def _tool(*, printing: bool) -> Any:
    try:
        from fissix.refactor import RefactoringTool, get_fixers_from_package  # noqa: PLC0415
    except OSError as error:
        raise IdemflowError(
            f"fissix, which knows the syntax of Python 2, cannot keep its tables: {error}",
            next_command="the same with XDG_CACHE_HOME set to a folder that can be written",
        ) from error
    every = get_fixers_from_package(_FIXERS)
    names = [name for name in every if name.rpartition(".fix_")[2] not in _LEFT_OUT]
    return RefactoringTool(names, {"print_function": printing})


def fault(text: str) -> SyntaxError | None:
    """Why a text is not Python 3; ``None`` where it is. It is compiled, and not run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an escape such as "\d" goes on as it did
            compile(text, "script", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError) as error:
        return SyntaxError(str(error))
    return None


def _in_blanks(text: str) -> str:
    """Tabs of the indentation as Python 2 counts them: up to the next eighth column."""
    tokens = generate_tokens(io.StringIO(text).readline)
    strings = {
        row
        for kind, _, start, end, _ in tokens
        if kind == STRING
        for row in range(start[0] + 1, end[0] + 1)
    }
    return "".join(
        line if row in strings else _INDENT.sub(lambda found: found[0].expandtabs(8), line)
        for row, line in enumerate(io.StringIO(text), 1)
    )

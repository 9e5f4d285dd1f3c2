"""A look at what a script gives, for ``idemflow new``: its function is called in this process."""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from idemflow.config.settings import Settings
from idemflow.errors import PipelineError, UsageError
from idemflow.profile import duck, json_fields
from idemflow.profile.guess import Found, Origin
from idemflow.steps.records import NoRecord, to_line
from idemflow.supply.packages import imported, remedy

# So many records are looked at: a generator may have no end.
RECORDS = 100_000


def reads(where: str) -> bool:
    """Whether that is a script."""
    return "://" not in where and where.endswith(".py")


@contextmanager
def look(settings: Settings, origin: Origin) -> Iterator[Found]:
    """Call the function of a script, and look at its records.

    Yields:
        What it gives; the records can be asked until the end.

    Raises:
        UsageError: the script cannot be read or run, or gives no records.
    """
    script, text, files = _text(settings.project, origin)
    with TemporaryDirectory(prefix="idemflow-new-") as folder, duck.connection() as db:
        file = Path(folder) / "records.ndjson"
        with imported(settings):
            name, function = _function(settings, script, text, origin)
            count, refused = _write(settings, file, script, function, origin)
        if not count:
            raise UsageError(f"{name}() of {script} gives no record", next_command=f"edit {script}")
        data, notes = json_fields.read(db, file, "newline_delimited")
        if count + refused >= RECORDS:
            notes.append(f"only its first {RECORDS:,} records were looked at")
        if refused:
            notes.append(f"{refused:,} records have no form in JSON and become dead letters")
        collect: dict[str, Any] = {"script": script, "function": name}
        if origin.arguments:
            collect["arguments"] = origin.arguments
        yield Found(collect, data, notes=tuple(notes), files=files)


def _text(project: Path, origin: Origin) -> tuple[str, str, dict[str, str]]:
    """The script's name in the project, its text, and what is to be written for it to be there."""
    if origin.where in origin.texts:
        return origin.where, origin.texts[origin.where], dict(origin.texts)
    file = Path(origin.where).expanduser()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    path = file.resolve()
    if path.is_relative_to(project):
        return path.relative_to(project).as_posix(), text, {}
    script = f"scripts/{file.name}"
    return script, text, {script: text}


def _function(
    settings: Settings, script: str, text: str, origin: Origin
) -> tuple[str, Callable[..., Any]]:
    """The function that gives the records."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise PipelineError(script, f"is not Python: {error}", line=line) from None
    public = [one.name for one in tree.body
              if isinstance(one, ast.FunctionDef) and not one.name.startswith("_")]  # fmt: skip
    wanted = origin.function or next(
        (one for one in (origin.pipeline.replace("-", "_"), Path(script).stem) if one in public),
        public[0] if len(public) == 1 else None,
    )
    if wanted not in public:
        which = f"no function {wanted!r}" if wanted else "no single function"
        known = f"; it has {', '.join(public)}" if public else ""
        raise UsageError(
            f"{script} has {which}{known}",
            next_command="the same command with --function NAME",
        )
    names: dict[str, Any] = {"__name__": "__main__", "__file__": script}
    try:
        exec(compile(text, script, "exec"), names)
    except Exception as error:  # whatever the user's script raises
        raise _failed(settings, script, error) from error
    return str(wanted), names[str(wanted)]


def _write(
    settings: Settings, file: Path, script: str, function: Callable[..., Any], origin: Origin
) -> tuple[int, int]:
    """Write the records as JSON lines: how many there are, and how many have no form in JSON."""
    missing = [
        one.name for one in inspect.signature(function).parameters.values()
        if one.default is one.empty and one.name not in origin.arguments
        and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]  # fmt: skip
    if missing:
        given = " ".join(f"--set {name}=..." for name in missing)
        raise UsageError(
            f"{function.__name__}() of {script} needs {', '.join(missing)}",
            next_command=f"the same command with {given}",
        )
    count = refused = 0
    try:
        records = function(**origin.arguments)
        if not isinstance(records, Iterable) or isinstance(records, str | bytes | dict):
            raise UsageError(f"{function.__name__}() of {script} gives no records: yield them")
        with file.open("w", encoding="utf-8", errors="surrogatepass") as stream:
            for record in itertools.islice(records, RECORDS):
                try:
                    stream.write(to_line(record) + "\n")
                    count += 1
                except NoRecord:
                    refused += 1
    except UsageError:
        raise
    except Exception as error:  # whatever the user's function raises
        raise _failed(settings, script, error) from error
    return count, refused


def _failed(settings: Settings, script: str, error: Exception) -> PipelineError:
    """What a script raised, at which of its lines, and what to do."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == script:
            line = trace.tb_lineno
        trace = trace.tb_next
    told = f"{type(error).__name__}: {error}"
    lacks = remedy(settings, told, here=True)
    return PipelineError(script, told, line=line, next_command=lacks)

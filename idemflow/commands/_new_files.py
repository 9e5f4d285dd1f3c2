"""The texts of a new pipeline's files: YAML with the reason of each line, a script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from idemflow.profile.guess import Column, Found, Guess

_WIDTH = 34
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*").fullmatch
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
_SCRIPT = '''"""{title}: the records of the pipeline ``{name}``.

Plain Python: no NiFi in it, so that it can be tested and run anywhere. What it imports beside
Python's own library stands in requirements.txt.
"""

from collections.abc import Iterator


def {function}(records: int = 3) -> Iterator[dict[str, object]]:
    """Yield the records, the same ones each time.

    Args:
        records: how many.
    """
    for number in range(1, records + 1):
        yield {{"id": f"{name}-{{number}}", "name": f"number {{number}}", "size": 1.5 * number}}
'''


def script(name: str) -> str:
    """The beginning of a script that makes records."""
    function = name.replace("-", "_")
    return _SCRIPT.format(title=name.capitalize(), name=name, function=function)


def flow(name: str, found: Found, guesses: Sequence[Guess]) -> str:
    """The YAML of a pipeline."""
    said = {one.what: one for one in guesses}
    lines = [
        f"# Made by `idemflow new {name}` from {found.data.records:,} records; each reason is "
        "beside its line.",
        f"pipeline: {name}",
        "",
        *_lines({"collect": found.collect}, "", _reasons(found, said)),
        "",
        *_identity(said["identity"]),
        *_version(said.get("version")),
    ]
    if gone := said.get("delete"):
        lines.append(_beside(f"delete: {scalar(gone.value)}", gone.why))
    mode = said["mode"]
    lines += [_beside(f"mode: {mode.value}", mode.why), "", "index:"]
    lines.append(f"  name: {scalar(said['index'].value)}")
    mapped = [one for one in found.data.columns if one.mapping]
    if mapped:
        lines += ["  mapping:", *_mapping(_tree(mapped), "    ", top=True)]
    return "\n".join(lines) + "\n"


def scalar(value: Any) -> str:
    """A value in YAML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    if _PLAIN(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _beside(line: str, why: str) -> str:
    """A line with a comment."""
    reason = "".join(c if c.isprintable() else "?" for c in " ".join(why.split()))
    return f"{line.ljust(_WIDTH)} # {reason}" if reason else line


def _reasons(found: Found, said: dict[str, Guess]) -> dict[str, str]:
    """Reasons of lines below ``collect:``, by the names of their fields."""
    reasons = {name: one.why for name, one in said.items() if name in ("delimiter", "encoding",
               "decimal")}  # fmt: skip
    reasons |= {f"types.{one.name}": one.why for one in found.data.columns}
    return reasons | {
        "pattern": "which files; a glob such as *.csv takes all that look alike",
        "directory": "a file that is dropped here is read by the next run",
        "thousands": "between three digits",
        "missing": "these stand for no value",
        "incremental.column": "each run reads from its highest value so far on",
        "incremental.overlap": "and a little before: a late commit is not missed",
        "query": "NiFi cannot read some of the columns as they are",
    }


def _lines(value: dict[str, Any], indent: str, reasons: dict[str, str], above: str = ""
           ) -> Iterator[str]:  # fmt: skip
    for name, item in value.items():
        if name == "query":
            yield _beside(f"{indent}query: >-", reasons["query"])
            yield from (f"{indent}  {line}" for line in item.splitlines())
            continue
        place = f"{above}.{name}" if above in ("types", "incremental") else name
        if isinstance(item, dict):
            yield f"{indent}{scalar(name)}:"
            yield from _lines(item, f"{indent}  ", reasons, name)
            continue
        shown = f"[{', '.join(map(scalar, item))}]" if isinstance(item, list) else scalar(item)
        shown = item if name == "overlap" else shown
        yield _beside(f"{indent}{scalar(name)}: {shown}", reasons.get(place, ""))


def _identity(said: Guess) -> Iterator[str]:
    fields = said.value
    if fields == ("content-hash",):
        yield _beside("identity: {content-hash: true}", said.why)
        return
    shown = scalar(fields[0]) if len(fields) == 1 else f"[{', '.join(map(scalar, fields))}]"
    yield _beside(f"identity: {shown}", f"{said.confidence}: {said.why}")


def _version(said: Guess | None) -> Iterator[str]:
    if said is None:
        return
    if said.value is None:
        yield f"# version:{' ' * (_WIDTH - 10)} # {said.why}"
        return
    field, kind = said.value
    shown = scalar(field) if kind == "timestamp" else f"{{field: {scalar(field)}, type: {kind}}}"
    yield _beside(f"version: {shown}", f"{said.confidence}: {said.why}")


def _tree(columns: Sequence[Column]) -> dict[str, Any]:
    """Fields by their names, those of objects within these."""
    tree: dict[str, Any] = {}
    for column in columns:
        inner, names = tree, column.name.split(".")
        for name in names[:-1]:
            inner = inner.setdefault(name, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner.setdefault(names[-1], column)
    return tree


def _mapping(tree: dict[str, Any], indent: str, *, top: bool = False) -> Iterator[str]:
    for name, one in tree.items():
        if isinstance(one, dict):
            yield f"{indent}{scalar(name)}:"
            yield f"{indent}  properties:"
            yield from _mapping(one, f"{indent}    ")
            continue
        mapping = one.mapping
        if isinstance(mapping, str) and not top:
            mapping = {"type": mapping}
        if isinstance(mapping, dict):
            inside = ", ".join(f"{key}: {scalar(value)}" for key, value in mapping.items())
            mapping = f"{{{inside}}}"
        yield _beside(f"{indent}{scalar(name)}: {mapping}", one.why)

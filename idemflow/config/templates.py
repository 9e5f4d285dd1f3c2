"""Fills the templates of ``nifi/conf``, with each format's own escaping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template
from xml.sax.saxutils import escape


def render(file: Path, values: Mapping[str, object]) -> str:
    """The template with its ``$names`` replaced; escaped as its file's name asks for."""
    rule = _RULES.get(file.suffix, str)
    escaped = {name: rule(str(value)) for name, value in values.items()}
    return Template(file.read_text(encoding="utf-8")).substitute(escaped)


def properties_value(text: str) -> str:
    """A value of a Java properties file (``java.util.Properties.load``)."""
    lead = len(text) - len(text.lstrip(" "))
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "\\ " * lead + escaped[lead:]


def _xml(text: str) -> str:
    return escape(text, {'"': "&quot;"})


def _yaml(text: str) -> str:
    """Double quotes, unless the value is a plain number."""
    if text.isdigit():
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_RULES: dict[str, Callable[[str], str]] = {
    ".properties": properties_value,
    ".xml": _xml,
    ".yml": _yaml,
}

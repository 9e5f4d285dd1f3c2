"""Tables of versions in git."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from idemflow.canvas.difference import Change
from idemflow.canvas.registry import Client
from idemflow.cli.tables.differences import difference_table
from idemflow.commands.drift import Drift
from idemflow.commands.flow.log import Log
from idemflow.commands.flow.status import Status
from idemflow.versions.repository import Version


def status_table(found: Iterable[Status]) -> RenderableType:
    """The table of ``idemflow flow status``, and what was changed on the canvas."""
    table = Table("pipeline", "on the canvas", "newest in git", "state", box=None)
    parts: list[RenderableType] = [table]
    for one in found:
        color = "green" if one.state == "up to date" else "yellow"
        table.add_row(
            escape(one.pipeline), title(one.version), title(one.newest),
            f"[{color}]{one.state}[/]",
        )  # fmt: skip
        if one.problem:
            parts.append(f"[red]{escape(one.pipeline)}[/]: {escape(one.problem)}")
        if one.misfits:
            parts.append(
                f"[red]{escape(one.pipeline)}[/] was drawn for another PutElasticsearchJson, and "
                f"Elasticsearch refuses what this one sends: it does not know "
                f"{escape(', '.join(one.misfits))}. Next: idemflow deploy {escape(one.pipeline)}"
            )
        if one.local:
            name = one.version.title if one.version else "git"
            parts.append(f"\n{escape(one.pipeline)}:")
            parts.append(changes_table(one.local, name, "canvas"))
    return Group(*parts)


def log_table(log: Log) -> RenderableType:
    """The table of ``idemflow flow log``; ``*`` marks the version on the canvas."""
    table = Table("", "version", "tags", "when", "who", "comment", box=None)
    for one in log.versions:
        table.add_row(
            "*" if one.id == log.current else "",
            one.id[:9],
            escape(", ".join(one.tags)),
            f"{one.at:%Y-%m-%d %H:%M}",
            escape(one.author),
            escape(one.comment),
        )
    return table


def changes_table(changes: Iterable[Change], before: str, after: str) -> RenderableType:
    """Component, property, from and to."""
    return difference_table(changes, f"from {before}", f"to {after}")


def drift_tables(found: Iterable[Drift]) -> RenderableType:
    """What ``idemflow drift`` found."""
    parts: list[RenderableType] = []
    for one in found:
        name = escape(one.pipeline)
        if not one.deployed:
            parts.append(f"[red]{name}[/]: not on the canvas")
            continue
        against = " and ".join([*filter(None, [one.version]), *["the YAML"] * one.yaml])
        if not against:
            parts.append(f"[yellow]{name}[/]: not under version control, nothing to compare with")
        elif not one.found:
            parts.append(f"[green]{name}[/]: no drift from {escape(against)}")
        if one.from_git:
            parts.append(f"[red]{name}[/]: the canvas differs from git")
            parts.append(changes_table(one.from_git, one.version or "git", "canvas"))
        if one.from_yaml:
            parts.append(f"[red]{name}[/]: the canvas differs from the YAML")
            parts.append(changes_table(one.from_yaml, "canvas", "YAML"))
    return Group(*parts)


def clients_table(found: Iterable[Client]) -> Table:
    """NiFi's flow registry clients."""
    table = Table("name", "type", "properties", "problems", box=None)
    for one in found:
        table.add_row(
            escape(one.name),
            escape(one.type.rsplit(".", 1)[-1]),
            escape("; ".join(f"{key}: {value}" for key, value in sorted(one.properties.items()))),
            escape("; ".join(one.problems)),
        )
    return table


def title(version: Version | None) -> str:
    """All names of a version, in markup."""
    if version is None:
        return "[dim]none[/]"
    return escape(" ".join((*version.tags, version.id[:9])))

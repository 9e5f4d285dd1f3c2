"""``idemflow audit``: what a rerun of a NiFi flow would do."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from idemflow import __version__
from idemflow.audit import report
from idemflow.audit.findings import Effect
from idemflow.audit.report import Report
from idemflow.audit.sarif import sarif
from idemflow.canvas import flow_file
from idemflow.config.settings import Settings
from idemflow.drawing.boxes import Json
from idemflow.errors import RuntimeNotUp, UsageError
from idemflow.servers.connect import endpoint
from idemflow.servers.state import read_state
from idemflow.versions import repository


@dataclass(frozen=True)
class Audited:
    """A flow and what the audit says of it.

    Attributes:
        what: what was audited, as the user would name it.
        report: what was found.
        nifi: the address of the NiFi that it is on; empty for none.
        file: the file that it was read from; empty for none.
        text: the text of that file.
    """

    what: str
    report: Report
    nifi: str = ""
    file: str = ""
    text: str = field(default="", repr=False)


def audit(settings: Settings, flow: str) -> Audited:
    """Audit a file, or a version of a flow in git.

    Args:
        settings: the resolved settings.
        flow: a file; or ``NAME`` for the newest version of a flow in the project's git repository,
            ``NAME@REV`` for another.

    Raises:
        UsageError: there is neither such a file nor such a version.
    """
    if Path(flow).exists() or flow.endswith(".json") or os.sep in flow:
        return audit_file(Path(flow))
    return audit_version(settings, flow)


def audit_file(file: Path) -> Audited:
    """Audit a flow definition; no NiFi is asked.

    Args:
        file: NiFi's *Download flow definition*, or a flow as NiFi keeps it in git.

    Raises:
        UsageError: the file cannot be read, or is no flow, or has no processor.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}") from error
    return Audited(str(file), _judge(flow_file.read(text, str(file)), str(file)), "",
                   str(file), text)  # fmt: skip


def audit_version(settings: Settings, flow: str) -> Audited:
    """Audit a version of a flow in the project's git repository; no NiFi is asked.

    Raises:
        UsageError: there is no such version.
        GitError: git failed.
    """
    name, _, revision = flow.partition("@")
    store = repository.to_read(settings)
    known = store.versions(name) if store else []
    if store is None or not known:
        raise UsageError(
            f"{flow!r} is neither a file nor a flow in the project's git repository",
            next_command=f"idemflow audit FILE.json, or on the canvas: "
            f"idemflow audit --process-group {name}",
        )
    version = store.resolve(name, revision) if revision else known[0]
    text = store.read(name, version.id)
    file = store.file(name)
    what = f"{name}@{version.id[:9]}" if version.title == version.id[:9] else version.title
    definition = flow_file.read(text, f"{file} of version {version.id[:9]}")
    return Audited(what, _judge(definition, what), "", file, text)


def audit_group(settings: Settings, group: str) -> Audited:
    """Audit a process group as it is on the canvas; nothing is changed there.

    Args:
        settings: the resolved settings.
        group: its id or its name; ``root`` for all of the canvas.

    Raises:
        RuntimeNotUp: no NiFi is given, and the embedded one was never set up.
        LoginRefused: the login is wrong, or may not read the group.
        UsageError: there is no such group, or several have that name.
    """
    # Slow to import, and not needed for files.
    from idemflow.canvas import client, process_groups, versions  # noqa: PLC0415

    try:
        nifi = endpoint(settings, read_state(settings.folders.state), "nifi")
    except FileNotFoundError as error:
        raise RuntimeNotUp(
            "no NiFi is given, and the embedded one was never set up",
            next_command="idemflow audit --nifi-url URL --nifi-username NAME --process-group ID, "
            "with the password in IDEMFLOW_NIFI_PASSWORD",
        ) from error
    client.connect(nifi)
    found = process_groups.search(group)
    definition = versions.export(found)
    what = str(definition.get("flowContents", {}).get("name") or group)
    return Audited(what, _judge(definition, what), nifi.url.rstrip("/"))


def _judge(definition: Json, place: str) -> Report:
    """Audit a definition.

    Raises:
        UsageError: it is not what NiFi writes, or has no processor.
    """
    try:
        found = report.audit(definition)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{place} is no flow that NiFi wrote: {type(error).__name__} {error}",
            next_command="download the flow definition again, on the canvas or with "
            "idemflow flow export",
        ) from error
    if not found.graph.processors:
        raise UsageError(f"{place} has no processor: there is nothing to audit")
    return found


def write_sarif(found: Audited, log: Path) -> None:
    """Write what was found as SARIF; a log that is there is replaced.

    Raises:
        UsageError: it cannot be written there.
    """
    made = sarif(
        found.report, version=__version__, file=found.file, text=found.text, nifi=found.nifi
    )
    try:
        log.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {log}: {error.strerror}") from error


def first_to_mend(found: Report) -> str | None:
    """The gravest finding's component, and what to change on it."""
    grave = (Effect.DUPLICATES, Effect.LOSES, Effect.UNKNOWN)
    for one in found.findings:
        if one.effect in grave:
            return f"{one.where.place}: {one.mend}"
    return None

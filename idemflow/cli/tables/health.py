"""The lines of ``idemflow status --check``, as monitoring reads them."""

from __future__ import annotations

from idemflow.cli.tables import as_printed
from idemflow.commands.health import Checked, duration
from idemflow.errors import LoginRefused, Unreachable
from idemflow.sources.fields import seconds
from idemflow.steps.rules.words import counted

# Nothing is known where no server tells.
_UNKNOWN = (Unreachable.exit_code, LoginRefused.exit_code)
# What a check that gives nothing but text calls it.
OK, FAILED, UNKNOWN = "OK", "FAILED", "UNKNOWN"


def word(checked: Checked) -> str:
    """What became of a check, in one word."""
    if not checked.code:
        return OK
    return UNKNOWN if checked.figures is None and checked.code in _UNKNOWN else FAILED


def line(checked: Checked) -> str:
    """One pipeline on one line: the word, what is wrong or how it stands, and the figures behind a
    bar, in the form of performance data that Nagios' plugins have."""
    said = "; ".join(one.message for one in checked.findings) or _well(checked)
    if command := next((one.next_command for one in checked.findings if one.next_command), None):
        said += f"; next: {command}"
    text = _on_a_line(f"{word(checked)} {checked.pipeline}: {said}")
    figures = " ".join(_performance(checked))
    return f"{text} | {figures}" if figures else text


def _well(checked: Checked) -> str:
    told = checked.figures
    if told is None:
        return "nothing is known of it"
    if told.last is None:
        said = "no run has ended yet"
    else:
        said = f"the last run had {counted(told.last.records, 'record')}"
    if checked.age is not None:
        said += f", {told.measured} {duration(checked.age)} old"
    said += f", {counted(told.dead_letters, 'open dead letter')}"
    return said if checked.expect else f"{said}; its YAML has no `expect`"


def _performance(checked: Checked) -> list[str]:
    told, expect = checked.figures, checked.expect
    if told is None:
        return []
    found = []
    if checked.age is not None:
        most = f"{seconds(expect.freshness):.0f}" if expect and expect.freshness else ""
        found.append(f"freshness={checked.age}s;;{most}")
    most = "" if expect is None or expect.dead_letters is None else str(expect.dead_letters)
    found.append(f"dead_letters={told.dead_letters};;{most}")
    if told.last is not None:
        # "900:" means: less than that is too little.
        least = f"{expect.min_records}:" if expect and expect.min_records is not None else ""
        found.append(f"records={told.last.records};;{least}")
    return found


def _on_a_line(text: str) -> str:
    """A text, which may quote servers and files, on one line, without the bar that ends it."""
    return as_printed(" ".join(text.split()).replace("|", "/"))

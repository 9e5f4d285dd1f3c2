"""What ``trace`` prints."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from idemflow.cli.tables.trace import trace
from idemflow.commands._life import Now, Step
from idemflow.commands.trace import Trace, _key
from idemflow.errors import UsageError

RUN, BEFORE = "20260131T060500112-3f8a12cd", "20260130T060500112-3f8a12cd"
HASH = "3f8a12bc90d1ee00" * 2
NOW = Now("people", True, "as_sent", 7, HASH, {"name": "Ada [bold]"}, RUN, HASH, 7)
SENT = Step(
    RUN, "people", "people", "schedule", "2026-01-31T06:05:00.112Z", "a.csv", "17", "index", 7,
    HASH, 1, 0, "in_index",
)  # fmt: skip
REFUSED = replace(
    SENT, run=BEFORE, outcome="dead_letter", letter="f00dfeed00112233", fate="waits",
    reason="no number\x1b[7m\nat [x]", refused_by="Load", version=6, source=None, records=3,
    collisions=1,
)  # fmt: skip
FOUND = Trace("p-1", None, ("people",), [NOW], [SENT, REFUSED], [], 2, BEFORE, False, 0)


def drawn(found: Trace, width: int = 200) -> list[str]:
    stream = StringIO()
    Console(file=stream, width=width, soft_wrap=True).print(trace(found))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_a_document_that_is_as_it_was_sent() -> None:
    lines = [" ".join(line.split()) for line in drawn(FOUND)]
    assert lines == [
        "document p-1",
        f"in people: as it was sent last, by run {RUN} · version 7, content 3f8a12bc90d1",
        '{"name": "Ada [bold]"}',
        "run what became of it",
        f"{RUN} in the index, as sent",
        "2026-01-31 06:05:00 · schedule · at a.csv:17 · index version 7 · content 3f8a12bc90d1",
        f"{BEFORE} dead letter",
        "2026-01-31 06:05:00 · schedule · at 17 · index version 6 · content 3f8a12bc90d1",
        "3 records of the run have the id, 1 with another content",
        "it is the dead letter f00dfeed0011, which waits",
        "Load: no number\\x1b[7m at [x]",
        "2 runs were looked at.",
    ]


def test_the_index_of_an_earlier_snapshot_is_told_apart() -> None:
    earlier, gone = replace(NOW, current=False), replace(NOW, current=False, state="gone")
    lines = drawn(replace(FOUND, now=[NOW, earlier, gone]))
    assert lines[1].startswith("in people: as it was sent")
    assert lines[3].startswith("in people (which readers do not see): as it was sent")
    assert lines[5] == "and 1 more index that it was sent to (--json has all)"


def test_of_many_runs_the_newest_are_shown() -> None:
    text = "\n".join(drawn(replace(FOUND, steps=[SENT] * 25)))
    assert text.count("in the index, as sent") == 20
    assert "and 5 earlier runs that sent it (--json has all)" in text


@pytest.mark.parametrize("width", [60, 80])
def test_it_fits_a_terminal(width: int) -> None:
    rows = [line for line in drawn(FOUND, width) if line.startswith((RUN, BEFORE, " " * 20))]
    assert len(rows) > 8
    assert max(map(len, rows)) <= width


@pytest.mark.parametrize("identifier", ["a\x1b[31m\x07", "[red]x", " a ", "a\nb", "a\u2028b\x9b"])
def test_an_id_does_nothing_to_the_terminal(identifier: str) -> None:
    stream = StringIO()
    Console(file=stream, width=200, force_terminal=True).print(trace(replace(FOUND, id=identifier)))
    text = stream.getvalue()
    assert "\x1b[31m\x07" not in text
    assert not set("\x07\x9b\u2028") & set(text)
    assert text.count("\n") == len(drawn(FOUND))


def test_what_is_not_told_row_by_row() -> None:
    found = replace(
        FOUND, more_runs=True, folded_runs=105, canvas={"people": "https://x/nifi/#/p"},
        unseen="NiFi does not answer", asked="é" * 300,
    )  # fmt: skip
    text = "\n".join(drawn(found))
    assert "the hash of what was given, which has 600 bytes" in text
    assert f"2 runs were looked at, back to {BEFORE}" in text
    assert "105 earlier ones are folded" in text
    assert "people on the canvas: https://x/nifi/#/p" in text
    assert "NiFi could not be asked: NiFi does not answer" in text


@pytest.mark.parametrize("identifier", ["", "  ", "\udcff"])
def test_what_cannot_be_an_id(identifier: str) -> None:
    with pytest.raises(UsageError, match="no document"):
        _key(identifier)


def test_a_longer_id_is_looked_for_by_its_hash() -> None:
    assert _key("x" * 512) == "x" * 512
    assert _key("x" * 513).startswith("sha256:")

"""What keeps a compaction from its work is one error that says what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from idemflow.config.endpoint import Endpoint
from idemflow.elasticsearch import compaction
from idemflow.elasticsearch.baseline import Pointer
from idemflow.elasticsearch.connect import Connection
from idemflow.elasticsearch.spill import Row, Scratch, write_rows
from idemflow.errors import IdemflowError
from idemflow.steps.rules.manifest import pack


@pytest.fixture
def connection() -> Iterator[Connection]:
    made = Connection(Endpoint("http://localhost:9", "nobody", "", None))
    yield made
    made.close()


ENTRIES = pack([("a", "0f" * 16, None)])
BASELINE = {
    "generation": "g", "groups": [["r", "r", "people", False, 1]], "entries": ENTRIES,
    "baseline": "people",
}  # fmt: skip
MANIFEST = {"run": "r", "index": "people", "entries": ENTRIES, "given_up": pack([])}


@pytest.mark.parametrize("damaged", ["baseline", "entries", "given_up"])
def test_a_damaged_document_is_named(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, damaged: str
) -> None:
    baseline, manifest = dict(BASELINE), dict(MANIFEST)
    if damaged == "baseline":
        baseline["entries"] = ENTRIES[:-8]
    else:
        manifest[damaged] = ENTRIES[:-8]

    def scan(_: Connection, __: str, query: dict[str, Any], **___: object) -> Iterator[Any]:
        source = baseline if "term" in query else manifest
        yield {"_id": "the one", "_source": source, "_seq_no": 1, "_primary_term": 1}

    monkeypatch.setattr(compaction, "scan", scan)
    rows = compaction._rows(
        connection, "pit", "people", "people", {"r"}, Pointer("g", 1), compaction._Read()
    )
    with pytest.raises(IdemflowError, match="the one in idemflow-manifests is damaged"):
        list(rows)


def test_a_full_disk_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spills = compaction._Spills(Scratch(tmp_path, 1 << 20))
    spills.rows.add([("a", "r", compaction._SENT, "0f" * 16, None, "r", "people", False)])
    opened = Path.open

    def full(self: Path, *args: Any, **more: Any) -> Any:
        if self.name.startswith("sorted"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(self, *args, **more)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(IdemflowError, match="the disk is full"):
        list(spills.sorted(recent="", forget=""))


def test_a_row_is_written_a_few_times_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, numbers = [], range(1000)

    def counting(stream: BinaryIO, rows: list[Row]) -> None:
        written.append(len(rows))
        write_rows(stream, rows)

    monkeypatch.setattr(compaction, "write_rows", counting)
    monkeypatch.setattr(compaction, "_FILES", 4)
    spills = compaction._Spills(Scratch(tmp_path, 1 << 20))
    spills.rows.add(
        (f"id-{number}", f"run-{number % 7}", 0, "0f" * 16, None, f"run-{number % 7}", "p", False)
        for number in numbers
    )
    kept = list(spills.sorted(recent="", forget=""))
    assert sorted(id_ for id_, _ in kept) == sorted(f"id-{number}" for number in numbers)
    assert [sent.run for _, sent in kept] == sorted(sent.run for _, sent in kept)
    parts = 64
    assert compaction._FILES ** len(spills._levels) == parts
    assert sum(written) <= len(spills._levels) * len(numbers)

"""What a crash left of NiFi's flow: set aside, and the newest whole one in its place."""

from __future__ import annotations

import gzip
import json
import os
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from idemflow.cli import main
from idemflow.config.paths import Home
from idemflow.security.owner import Owner
from idemflow.servers import recovery
from idemflow.servers.first_flow import write_first_flow
from idemflow.servers.recovery import (
    is_of_the_queues,
    restore_flow,
    set_aside,
    set_queues_aside,
)
from idemflow.servers.state import Recorded, State, write_state

ME = Owner(os.geteuid(), os.getegid(), is_self=True)
NOW = datetime(2026, 5, 6, 7, 8, 9)
ASIDE = "flow.json.gz.damaged-20260506T070809"


def flow(note: str) -> bytes:
    return gzip.compress(json.dumps({"note": note, "rootGroup": {}}).encode())


WHOLE = flow("whole")
# What is left of it: nothing, a part, blocks that were never written, and other contents.
DAMAGED = {
    "empty": b"",
    "cut": WHOLE[:-12],
    "cut in the trailer": WHOLE[:-1],
    "zeros": bytes(len(WHOLE)),
    "zeros at its end": WHOLE[:20] + bytes(len(WHOLE) - 20),
    "no gzip": b'{"rootGroup": {}}',
    "half a JSON": gzip.compress(b'{"rootGroup": {'),
    "no object": gzip.compress(b"[]"),
    "no text": gzip.compress(b"\xff\xfe{}"),
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    (made.nifi / "data" / "archive").mkdir(parents=True)
    return made


def data(home: Home) -> Path:
    return home.nifi / "data"


def test_a_whole_flow_is_left_alone(home: Home) -> None:
    assert restore_flow(home, ME, NOW) is None  # there is none yet
    write_first_flow(data(home), "admin", ME)
    before = (data(home) / "flow.json.gz").read_bytes()
    assert restore_flow(home, ME, NOW) is None
    assert (data(home) / "flow.json.gz").read_bytes() == before
    assert not list(data(home).glob("*damaged*"))


@pytest.mark.parametrize("left", DAMAGED)
def test_the_newest_whole_one_of_the_archive_takes_its_place(home: Home, left: str) -> None:
    (data(home) / "flow.json.gz").write_bytes(DAMAGED[left])
    (data(home) / "authorizations.xml").write_text("<authorizations/>")
    kept = {
        "20260504T000000+0000_flow.json.gz": flow("older"),
        "20260505T000000+0000_flow.json.gz": flow("newer"),
        "20260506T000000+0000_flow.json.gz": WHOLE[:-5],
    }
    for name, content in kept.items():
        (data(home) / "archive" / name).write_bytes(content)
    told = restore_flow(home, ME, NOW)
    assert told is not None
    assert f"is kept as {data(home) / ASIDE}" in told
    assert "NiFi archived as 20260505T000000+0000_flow.json.gz" in told
    assert (data(home) / ASIDE).read_bytes() == DAMAGED[left]
    assert json.loads(gzip.decompress((data(home) / "flow.json.gz").read_bytes()))["note"] == (
        "newer"
    )
    assert (data(home) / "flow.json.gz").stat().st_mode & 0o777 == 0o600
    assert (data(home) / "authorizations.xml").read_text() == "<authorizations/>"
    assert len(list((data(home) / "archive").iterdir())) == 3
    assert restore_flow(home, ME, NOW) is None


def test_without_an_archive_the_canvas_is_empty_and_nothing_is_deleted(home: Home) -> None:
    (data(home) / "flow.json.gz").write_bytes(WHOLE[:-5])
    (data(home) / "authorizations.xml").write_text("<authorizations/>")
    told = restore_flow(home, ME, NOW)
    assert told is not None
    assert "the canvas is empty" in told
    assert not (data(home) / "flow.json.gz").exists()
    assert (data(home) / ASIDE).read_bytes() == WHOLE[:-5]
    assert (data(home) / "authorizations.xml.damaged-20260506T070809").exists()
    write_first_flow(data(home), "admin", ME)
    assert restore_flow(home, ME, NOW) is None


def test_what_was_set_aside_before_stays(tmp_path: Path) -> None:
    names = []
    for content in ("first", "second", "third"):
        (tmp_path / "a").write_text(content)
        names.append(set_aside(tmp_path / "a", NOW).name)
    assert names == [f"a.damaged-20260506T070809{end}" for end in ("", "-2", "-3")]
    assert (tmp_path / names[0]).read_text() == "first"


def test_a_large_flow_is_judged_by_its_checksum(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_READ_AS_JSON", 10)
    monkeypatch.setattr(recovery, "_CHUNK", 7)
    file = data(home) / "flow.json.gz"
    file.write_bytes(WHOLE)
    assert restore_flow(home, ME, NOW) is None
    file.write_bytes(WHOLE[:-9])
    assert restore_flow(home, ME, NOW) is not None


def test_no_file_of_others_is_read(home: Home, tmp_path: Path) -> None:
    """NiFi's user may write there: what they put a name to is not copied for them."""
    (tmp_path / "secret").write_bytes(flow("of others"))
    (data(home) / "flow.json.gz").write_bytes(b"")
    link = data(home) / "archive" / "20260505T000000+0000_flow.json.gz"
    link.symlink_to(tmp_path / "secret")
    told = restore_flow(home, ME, NOW)
    assert told is not None
    assert "NiFi has archived no other" in told
    assert link.is_symlink()

    other = Owner(ME.uid + 1, ME.gid, is_self=True)
    (data(home) / "flow.json.gz").write_bytes(b"")
    assert restore_flow(home, other, NOW) is None


def test_queues_are_set_aside_with_their_contents(home: Home) -> None:
    assert set_queues_aside(home, NOW) == ()
    for name in ("flowfiles/journals", "content/1", "state", "provenance"):
        (data(home) / name).mkdir(parents=True)
    (data(home) / "content" / "1" / "claim").write_text("a record")
    (told,) = set_queues_aside(home, NOW)
    at = "damaged-20260506T070809"
    assert f"kept as {data(home)}/flowfiles.{at} and {data(home)}/content.{at}" in told
    assert (data(home) / f"content.{at}" / "1" / "claim").read_text() == "a record"
    assert (data(home) / f"flowfiles.{at}" / "journals").is_dir()
    assert {"state", "provenance"} <= {one.name for one in data(home).iterdir()}
    assert not {"flowfiles", "content"} & {one.name for one in data(home).iterdir()}


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_the_queues_of_a_nifi_that_runs_stay(home: Home, option: list[str]) -> None:
    (data(home) / "flowfiles").mkdir()
    me = psutil.Process()
    running = {
        name: Recorded(me.pid, me.create_time(), port, "2.3.0")
        for name, port in (("nifi", 8443), ("elasticsearch", 9200))
    }
    write_state(home.state, State(running))
    environment = {"IDEMFLOW_HOME": str(home.root), "IDEMFLOW_PROJECT": str(home.root)}
    done = CliRunner().invoke(main, ["up", "--set-aside-queues", *option], env=environment)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "NiFi runs, or is your own: its queues can be read, and stay" in done.stderr
    assert (data(home) / "flowfiles").is_dir()


# The ends of traces of NiFi 2.3.0: with a checkpoint that was cut, a journal that begins with
# other bytes, and a flow that was cut.
TRACES = {
    "checkpoint": (
        """Caused by: java.io.IOException: Unable to read Record Schema from stream
\tat org.apache.nifi.repository.schema.RecordSchema.readFrom(RecordSchema.java:189)
\tat org.apache.nifi.wali.HashMapSnapshot.validateHeader(HashMapSnapshot.java:88)
\tat org.apache.nifi.wali.HashMapSnapshot.recover(HashMapSnapshot.java:126)
\tat org.apache.nifi.wali.SequentialAccessWriteAheadLog.recoverRecords(SequentialAccess.java:147)
\tat org.apache.nifi.controller.repository.WriteAheadFlowFileRepository.findQueues(Write.java:695)
""",
        True,
    ),
    "journal": (
        """Caused by: java.io.UTFDataFormatException: malformed input around byte 4
\tat org.apache.nifi.wali.LengthDelimitedJournal.validateHeader(LengthDelimitedJournal.java:186)
\tat org.apache.nifi.wali.LengthDelimitedJournal.recoverRecords(LengthDelimitedJournal.java:427)
\tat org.apache.nifi.controller.repository.WriteAheadFlowFileRepository.findQueues(Write.java:695)
""",
        True,
    ),
    "flow": (
        """INFO [main] o.a.n.c.r.WriteAheadFlowFileRepository Initialized FlowFile Repository
Caused by: java.io.EOFException: Unexpected end of ZLIB input stream
\tat org.apache.nifi.persistence.StandardFlowConfigurationDAO.load(StandardFlow.java:118)
""",
        False,
    ),
}


@pytest.mark.parametrize("kind", TRACES)
def test_a_trace_tells_whether_it_is_the_queues(kind: str) -> None:
    trace, expected = TRACES[kind]
    assert is_of_the_queues(trace) is expected

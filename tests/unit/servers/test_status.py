"""What is said of servers of the user's own that do not answer."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from idemflow.config import settings
from idemflow.servers import lifecycle, status
from idemflow.servers.ports import any_free_port
from idemflow.servers.ready import cause
from idemflow.servers.waiting import told_of


def test_a_server_that_says_nothing_and_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_ANSWERS_WITHIN", 0.5)  # of 3, and 10 elsewhere
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = {"nifi": silent.getsockname()[1], "elasticsearch": any_free_port()}
        own = {f"{name}_url": f"https://localhost:{port}" for name, port in ports.items()}
        for name in ports:
            own[f"{name}_username"] = "me"
        chosen = settings.resolve({"project": tmp_path, **own}).model_copy(
            update={f"{name}_password": SecretStr("secret") for name in ports}
        )
        began = time.monotonic()
        nifi, elasticsearch = status(chosen)
        assert time.monotonic() - began < 5
    assert (nifi.state, elasticsearch.state) == ("not answering", "unreachable")
    assert nifi.next_command == (
        f"see why https://localhost:{ports['nifi']} does not answer (setting nifi_url)"
    )
    assert not nifi.embedded


# What Elasticsearch 8.17.4 says of a shard whose translog was damaged, without most of the frames.
DETAILS = """failed shard on node [0o_WsnPNTbqDyxz5zmPwrg]: shard failure, reason [failed to \
recover from translog], failure [people/waxvrG8DQrm6g_dN53ACOA][[people][0]] \
org.elasticsearch.index.engine.EngineException: failed to recover from translog
\tat org.elasticsearch.server@8.17.4/org.elasticsearch.index.engine.InternalEngine.a(Some.java:614)
Caused by: org.elasticsearch.index.translog.TranslogCorruptedException: translog from source \
[/srv/data/translog-2.tlog] is corrupted, translog stream is corrupted
\tat org.elasticsearch.server@8.17.4/org.elasticsearch.index.translog.Snapshot.next(Some.java:60)
\t... 27 more
Caused by: java.io.EOFException: read past EOF. pos [39771] length: [217] end: [39968]
\t... 27 more
"""


def test_the_cause_is_the_innermost_error() -> None:
    assert cause(DETAILS) == ("EOFException: read past EOF. pos [39771] length: [217] end: [39968]")
    assert cause(DETAILS.partition("Caused by: java.io")[0]).startswith(
        "TranslogCorruptedException: translog from source [/srv/data/translog-2.tlog] is corrupted"
    )
    assert cause("no valid shard copy\nmore") == "no valid shard copy"
    assert cause("") == ""
    assert len(cause("Caused by: " + "x" * 1000)) == 300


def test_indices_that_cannot_be_read_are_named() -> None:
    told = told_of({"people": "EOFException: read past EOF", "orders": ""})
    assert told.startswith(
        "Elasticsearch cannot read the data of 2 indices (people: EOFException: read past EOF; "
        "orders: no reason given). All else works."
    )
    assert "1 index (people: x)" in told_of({"people": "x"})

"""What is said of servers of the user's own that do not answer."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from pydantic import SecretStr

from idemflow.config import settings
from idemflow.servers import status
from idemflow.servers.ports import any_free_port


def test_a_server_that_says_nothing_and_one_that_is_not_there(tmp_path: Path) -> None:
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

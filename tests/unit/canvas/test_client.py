"""The time that all questions to NiFi may take together."""

from __future__ import annotations

import socket
import time

import nipyapi
import pytest

from idemflow.canvas import client
from idemflow.config.endpoint import Endpoint
from idemflow.errors import Unreachable


def test_a_nifi_that_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nifi = Endpoint(f"https://localhost:{silent.getsockname()[1]}", "me", "secret", None)
        began = time.monotonic()
        with pytest.raises(Unreachable, match="NiFi does not answer"):
            client.connect(nifi, within=0.5)
        assert 0.4 < time.monotonic() - began < 5
        with pytest.raises(Unreachable, match="not all was answered in time"), client.errors():
            nipyapi.nifi.FlowApi().get_bulletin_board()
        began = time.monotonic()
        client.limit(0.2)
        with pytest.raises(Unreachable), client.errors():
            nipyapi.nifi.FlowApi().get_bulletin_board()
        assert 0.1 < time.monotonic() - began < 5

"""The catalogues of tests/compat say what this NiFi says of its types."""

from __future__ import annotations

import json

import pytest

from idemflow.canvas import client
from tests.compat import catalogue
from tests.integration.tools import Idemflow


@pytest.fixture
def running(idemflow: Idemflow) -> catalogue.Catalogue:
    client.connect(idemflow.target().nifi)
    return catalogue.of_running((*catalogue.OFFICIAL, *catalogue.BUNDLE))


def test_the_catalogues_of_2_3_0_are_those_of_a_nifi_that_runs(
    running: catalogue.Catalogue,
) -> None:
    official, embedded = (catalogue.read(name) for name in ("nifi-2.3.0", "nifi-2.3.0-embedded"))
    for kind in catalogue.OFFICIAL:
        assert lines(running[kind]) == lines(official[kind]), kind
    for kind in catalogue.BUNDLE:
        assert lines(running[kind]) == lines(embedded[kind]), (
            f"{kind} changed: renew tests/compat/nifi-2.3.0-embedded.json "
            "with python -m tests.compat.catalogue"
        )


def lines(described: dict[str, object]) -> list[str]:
    """A line a property, so that a difference is one."""
    properties = described["properties"]
    assert isinstance(properties, list)
    return [*map(json.dumps, properties), json.dumps(described["relationships"])]

"""Servers of the user's own: the running ones, told to idemflow by settings alone."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from idemflow.config.project_id import project_id
from tests.integration.tools import Idemflow, Result

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class External(Idemflow):
    """The command with addresses and logins in the environment, and no runtime of its own."""

    nifi_password: str = ""

    def environment(self) -> dict[str, str]:
        servers = self.target()
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("IDEMFLOW_")},
            "IDEMFLOW_PROJECT": str(self.resolved.project),
            "IDEMFLOW_HOME": str(self.resolved.home / "no runtime here"),
            # Without it, this would be another project than the one that deployed the pipelines.
            "IDEMFLOW_PROJECT_ID": project_id(self.resolved),
            "IDEMFLOW_NIFI_URL": servers.nifi.url,
            "IDEMFLOW_NIFI_USERNAME": servers.nifi.username,
            "IDEMFLOW_NIFI_PASSWORD": self.nifi_password or servers.nifi.password,
            "IDEMFLOW_NIFI_CA": str(servers.nifi.ca_file),
            "IDEMFLOW_ELASTICSEARCH_URL": servers.elasticsearch.url,
            "IDEMFLOW_ELASTICSEARCH_USERNAME": servers.elasticsearch.username,
            "IDEMFLOW_ELASTICSEARCH_PASSWORD": servers.elasticsearch.password,
            "IDEMFLOW_ELASTICSEARCH_CA": str(servers.elasticsearch.ca_file),
            "IDEMFLOW_LOADER_USERNAME": servers.loader.username,
            "IDEMFLOW_LOADER_PASSWORD": servers.loader.password,
            "IDEMFLOW_LOADER_TRUSTSTORE": str(servers.truststore),
            "IDEMFLOW_LOADER_TRUSTSTORE_PASSWORD": servers.truststore_password or "",
        }


def test_the_same_pipeline_on_servers_of_ones_own(idemflow: Idemflow) -> None:
    idemflow.json("deploy", "people")
    external = External(idemflow.resolved)
    # The same servers, the same logins: nothing differs from what the embedded runtime deployed.
    assert external.json("deploy", "people")["changes"] == []
    report = external.json("run", "people", "--times", "2")
    assert report["runs"][1]["overwritten"] == 1000
    assert report["documents"] == 1000
    assert external.json("verify", "people")["equal"] is True
    assert external.json("status")["runtime"] == "external"


def test_a_wrong_password(idemflow: Idemflow) -> None:
    result = External(idemflow.resolved, nifi_password="wrong").fail("run", "people")
    assert result.code == 4
    assert "refused the login" in result.stderr


@pytest.mark.parametrize("command", ["up", "down"])
def test_what_is_not_ours_is_neither_started_nor_stopped(idemflow: Idemflow, command: str) -> None:
    assert External(idemflow.resolved).fail(command).code == 2


def test_an_unknown_setting(idemflow: Idemflow) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "idemflow", "status"],
        env={**idemflow.environment(), "IDEMFLOW_NIFI_PROT": "8443"},
        capture_output=True,
        text=True,
        check=False,
    )
    result = Result(done.returncode, done.stdout, done.stderr)
    assert result.code == 2
    assert "IDEMFLOW_NIFI_PROT" in result.stderr

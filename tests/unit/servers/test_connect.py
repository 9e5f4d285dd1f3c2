"""Addresses, logins and trust stores where each server is embedded or the user's own."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import psutil
import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from pydantic import SecretStr

from idemflow.config import settings
from idemflow.config.settings import Settings
from idemflow.errors import RuntimeNotUp, SettingError
from idemflow.security import certificates
from idemflow.security.owner import folder
from idemflow.security.secrets import Secrets, ensure_secrets
from idemflow.servers.connect import connect, describe, reach
from idemflow.servers.state import Recorded, State, write_state

NIFI = {"nifi_url": "https://nifi:8443", "nifi_username": "operator"}
ELASTICSEARCH = {"elasticsearch_url": "https://search:9200", "elasticsearch_username": "reader"}


def chosen(home: Path, given: dict[str, Any]) -> Settings:
    found = settings.resolve({"project": home.parent, "home": home, **given})
    names = [f"{name.partition('_')[0]}_password" for name in given if name.endswith("_username")]
    passwords = {name: SecretStr(f"of {name.partition('_')[0]}") for name in names}
    return found.model_copy(update=passwords)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of servers that were set up."""
    home = tmp_path / "home"
    folder(home / "certificates", 0o755)
    folder(home / "nifi" / "conf", 0o700)
    certificates.ensure_authority(home / "certificates/ca.crt", home / "ca.key")
    return home


@pytest.fixture
def own(home: Path) -> Secrets:
    return ensure_secrets(home / "secrets")


def trusted(file: Path | None, password: str | None) -> list[str]:
    assert file
    assert password
    found = pkcs12.load_pkcs12(file.read_bytes(), password.encode())
    return [str(one.certificate.fingerprint) for one in found.additional_certs]


def test_both_embedded(home: Path, own: Secrets) -> None:
    target = describe(chosen(home, {}), State())
    assert (target.nifi.url, target.nifi.username) == ("https://localhost:8443", "admin")
    assert (target.loader.url, target.loader.username, target.loader.password) == (
        "https://localhost:9200", "idemflow_loader", own.loader_password,
    )  # fmt: skip
    assert target.truststore == home / "nifi/conf/truststore.p12"


@pytest.mark.parametrize(
    ("given", "text", "reason"),
    [
        (NIFI, None, "No such file or directory"),
        (ELASTICSEARCH, "not a certificate", "no certificate is in it"),
    ],
)
def test_a_ca_that_cannot_be_read_is_named(
    home: Path, own: Secrets, tmp_path: Path, given: dict[str, Any], text: str | None, reason: str
) -> None:
    assert own
    ca = tmp_path / "ca.pem"
    if text is not None:
        ca.write_text(text)
    setting = f"{next(iter(given)).partition('_')[0]}_ca"
    with pytest.raises(SettingError) as caught:
        describe(chosen(home, given | {setting: ca}), State())
    assert caught.value.name == setting
    assert f"{ca} is no CA certificate (PEM) to read: {reason}" in caught.value.message


def test_the_embedded_nifi_trusts_the_ca_of_ones_own_elasticsearch(
    home: Path, own: Secrets, tmp_path: Path
) -> None:
    ca = tmp_path / "search.crt"
    certificates.ensure_authority(ca, tmp_path / "search.key")
    found = chosen(home, ELASTICSEARCH | {"elasticsearch_ca": ca})
    target = describe(found, State())
    assert (target.nifi.url, target.nifi.password) == ("https://localhost:8443", own.nifi_password)
    assert target.elasticsearch.url == target.loader.url == "https://search:9200"
    assert (target.loader.username, target.loader.password) == ("reader", "of elasticsearch")
    assert target.truststore
    assert target.truststore.parent == home / "nifi/conf"
    assert len(trusted(target.truststore, target.truststore_password)) == 1
    assert describe(found, State()) == target
    # Another CA is another file, so that a deployment sees the difference.
    ca.write_bytes(ca.read_bytes() + (home / "certificates/ca.crt").read_bytes())
    second = describe(found, State())
    assert second.truststore != target.truststore
    assert len(trusted(second.truststore, second.truststore_password)) == 2
    # Without a CA, it is one that Java trusts.
    assert describe(chosen(home, ELASTICSEARCH), State()).truststore is None


@pytest.mark.usefixtures("own")
def test_a_ca_that_is_none_is_named(home: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("no certificate")
    for name in ("ca.crt", "missing.crt"):
        found = chosen(home, ELASTICSEARCH | {"elasticsearch_ca": tmp_path / name})
        with pytest.raises(SettingError, match=rf"elasticsearch_ca: .*{name} is no CA"):
            describe(found, State())
    found = chosen(home, ELASTICSEARCH | {"loader_truststore": tmp_path / "missing.p12"})
    with pytest.raises(SettingError, match=r"loader_truststore: there is no file .*missing\.p12"):
        describe(found, State())


def test_ones_own_nifi_with_the_embedded_elasticsearch(home: Path, own: Secrets) -> None:
    target = describe(chosen(home, NIFI), State())
    assert (target.nifi.url, target.nifi.username) == ("https://nifi:8443", "operator")
    assert target.elasticsearch.password == own.elasticsearch_password
    assert (target.loader.url, target.loader.password) == (
        "https://localhost:9200", own.loader_password,
    )  # fmt: skip
    assert target.truststore
    assert target.truststore.parent == home / "certificates"
    assert stat.S_IMODE(target.truststore.stat().st_mode) == 0o644
    assert len(trusted(target.truststore, target.truststore_password)) == 1
    # A copy of it elsewhere has the same password.
    copied = NIFI | {"loader_url": "https://localhost:9999", "loader_truststore": "/opt/ca.p12"}
    target = describe(chosen(home, copied), State())
    assert (target.loader.url, target.elasticsearch.url) == (
        "https://localhost:9999", "https://localhost:9200",
    )  # fmt: skip
    assert (target.truststore, target.truststore_password) == (
        Path("/opt/ca.p12"), own.truststore_password,
    )  # fmt: skip


def test_both_ones_own(tmp_path: Path) -> None:
    given = NIFI | ELASTICSEARCH | {"loader_username": "loader"}
    target = connect(chosen(tmp_path / "no home", given))
    assert (target.loader.username, target.loader.password) == ("loader", "of loader")
    assert target.truststore is None


@pytest.mark.usefixtures("own")
def test_only_embedded_servers_have_to_run(home: Path) -> None:
    with pytest.raises(RuntimeNotUp, match=r"^nifi and elasticsearch is not running"):
        connect(chosen(home, {}))
    with pytest.raises(RuntimeNotUp, match=r"^nifi is not running"):
        connect(chosen(home, ELASTICSEARCH))
    with pytest.raises(SettingError, match="nifi_password: is needed with your own NiFi"):
        describe(settings.resolve({"home": home, **NIFI}), State())


@pytest.mark.usefixtures("own")
def test_one_server_is_reached_though_the_other_is_dead(home: Path) -> None:
    """What asks NiFi alone is not to fail because Elasticsearch has ended."""
    found, here = chosen(home, {}), psutil.Process()
    running = Recorded(here.pid, here.create_time(), 8543, "2.3.0")
    dead = Recorded(here.pid, here.create_time() - 1000, 9300, "8.17.4")
    write_state(found.folders.state, State({"nifi": running, "elasticsearch": dead}))
    assert reach(found, "nifi").url == "https://localhost:8543"
    with pytest.raises(RuntimeNotUp, match=r"^elasticsearch has ended$"):
        reach(found, "elasticsearch")
    with pytest.raises(RuntimeNotUp):
        connect(found)
    write_state(found.folders.state, State({"nifi": running}))
    with pytest.raises(RuntimeNotUp, match=r"^elasticsearch is not running$"):
        reach(found, "elasticsearch")


def test_a_server_of_your_own_is_reached_by_its_setting(home: Path) -> None:
    assert reach(chosen(home, NIFI), "nifi").url == "https://nifi:8443"
    with pytest.raises(RuntimeNotUp):
        reach(chosen(home, NIFI), "elasticsearch")

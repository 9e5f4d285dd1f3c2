"""What another user of the machine, or a pipeline's script, can and cannot do with a runtime."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import stat
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from idemflow.config.endpoint import session
from idemflow.elasticsearch.grants import grant_indices
from idemflow.elasticsearch.ledger import LEDGER
from idemflow.errors import UsageError
from idemflow.security.secrets import load_secrets, stored_secrets
from idemflow.servers import login
from tests.integration.tools import Idemflow, Project, processes, wait_until

pytestmark = pytest.mark.timeout(300)

WRONG = "a password that nobody has"


def test_wrong_passwords_are_slowed_down_and_logged(idemflow: Idemflow) -> None:
    servers = idemflow.target()
    log = idemflow.settings().folders.nifi_logs / "nifi-user.log"
    before = len(log.read_text(encoding="utf-8"))

    def wrong(user: str) -> tuple[int, str, float]:
        with session(servers.nifi) as http:
            began = time.monotonic()
            reply = http.post(
                f"{servers.nifi.url}/nifi-api/access/token",
                data={"username": user, "password": WRONG},
                timeout=30,
            )
            return reply.status_code, reply.text, time.monotonic() - began

    answers = [wrong(user) for user in (servers.nifi.username, "nobody-here") for _ in range(5)]
    assert len({(status, text) for status, text, _ in answers}) == 1, answers
    assert answers[0][0] in (400, 401)
    # A command, whose password was right before, is not locked out.
    assert login(servers.nifi)
    told = log.read_text(encoding="utf-8")[before:]
    # How many of the five are looked at depends on how long they take.
    for shown in ("a wrong password for admin", "an unknown user"):
        line = rf"Login refused: {shown} \(\d+ in a row, \d+ more refused unseen; the next are for "
        assert re.search(line + "[1-9]", told), told
    assert WRONG not in told
    assert "nobody-here" not in told


@pytest.fixture
def as_loader(idemflow: Idemflow) -> Iterator[Callable[..., requests.Response]]:
    """A request to Elasticsearch as NiFi's user, who may load ``granted-*``."""
    servers = idemflow.target()
    grant_indices(servers, idemflow.settings(), ["granted-*", *LEDGER])
    with session(servers.loader) as http:
        http.auth = (servers.loader.username, servers.loader.password)

        def request(method: str, path: str, *lines: object) -> requests.Response:
            body = "".join(json.dumps(line) + "\n" for line in lines)
            headers = {
                "Content-Type": "application/x-ndjson" if len(lines) > 1 else "application/json"
            }
            address = f"{servers.loader.url}/{path}"
            return http.request(method, address, data=body or None, headers=headers, timeout=30)

        yield request
    indices = idemflow.elasticsearch().indices
    for name in indices.get(index="granted-*"):
        indices.delete(index=name)


def test_nifis_user_sends_documents_and_nothing_else(
    idemflow: Idemflow, as_loader: Callable[..., requests.Response]
) -> None:
    secret = {"secret": "of another pipeline"}
    version = {"version": 3, "version_type": "external"}
    # What pipelines send: new documents, newer ones, deletes; new fields, and an index a day.
    sent = as_loader(
        "POST", "_bulk",
        {"index": {"_index": "granted-1", "_id": "1"}}, secret,
        {"index": {"_index": "granted-2030-01-01", "_id": "1", **version}}, {"new": {"field": 1}},
        {"create": {"_index": "granted-1", "_id": "2"}}, secret,
        {"delete": {"_index": "granted-1", "_id": "2"}},
    ).json()  # fmt: skip
    assert [item["status"] for one in sent["items"] for item in one.values()] == [
        201,
        201,
        201,
        200,
    ]
    # What it may not: read, by an update that asks for the document as well.
    update = {"doc": {"a": 1}, "_source": True}
    every: dict[str, dict[str, object]] = {"query": {"match_all": {}}}
    for method, path, *lines in (
        ("GET", "granted-1/_doc/1"),
        ("GET", "granted-1/_source/1"),
        ("HEAD", "granted-1/_doc/1"),
        ("GET", "granted-1/_search"),
        ("GET", "granted-1/_count"),
        ("GET", "granted-1/_termvectors/1"),
        ("GET", "granted-1/_explain/1", every),
        ("POST", "granted-1/_update/1?_source=true", {"doc": {"a": 1}}),
        ("POST", "granted-1/_pit?keep_alive=1m"),
        ("GET", "granted-1/_mapping"),
        ("GET", "granted-1/_settings"),
        # Nor change what is not a document.
        ("PUT", "granted-1/_mapping", {"properties": {"x": {"type": "keyword"}}}),
        ("PUT", "granted-1/_settings", {"index": {"number_of_replicas": 0}}),
        ("PUT", "granted-2", {"mappings": {"properties": {"x": {"type": "keyword"}}}}),
        ("PUT", "granted-1/_alias/granted-alias"),
        ("POST", "granted-1/_close"),
        ("DELETE", "granted-1"),
        ("PUT", "_index_template/x", {"index_patterns": ["x"]}),
        ("PUT", "other/_doc/1", secret),
        ("GET", "_cluster/settings"),
        ("GET", "_security/user"),
        ("PUT", "_security/role/x", {"cluster": ["all"]}),
    ):
        reply = as_loader(method, path, *lines)
        assert reply.status_code == 403, (method, path, reply.status_code, reply.text)
        assert "of another pipeline" not in reply.text
    for operation in ({"update": {"_index": "granted-1", "_id": "1"}},
                      {"update": {"_index": "granted-1", "_id": "new"}}):  # fmt: skip
        reply = as_loader("POST", "_bulk", operation, {**update, "doc_as_upsert": True})
        (item,) = reply.json()["items"]
        assert item["update"]["status"] == 403, item
        assert "of another pipeline" not in reply.text
    # Nor does it make the ledger forget.
    administrator = idemflow.elasticsearch()
    administrator.index(index="idemflow-runs", id="1", document={})
    try:
        assert as_loader("DELETE", "idemflow-runs/_doc/1").status_code == 403
        assert as_loader("PUT", "idemflow-runs/_doc/1", {}).status_code == 200
    finally:
        administrator.indices.delete(index="idemflow-runs")
    several = as_loader("POST", "granted-1/_mget", {"ids": ["1"]})
    assert "security_exception" in several.text
    assert "of another pipeline" not in several.text
    # What is left: whether there is a document, and its version.
    there = as_loader("PUT", "granted-1/_create/1", {"a": 1})
    assert there.status_code == 409
    assert "of another pipeline" not in there.text
    letters = as_loader("GET", "idemflow-dead-letters/_search?ignore_unavailable=true")
    assert letters.status_code == 200
    with pytest.raises(UsageError, match="cannot be an index"):
        grant_indices(idemflow.target(), idemflow.settings(), ["*"])


def test_a_deploy_takes_back_what_an_earlier_version_gave_nifis_user(
    idemflow: Idemflow, as_loader: Callable[..., requests.Response]
) -> None:
    file = idemflow.settings().folders.elasticsearch / "config" / "roles.yml"
    roles = json.loads(file.read_text(encoding="utf-8"))
    roles["idemflow_loader"]["indices"].append({"names": ["granted-*"], "privileges": ["write"]})
    file.write_text(json.dumps(roles), encoding="utf-8")
    as_loader("PUT", "granted-1/_doc/1", {"a": 1})
    update = ("POST", "granted-1/_update/1?_source=true", {"doc": {"a": 2}})
    wait_until(lambda: as_loader(*update).status_code == 200, "the role is the earlier one")
    grant_indices(idemflow.target(), idemflow.settings(), ["granted-*"])
    wait_until(lambda: as_loader(*update).status_code == 403, "the role is today's")


def listening(idemflow: Idemflow, server: str) -> list[int]:
    pid = processes(idemflow)[server].pid
    return [
        int(one.laddr[1])  # type: ignore[misc]
        for one in psutil.net_connections("tcp")
        if one.pid == pid and one.status == psutil.CONN_LISTEN
    ]


@contextmanager
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.settimeout(10)
        yield plain


def test_elasticsearchs_port_for_nodes_lets_nobody_in(idemflow: Idemflow, tmp_path: Path) -> None:
    chosen = idemflow.settings()
    ports = set(listening(idemflow, "elasticsearch")) - {chosen.elasticsearch_port}
    assert len(ports) == 1
    (port,) = ports
    with connection(port) as plain:
        plain.sendall(b"ES\0\0\0\0" * 8)
        try:
            answer = plain.recv(100)
        except ConnectionResetError:
            answer = b""
    # Nothing, or an alert of TLS: never a word of Elasticsearch's own protocol.
    assert answer[:1] in (b"", b"\x15"), answer

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    assert refused(port, context), "it asks for no certificate"
    # A script of a pipeline runs as NiFi's user, and can read NiFi's key.
    store = pkcs12.load_pkcs12(
        (chosen.folders.nifi / "conf" / "keystore.p12").read_bytes(),
        load_secrets(chosen.folders.secrets).keystore_password.encode(),
    )
    present(context, store, tmp_path / "nifi.pem")
    assert refused(port, context), "it takes NiFi's certificate"


def present(context: ssl.SSLContext, store: pkcs12.PKCS12KeyAndCertificates, file: Path) -> None:
    """Let a client show the certificate of a key store."""
    assert store.cert
    assert store.key
    file.write_bytes(
        store.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + store.cert.certificate.public_bytes(Encoding.PEM)
    )
    context.load_cert_chain(file)


def refused(port: int, context: ssl.SSLContext) -> bool:
    """Whether a server ends the connection for its certificate; with TLS 1.3, at the first word."""
    with connection(port) as plain:
        try:
            with context.wrap_socket(plain) as secure:
                secure.recv(1)
        except ssl.SSLError as error:
            return "ALERT" in (error.reason or "")
        except ConnectionResetError:
            return True
    return False


def test_nifi_listens_on_the_canvas_port_alone(idemflow: Idemflow) -> None:
    """Each NiFi 2 has a management port, too, that gives diagnostics to everybody."""
    assert listening(idemflow, "nifi") == [idemflow.settings().nifi_port]
    command = processes(idemflow)["nifi"].cmdline()
    (address,) = [a.partition("=")[2] for a in command if "management.server.address=" in a]
    with pytest.raises(ConnectionRefusedError), connection(int(address.rpartition(":")[2])):
        pass


@pytest.mark.parametrize("which", ["canvas", "Elasticsearch", "Elasticsearch's nodes"])
def test_nothing_older_than_tls_1_2_is_spoken(idemflow: Idemflow, which: str) -> None:
    chosen = idemflow.settings()
    nodes = set(listening(idemflow, "elasticsearch")) - {chosen.elasticsearch_port}
    port = {
        "canvas": chosen.nifi_port,
        "Elasticsearch": chosen.elasticsearch_port,
        "Elasticsearch's nodes": nodes.pop(),
    }[which]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL itself would refuse them otherwise
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        connection(port) as plain,
        pytest.raises(ssl.SSLError, match=r"ALERT_(PROTOCOL_VERSION|HANDSHAKE_FAILURE)"),
    ):
        context.wrap_socket(plain)


def secrets_of(idemflow: Idemflow) -> set[str]:
    return stored_secrets(idemflow.settings().folders.secrets)


def test_no_secret_is_readable_by_another_user(idemflow: Idemflow) -> None:
    """All that others may read, whoever runs idemflow: by the modes, from the root down."""
    home = idemflow.settings().home
    secret = [value.encode() for value in secrets_of(idemflow)]
    assert len(secret) >= 6
    readable = list(open_to_others(home)) if entered_by_others(home) else []
    closed = {"secrets", "nifi", "elasticsearch", "demo-db", "flows", "python", "turns", "scratch"}
    assert not [path for path in readable if path.relative_to(home).parts[0] in closed]
    for path in readable:
        if path.suffix != ".jsa" and "java" not in path.relative_to(home).parts[:1]:
            content = path.read_bytes()
            assert not [one for one in secret if one in content], path
    if os.geteuid() == 0:
        nobody: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []}
        for name in ("nifi", "elasticsearch/config", "nifi/conf/nifi.properties", "secrets"):
            done = subprocess.run(["ls", home / name], capture_output=True, check=False, **nobody)
            assert b"Permission denied" in done.stderr, name


def entered_by_others(path: Path) -> bool:
    return all(one.stat().st_mode & stat.S_IXOTH for one in (path, *path.parents))


def open_to_others(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode) and mode & stat.S_IXOTH:
            yield from open_to_others(path)
        elif stat.S_ISREG(mode) and mode & stat.S_IROTH:
            yield path


def test_no_command_prints_a_secret_unasked(idemflow: Idemflow) -> None:
    secret = secrets_of(idemflow)
    for arguments in (
        (), ("status", "-vv"), ("up", "-vv"), ("doctor",), ("open", "--print"),
        ("demo-db", "status"), ("drift", "people"), ("logs", "nifi"), ("logs", "elasticsearch"),
        ("metrics",), ("status", "--check"),
    ):  # fmt: skip
        for more in ((), ("--json",)):
            result = idemflow.run(*arguments, *more)
            shown = result.stdout + result.stderr
            assert not [one for one in secret if one in shown], (arguments, more)


@pytest.mark.skipif(os.geteuid() != 0, reason="a normal user's servers all run as that user")
def test_a_script_reaches_neither_elasticsearchs_files_nor_the_secrets(
    idemflow: Idemflow, project: Project
) -> None:
    chosen = idemflow.settings()
    uids = {name: process.uids().effective for name, process in processes(idemflow).items()}
    assert len(set(uids.values())) == 2, uids
    config = chosen.folders.elasticsearch / "config"
    places = [
        config / "users", config / "roles.yml", config / "server.key", config / "transport.key",
        config / "new.yml", chosen.folders.elasticsearch / "data",
        chosen.folders.elasticsearch_logs, chosen.folders.elasticsearch / "dist/bin/elasticsearch",
        chosen.folders.secrets / "login.json", chosen.folders.secrets / "ca.key",
        chosen.folders.certificates / "ca.crt", chosen.folders.nifi / "lib/new.jar",
        chosen.folders.nifi / "new", chosen.folders.python / "own/idemflow/__init__.py",
        chosen.folders.state,
    ]  # fmt: skip
    script = f"""
        import os

        def records():
            for number, path in enumerate({[str(path) for path in places]}):
                found = []
                for name, flags in (("read", os.O_RDONLY), ("write", os.O_WRONLY | os.O_CREAT)):
                    try:
                        os.close(os.open(path, flags))
                        found.append(name)
                    except OSError:
                        pass
                yield {{"id": number, "path": path, "found": found}}
    """
    name = project.pipeline("reaching", script)
    command = idemflow.inside(project.path)
    try:
        command.json("run", name)
        hits = command.elasticsearch().search(index=name, size=100)["hits"]["hits"]
        found = {hit["_source"]["path"]: set(hit["_source"]["found"]) for hit in hits}
        assert len(found) == len(places)
        readable = {path for path, how in found.items() if how}
        assert readable == {
            str(chosen.folders.elasticsearch / "dist/bin/elasticsearch"),
            str(chosen.folders.certificates / "ca.crt"),
            str(chosen.folders.python / "own/idemflow/__init__.py"),
        }, found
        assert set().union(*found.values()) == {"read"}, found
    finally:
        command.run("remove", name, "--data", "--dead-letters", "--yes")

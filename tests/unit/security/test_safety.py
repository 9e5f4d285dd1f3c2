"""Secrets, certificates, and files that only the servers' user may read."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import ipaddress
import json
import os
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from idemflow.errors import IdemflowError, SettingError
from idemflow.security import certificates, secrets
from idemflow.security.owner import (
    Owner,
    closed,
    mirror,
    place,
    servers_user,
    take_over,
    write_file,
)

SELF = Owner(os.geteuid(), os.getegid(), is_self=True)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    made = secrets.ensure_secrets(tmp_path / "secrets")
    assert secrets.ensure_secrets(tmp_path / "secrets").nifi_password == made.nifi_password
    assert mode(tmp_path / "secrets") == 0o700
    assert mode(secrets.login_file(tmp_path / "secrets")) == 0o600
    assert made.nifi_password not in repr(made)
    values = json.loads(secrets.login_file(tmp_path / "secrets").read_text())
    assert len(set(values.values())) == len(values)
    assert all(len(value) >= 32 for value in values.values())


def test_damaged_secrets_are_not_replaced(tmp_path: Path) -> None:
    secrets.ensure_secrets(tmp_path)
    secrets.login_file(tmp_path).write_text("{}", encoding="utf-8")
    with pytest.raises(IdemflowError, match="damaged"):
        secrets.ensure_secrets(tmp_path)
    assert secrets.login_file(tmp_path).read_text(encoding="utf-8") == "{}"


def test_the_hash_for_nifi_is_as_its_login_provider_reads_it() -> None:
    _, algorithm, rounds, salt, digest = secrets.nifi_password_hash("pässword").split("$")
    assert (algorithm, rounds) == ("pbkdf2-sha512", "i=210000")
    salt_bytes = base64.b64decode(salt + "==")
    expected = hashlib.pbkdf2_hmac("sha512", "pässword".encode(), salt_bytes, 210_000)
    assert base64.b64decode(digest + "==") == expected
    assert "=" not in salt + digest


def test_a_server_is_trusted_under_its_names_only(tmp_path: Path) -> None:
    authority = certificates.ensure_authority(tmp_path / "ca.crt", tmp_path / "ca.key")
    issued = certificates.issue(authority, "a server")
    write_file(tmp_path / "server.pem", issued.key_pem() + issued.pem())
    assert mode(tmp_path / "ca.key") == 0o600
    for name in ("localhost", "127.0.0.1", "::1"):
        handshake(tmp_path, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, "example.org")


def test_a_clock_that_is_set_back_by_hours_makes_no_certificate_invalid(tmp_path: Path) -> None:
    authority = certificates.ensure_authority(tmp_path / "ca.crt", tmp_path / "ca.key")
    issued = certificates.issue(authority, "a server")
    earlier = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=23)
    for one in (authority.certificate, issued.certificate):
        assert one.not_valid_before_utc < earlier


FORGED = {
    "a name": x509.DNSName("example.org"),
    "any name": x509.DNSName("*.example.org"),
    "a name that looks like it": x509.DNSName("localhost.example.org"),
    "an address": x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
    "an address of version 6": x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
    "the common name alone": None,
}


@pytest.mark.parametrize("forged", FORGED)
def test_nothing_but_loopback_can_be_vouched_for(forged: str, tmp_path: Path) -> None:
    """With the CA's key, somebody makes a certificate for another host."""
    authority = certificates.ensure_authority(tmp_path / "ca.crt", tmp_path / "ca.key")
    key, name = ec.generate_private_key(ec.SECP256R1()), FORGED[forged]
    host = getattr(name, "value", "example.org")
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.org")])
    made = (
        x509.CertificateBuilder(authority.certificate.subject, subject, key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    if name:
        made = made.add_extension(x509.SubjectAlternativeName([name]), critical=False)
    signed = made.sign(authority.key, hashes.SHA256())
    issued = certificates.ServerCertificate(signed, key, authority.certificate)
    write_file(tmp_path / "server.pem", issued.key_pem() + issued.pem())
    shown = str(host).replace("*", "www")
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(tmp_path, shown)


def test_an_authority_that_could_vouch_for_any_name_is_replaced(tmp_path: Path) -> None:
    files = tmp_path / "ca.crt", tmp_path / "ca.key"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idemflow runtime CA")])
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    older = (
        x509.CertificateBuilder(name, name, key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_file(files[0], certificates.Authority(older, key).pem())
    write_file(files[1], certificates.ServerCertificate(older, key, older).key_pem())
    # A server that runs has a certificate of it.
    assert certificates.ensure_authority(*files, replaceable=False).certificate == older
    replaced = certificates.ensure_authority(*files).certificate
    assert replaced != older
    assert certificates.ensure_authority(*files).certificate == replaced


def test_a_certificate_alone_is_trusted_with_no_other(tmp_path: Path) -> None:
    one, other = certificates.issue_alone("a node"), certificates.issue_alone("a node")
    write_file(tmp_path / "server.pem", one.key_pem() + one.pem())
    write_file(tmp_path / "ca.crt", one.authority_pem())
    handshake(tmp_path, "localhost")
    assert certificates.is_current(tmp_path / "server.pem", tmp_path / "ca.crt")
    write_file(tmp_path / "ca.crt", other.authority_pem())
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, "localhost")
    assert not certificates.is_current(tmp_path / "server.pem", tmp_path / "ca.crt")


def handshake(folder: Path, name: str) -> None:
    """Connect as a browser does that trusts ``ca.crt``, to a server that has ``server.pem``."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    client = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    here, there = socket.socketpair()
    with here, there:
        thread = threading.Thread(target=_answer, args=(server, there))
        thread.start()
        try:
            client.wrap_socket(here, server_hostname=name).close()
        finally:
            here.close()
            thread.join()


def _answer(context: ssl.SSLContext, connection: socket.socket) -> None:
    with contextlib.suppress(ssl.SSLError, OSError):  # the client has refused
        context.wrap_socket(connection, server_side=True).close()


def test_certificates_last_and_are_made_anew_when_needed(tmp_path: Path) -> None:
    files = tmp_path / "ca.crt", tmp_path / "ca.key"
    authority = certificates.ensure_authority(*files)
    assert certificates.ensure_authority(*files).certificate == authority.certificate
    issued = certificates.issue(authority, "a server")
    write_file(tmp_path / "server.crt", issued.pem())
    assert certificates.is_current(tmp_path / "server.crt", authority)
    files[1].write_bytes(b"damaged")
    other = certificates.ensure_authority(*files)
    assert other.certificate != authority.certificate
    assert not certificates.is_current(tmp_path / "server.crt", other)
    assert not certificates.is_current(tmp_path / "missing.crt", other)


def test_the_stores_for_java_open_with_their_passwords(tmp_path: Path) -> None:
    authority = certificates.ensure_authority(tmp_path / "ca.crt", tmp_path / "ca.key")
    issued = certificates.issue(authority, "a server")
    store = pkcs12.load_pkcs12(issued.keystore("secret"), b"secret")
    assert store.cert
    assert store.cert.certificate == issued.certificate
    trusted = pkcs12.load_pkcs12(certificates.truststore(authority.pem(), "other"), b"other")
    assert [c.certificate for c in trusted.additional_certs] == [authority.certificate]
    names = issued.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]


def test_write_file_does_not_follow_a_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine", encoding="utf-8")
    (tmp_path / "conf").symlink_to(precious)
    write_file(tmp_path / "conf", "new")
    assert precious.read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "conf").read_text(encoding="utf-8") == "new"
    assert mode(tmp_path / "conf") == 0o600


def test_a_mirror_follows_its_source(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "a.py").write_text("a", encoding="utf-8")
    (source / "private.py").write_text("p", encoding="utf-8")
    (source / "private.py").chmod(0o600)
    (source / "left-out").mkdir()
    (source / "broken").symlink_to("nowhere")
    for _ in range(2):
        mirror(source, target, leave_out=frozenset({"left-out"}))
        found = {p.relative_to(target).as_posix() for p in target.rglob("*")}
        assert found == {"deep", "deep/a.py", "private.py"}
        assert mode(target / "private.py") & 0o044 == 0o044
    (source / "deep" / "a.py").unlink()
    (source / "deep" / "b.py").write_text("b", encoding="utf-8")
    (source / "private.py").write_text("changed", encoding="utf-8")
    mirror(source, target, leave_out=frozenset({"left-out"}))
    assert not (target / "deep" / "a.py").exists()
    assert (target / "deep" / "b.py").read_text(encoding="utf-8") == "b"
    assert (target / "private.py").read_text(encoding="utf-8") == "changed"
    assert mode(source / "private.py") == 0o600


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o777)
    assert mode(closed(tmp_path / "open", SELF)) == 0o700
    if os.geteuid() == 0:
        owner = servers_user(tmp_path, None)
        for _ in range(2):
            found = closed(tmp_path / "open", owner).stat()
            assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (0, owner.gid, 0o750)


def test_place_replaces_what_is_older(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new", encoding="utf-8")
    (tmp_path / "there").write_text("old", encoding="utf-8")
    place(tmp_path / "new", tmp_path / "there")
    assert (tmp_path / "there").read_text(encoding="utf-8") == "new"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_lends_the_servers_a_number_without_an_account(tmp_path: Path) -> None:
    owner = servers_user(tmp_path, None)
    assert owner == servers_user(tmp_path, None)
    assert owner != servers_user(tmp_path / "other", None)
    assert owner.uid >= 61184
    assert not owner.is_self
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed" / "file").write_text("x", encoding="utf-8")
    assert not owner.can_reach(tmp_path / "closed" / "file")
    for name in ("root", "no-such-user", "999999"):
        with pytest.raises(SettingError):
            servers_user(tmp_path, name)
    assert servers_user(tmp_path, "nobody").uid == servers_user(tmp_path, "65534").uid


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_each_server_has_a_user_of_its_own_in_one_group(tmp_path: Path) -> None:
    servers = ("nifi", "elasticsearch", "demo-db")
    owners = [servers_user(tmp_path, None, server) for server in servers]
    assert owners == [servers_user(tmp_path, None, server) for server in servers]
    assert len({owner.uid for owner in owners}) == 3
    assert {owner.gid for owner in owners} == {owners[0].uid}
    assert len({servers_user(tmp_path, "nobody", server) for server in servers}) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_server_takes_over_what_was_its_former_users(tmp_path: Path) -> None:
    former, new = servers_user(tmp_path, None), servers_user(tmp_path, None, "elasticsearch")
    data, precious = tmp_path / "data", tmp_path / "precious"
    (data / "deep").mkdir(parents=True)
    precious.write_text("root's", encoding="utf-8")
    for path in (data / "file", data / "deep" / "file"):
        path.write_text("x", encoding="utf-8")
    for path in (data, data / "deep", data / "file", data / "deep" / "file"):
        os.chown(path, former.uid, former.gid)
    # What that user may have laid there.
    (data / "deep" / "hard").hardlink_to(precious)
    (data / "soft").symlink_to(precious)
    os.chown(data / "soft", former.uid, former.gid, follow_symlinks=False)
    os.chown(data, 0, 0)  # the last time it was broken off
    take_over(data, new, former)
    for path in (data, data / "deep", data / "file", data / "deep" / "file", data / "soft"):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (new.uid, new.gid), path
    assert precious.stat().st_uid == 0
    os.chown(data / "file", former.uid, former.gid)
    take_over(data, new, former)  # it is done: nothing is looked at
    assert (data / "file").stat().st_uid == former.uid
    take_over(tmp_path / "missing", new, former)


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a normal user")
def test_a_normal_user_runs_the_servers_as_himself(tmp_path: Path) -> None:
    assert servers_user(tmp_path, None) == SELF

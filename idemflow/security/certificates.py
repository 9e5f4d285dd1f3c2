"""The certificate authority of one runtime, and the servers' certificates."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from idemflow.security.owner import write_file

CA_DAYS = 3650
SERVER_DAYS = 397
RENEW_DAYS = 30  # a certificate with fewer days left is made anew at `up`
# They are valid from before now, or a clock that is set back would make them invalid.
_SET_BACK = datetime.timedelta(days=1)
_UTC = datetime.UTC
_NAME = "localhost"
_ADDRESSES = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
# What the authority can vouch for at all: a person imports it into a browser, and whoever has its
# key must not be able to pose as a bank there.
_PERMITTED = x509.NameConstraints(
    permitted_subtrees=[
        x509.DNSName(_NAME),
        x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")),
        x509.IPAddress(ipaddress.ip_network("::1/128")),
    ],
    excluded_subtrees=None,
)
_SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
_BOTH_SIDES = x509.ExtendedKeyUsage(
    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
)


@dataclass(frozen=True)
class Authority:
    """The runtime's certificate authority: its certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def truststore(pem: bytes, password: str) -> bytes:
    """A PKCS12 trust store for Java, with CA certificates alone.

    Args:
        pem: one certificate or several.

    Raises:
        ValueError: it is no PEM of certificates.
    """
    entries = [
        pkcs12.PKCS12Certificate(certificate, f"ca-{number}".encode())
        for number, certificate in enumerate(x509.load_pem_x509_certificates(pem), start=1)
    ]
    return pkcs12.serialize_java_truststore(
        entries, serialization.BestAvailableEncryption(password.encode())
    )


@dataclass(frozen=True)
class ServerCertificate:
    """A server's certificate for loopback, with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    authority: x509.Certificate

    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def authority_pem(self) -> bytes:
        """Its authority's certificate as PEM."""
        return self.authority.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        """The key as PKCS8 PEM, not encrypted."""
        return _key_pem(self.key)

    def keystore(self, password: str) -> bytes:
        """A PKCS12 key store for Java."""
        return pkcs12.serialize_key_and_certificates(
            b"server",
            self.key,
            self.certificate,
            [self.authority],
            serialization.BestAvailableEncryption(password.encode()),
        )


def ensure_authority(
    certificate_file: Path, key_file: Path, *, replaceable: bool = True
) -> Authority:
    """Loads the authority, or makes one.

    Args:
        replaceable: whether one that ends soon, or that could vouch for any name, may be replaced:
            no server runs with a certificate of it.
    """
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and not (
            replaceable and (_expires_soon(certificate) or not _is_constrained(certificate))
        ):
            return Authority(certificate, key)
    except (FileNotFoundError, ValueError):
        pass  # none yet, or damaged: the servers' certificates follow a new one
    made = _make_authority("idemflow runtime CA", _SERVER)
    write_file(key_file, _key_pem(made.key))
    write_file(certificate_file, made.pem())
    certificate_file.chmod(0o644)
    return made


def is_current(certificate_pem: Path, authority: Authority | Path) -> bool:
    """Whether a server's certificate is of this authority and does not end soon.

    Args:
        certificate_pem: the server's certificate.
        authority: the authority, or the file with its certificate.
    """
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.read_bytes())
        issuer = (
            authority.certificate
            if isinstance(authority, Authority)
            else x509.load_pem_x509_certificate(authority.read_bytes())
        )
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # missing, damaged, or of another authority: all mean "make a new one"
        return False
    return not _expires_soon(certificate)


def issue(
    authority: Authority, name: str, usages: x509.ExtendedKeyUsage = _SERVER
) -> ServerCertificate:
    """A certificate for ``localhost``, ``127.0.0.1`` and ``::1``.

    Args:
        name: the common name, for people.
        usages: on which sides of a connection it counts; by default, the server's.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName(_NAME), *(x509.IPAddress(address) for address in _ADDRESSES)]
    certificate = (
        _begun(_name(name), authority.certificate.subject, key, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(usages, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )
    return ServerCertificate(certificate, key, authority.certificate)


def issue_alone(name: str) -> ServerCertificate:
    """A certificate for both sides of a connection, of an authority that issued no other.

    The authority's key is not kept: who trusts it trusts this one certificate.

    Args:
        name: the common name, for people.
    """
    return issue(_make_authority(f"{name}: CA of one certificate", _BOTH_SIDES), name, _BOTH_SIDES)


def _make_authority(common_name: str, usages: x509.ExtendedKeyUsage) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    certificate = (
        _begun(name, name, key, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(_PERMITTED, critical=True)
        .add_extension(usages, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(_UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SET_BACK)
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _is_constrained(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return False
    return found.critical and found.value == _PERMITTED


def _expires_soon(certificate: x509.Certificate) -> bool:
    left = certificate.not_valid_after_utc - datetime.datetime.now(_UTC)
    return left < datetime.timedelta(days=RENEW_DAYS)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

"""The runtime's passwords: generated once, kept 0600, in no log and on no command line."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from idemflow.errors import IdemflowError
from idemflow.security.owner import folder, write_file

NIFI_USER = "admin"
ELASTICSEARCH_USER = "idemflow"
LOADER_USER = "idemflow_loader"
# So many letters has the shortest token that is taken.
_LETTERS = 16


@dataclass(frozen=True, repr=False)
class Secrets:
    """All passwords of an embedded runtime."""

    nifi_password: str
    elasticsearch_password: str
    loader_password: str
    sensitive_props_key: str
    keystore_password: str
    truststore_password: str


def login_file(folder_of_secrets: Path) -> Path:
    """Where the secrets are kept."""
    return folder_of_secrets / "login.json"


def load_secrets(folder_of_secrets: Path) -> Secrets:
    """The runtime's secrets.

    Raises:
        FileNotFoundError: none were made yet.
        IdemflowError: the file is damaged.
    """
    file = login_file(folder_of_secrets)
    try:
        return Secrets(**json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise IdemflowError(
            f"{file} is damaged: NiFi's stored passwords cannot be read without it",
            next_command="put it back, or start anew: idemflow down --delete && idemflow up",
        ) from error


def stored_secrets(folder_of_secrets: Path) -> set[str]:
    """Every password in the folder's JSON files."""
    found: set[str] = set()
    for file in folder_of_secrets.glob("*.json"):
        with contextlib.suppress(OSError, ValueError):
            found |= {str(one) for one in json.loads(file.read_text(encoding="utf-8")).values()}
    return found


def ensure_secrets(folder_of_secrets: Path) -> Secrets:
    """Loads the secrets, or makes them."""
    folder(folder_of_secrets, 0o700)
    try:
        return load_secrets(folder_of_secrets)
    except FileNotFoundError:
        made = Secrets(*(secrets.token_urlsafe(24) for _ in dataclasses.fields(Secrets)))
        write_file(login_file(folder_of_secrets), json.dumps(dataclasses.asdict(made), indent=1))
        return made


def metrics_token(folder_of_secrets: Path) -> str:
    """What a scraper of ``idemflow metrics --serve`` has to show; made at first use.

    Raises:
        IdemflowError: the file that keeps it is damaged.
    """
    folder(folder_of_secrets, 0o700)
    file = folder_of_secrets / "metrics.json"
    if not file.exists():
        write_file(file, json.dumps({"metrics_token": secrets.token_urlsafe(24)}))
    with contextlib.suppress(ValueError, TypeError, KeyError):
        found = json.loads(file.read_text(encoding="utf-8"))["metrics_token"]
        if isinstance(found, str) and len(found) >= _LETTERS:
            return found
    raise IdemflowError(
        f"{file} is damaged",
        next_command=f"rm '{file}': the next call makes another token, which scrapers need then",
    )


def nifi_password_hash(password: str) -> str:
    """The hash that NiFi's login provider reads (see ``PasswordHash.java``)."""
    rounds, salt = 210_000, os.urandom(16)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"$pbkdf2-sha512$i={rounds}${_plain_base64(salt)}${_plain_base64(digest)}"


def elasticsearch_password_hash(password: str) -> str:
    """A line's hash in Elasticsearch's file ``users``: its format ``PBKDF2``, HMAC-SHA-512.

    10,000 rounds are Elasticsearch's default; the passwords have 192 random bits.
    """
    rounds, salt = 10_000, os.urandom(32)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, dklen=32)
    encoded = (base64.b64encode(part).decode() for part in (salt, digest))
    return "{PBKDF2}" + "$".join([str(rounds), *encoded])


def _plain_base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")

"""Secrets that leave the machine: encrypted with a passphrase.

The form is Fernet's (AES-128-CBC with an HMAC-SHA-256), with a key that scrypt makes of the
passphrase: 128 MB of memory and a third of a second for each guess.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from idemflow.errors import UsageError

SALT_BYTES = 16
LEAST = 12  # letters of a passphrase
_LONGEST = 4096
_COST, _BLOCK, _PARALLEL = 2**17, 8, 1


class WrongPassphrase(UsageError):
    """It opens nothing; or what it is to open was changed."""


def new_salt() -> bytes:
    """What makes the key another one for each file."""
    return os.urandom(SALT_BYTES)


def seal(content: bytes, passphrase: str, salt: bytes) -> bytes:
    """Encrypts; the result can be told from one that was changed."""
    # cryptography takes longer to import than all that most commands need.
    from cryptography.fernet import Fernet  # noqa: PLC0415

    return Fernet(_key(passphrase, salt)).encrypt(content)


def unseal(sealed: bytes, passphrase: str, salt: bytes) -> bytes:
    """What :func:`seal` was given.

    Raises:
        WrongPassphrase: it was sealed with another passphrase, or changed since.
    """
    from cryptography.fernet import Fernet, InvalidToken  # noqa: PLC0415

    try:
        return Fernet(_key(passphrase, salt)).decrypt(sealed)
    except InvalidToken:
        raise WrongPassphrase("the passphrase is not the one that the secrets have") from None


def checked(passphrase: str) -> str:
    """A passphrase that is long enough.

    Raises:
        UsageError: it is not.
    """
    if len(passphrase) < LEAST:
        raise UsageError(f"a passphrase has {LEAST} characters at least")
    return passphrase


def read_passphrase(file: Path) -> str:
    """The first line of a file.

    Raises:
        UsageError: it cannot be read, or is too short.
    """
    try:
        with file.open(encoding="utf-8") as lines:
            return checked(lines.readline(_LONGEST).rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the passphrase cannot be read: {error}") from error


def _key(passphrase: str, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt  # noqa: PLC0415

    kdf = Scrypt(salt=salt, length=32, n=_COST, r=_BLOCK, p=_PARALLEL)
    return base64.urlsafe_b64encode(kdf.derive(passphrase.encode()))

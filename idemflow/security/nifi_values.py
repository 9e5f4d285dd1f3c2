"""Sensitive values as NiFi keeps them in its flow: ``enc{...}``.

The form is that of the algorithm NIFI_PBKDF2_AES_GCM_256, which nifi.properties names: hexadecimal,
16 bytes that differ each time, and the text encrypted by AES-GCM with a key of
``nifi.sensitive.props.key``.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_ENCRYPTED = re.compile(r"enc\{((?:[0-9a-f]{2})+)\}")
_SALT, _ROUNDS, _KEY_BYTES = b"NiFi Static Salt", 160_000, 32
_NONCE_BYTES = 16


class NifiValues:
    """Reads and writes them.

    Args:
        key: ``nifi.sensitive.props.key``.
    """

    def __init__(self, key: str) -> None:
        self._cipher = _cipher(key)

    def decrypt(self, value: str) -> str | None:
        """The text of an encrypted value; ``None`` where it was encrypted with another key.

        Raises:
            ValueError: it is none.
        """
        found = _ENCRYPTED.fullmatch(value)
        if found is None:
            raise ValueError("no encrypted value")
        content = bytes.fromhex(found[1])
        try:
            text = self._cipher.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], None)
            return text.decode()
        except (InvalidTag, ValueError):
            return None

    def encrypt(self, text: str) -> str:
        """A text as NiFi reads it."""
        nonce = os.urandom(_NONCE_BYTES)
        content = nonce + self._cipher.encrypt(nonce, text.encode(), None)
        return f"enc{{{content.hex()}}}"


@functools.cache  # one key is slow to derive, and a command has one
def _cipher(key: str) -> AESGCM:
    return AESGCM(hashlib.pbkdf2_hmac("sha512", key.encode(), _SALT, _ROUNDS, _KEY_BYTES))


def is_encrypted(value: object) -> bool:
    """Whether a value of a flow is an encrypted one."""
    return isinstance(value, str) and _ENCRYPTED.fullmatch(value) is not None

"""What looks like a secret, in any text that is to be shown or kept."""

from __future__ import annotations

import re

# A name and a value, a login in an address, a token.
_SECRET = re.compile(
    r"""(?ix) ((?:password|passwd|pwd|secret|token|api[_-]?key)["']?\s*[:=]\s*["']?)
        (?!None(?![^\s"',&;})\]])|SecretStr\() [^\s"'&;]+
      | (://[^/\s:@]+:) [^/\s@]+ (?=@)
      | ((?:bearer|basic|apikey)\s) [\w.~+/=-]{8,}"""
)
_LOGIN = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def masked(text: str) -> str:
    """The text without what looks like a secret."""
    return _SECRET.sub(lambda found: "".join(filter(None, found.groups())) + "***", text)


def without_login(text: str) -> str:
    """The masked text, also without names of users in addresses: one may be a token."""
    return _LOGIN.sub("***", masked(text))

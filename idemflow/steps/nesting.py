"""How deep a record may be nested. Runs inside NiFi: standard library only.

Elasticsearch takes 1,000 levels, its answers have some themselves, and readers in Python end at a
little less. What goes in must come out again.
"""

import re

MOST_LEVELS = 500
TOO_DEEP = f"nested more than {MOST_LEVELS} levels deep"

_TEXT = re.compile(b'"[^"]*"')
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_OTHERS = bytes(sorted(set(range(256)) - set(b'{}[]"')))


def too_deep(text: str) -> bool:
    """Whether a JSON text has objects and arrays in more than so many levels.

    It need not be valid JSON: what it says of such a text makes no difference.
    """
    if len(text) <= 2 * MOST_LEVELS or text.count("{") + text.count("[") <= MOST_LEVELS:
        return False
    data = text.encode("utf-8", "surrogatepass")
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Of most texts the quotes alone are left, which then stand side by side.
    left = data.translate(_BRACKETS, _OTHERS).replace(b'""', b"")
    if b'"' in left:
        left = _TEXT.sub(b"", left)
    for _ in range(MOST_LEVELS):  # level by level, from within
        shorter = left.replace(b"[]", b"")
        if len(shorter) == len(left):  # nothing is left, or it is not JSON
            return left.count(b"[") > MOST_LEVELS
        left = shorter
    return bool(left)

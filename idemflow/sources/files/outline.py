"""Where a JSON value ends that is too long to be held in memory.

Runs inside NiFi: standard library only.
"""

import re

# A text, as far as it goes without its closing quote; and what is between texts and brackets.
_TEXT = re.compile(r'(?:[^"\\\x00-\x1f]++|\\.)*+')
_BETWEEN = re.compile(r"[ \t\n\r,:0-9.eE+\-truefalsn]*+")

# Far more than a document may have; some megabytes of memory.
_DEPTH = 1_000_000


class NoOutline(ValueError):
    """A value has no end that could be told: it is not JSON."""


class Outline:
    """The open brackets and texts of a value that is an object, an array or a text.

    It is given piece by piece. Not all that is wrong in it is noticed, but a quote or bracket too
    few or too many almost always is, since words then stand outside of texts.

    Attributes:
        ended: whether its end was reached.
    """

    def __init__(self) -> None:
        self.ended = False
        self._open: list[str] = []
        self._in_text = False

    def over(self, text: str, at: int) -> int:
        """Go over a piece of it.

        Args:
            text: the piece, with what the last call left of the one before in front of it.
            at: where in there to begin.

        Returns:
            How far it went: to the end of the value, or as far as can be told.

        Raises:
            NoOutline: it is not JSON.
        """
        while not self.ended:
            pattern = _TEXT if self._in_text else _BETWEEN
            match = pattern.match(text, at)
            at = at if match is None else match.end()
            sign = text[at : at + 1]
            if not sign or (sign == "\\" and at + 1 == len(text)):
                break
            self._take(sign)
            at += 1
            self.ended = not self._open and not self._in_text
        return at

    def _take(self, sign: str) -> None:
        if sign == '"':
            self._in_text = not self._in_text
        elif self._in_text or not (self._open or sign in "{["):
            raise NoOutline
        elif sign in "{[" and len(self._open) < _DEPTH:
            self._open.append(sign)
        elif sign not in "}]" or self._open.pop() + sign not in ("{}", "[]"):
            raise NoOutline

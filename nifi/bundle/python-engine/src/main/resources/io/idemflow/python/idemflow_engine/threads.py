"""Values of the threads that run scripts.

No `threading.local`: to Python, a thread of Java is a new one each time that it comes in.
"""

import threading
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByThread(Generic[Value]):
    """One value for each thread, or None."""

    def __init__(self) -> None:
        self._values: dict[int, Value] = {}

    def get(self) -> Value | None:
        """The value of this thread."""
        return self._values.get(threading.get_ident())

    def set(self, value: Value | None) -> Value | None:
        """Give this thread another value, or none; gives the one before."""
        thread = threading.get_ident()
        before = self._values.get(thread)
        if value is None:
            self._values.pop(thread, None)
        else:
            self._values[thread] = value
        return before

"""Keep scripts from taking the JVM down with them and from hanging on, as far as Python can."""

import ctypes
import io
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

# A waiting thread sees a request to stop only when it wakes.
_WAKE_SECONDS = 0.25
_DEFAULT_STACK_BYTES = 1 << 20  # of a Java thread
# What one level takes where it goes through C too: measured with sort keys, the hungriest found.
_BYTES_PER_LEVEL = 3072 if sys.version_info < (3, 13) else 6144


def install() -> None:
    """Replace the functions that would end or block the process; called once, on a Java thread."""
    process = os.getpid()
    os._exit = _ending(process, os._exit)
    os.abort = _ending(process, os.abort, "os.abort()")
    limit = _stack_bytes() // _BYTES_PER_LEVEL
    sys.setrecursionlimit(min(sys.getrecursionlimit(), limit))
    sys.setrecursionlimit = _limit_recursion(limit, sys.setrecursionlimit)
    time.sleep = _sleep(time.sleep, time.monotonic)
    threading.Thread.join = _join(threading.Thread.join)
    threading._allocate_lock = _WakingLock  # what Condition, Event, Queue and Future wait on
    sys.stdin = _NoInput()


def _ending(process: int, original: Callable[..., NoReturn], *code: str) -> Callable[..., NoReturn]:
    def end_script(*args: Any, **options: Any) -> NoReturn:
        """End the script, not the JVM. A forked child ends as ever."""
        if os.getpid() != process:
            original(*args, **options)
        raise SystemExit(*args, *options.values(), *code)

    return end_script


def _limit_recursion(most: int, original: Callable[[int], None]) -> Callable[[int], None]:
    def set_recursion_limit(limit: int, /) -> None:
        """Set the limit, at most to what the stack of a Java thread bears."""
        original(min(limit, most))

    return set_recursion_limit


def _stack_bytes() -> int:
    """Size of this thread's stack, which Java gave it (option -Xss)."""
    attributes = ctypes.create_string_buffer(256)  # pthread_attr_t: 56 bytes with glibc
    size = ctypes.c_size_t()
    try:
        threads = ctypes.CDLL(None)
        if threads.pthread_getattr_np(ctypes.c_ulong(threading.get_ident()), attributes) == 0:
            threads.pthread_attr_getstacksize(attributes, ctypes.byref(size))
            threads.pthread_attr_destroy(attributes)
    except (AttributeError, OSError):
        pass  # not Linux
    return size.value or _DEFAULT_STACK_BYTES


def _sleep(
    original: Callable[[float], None], clock: Callable[[], float]
) -> Callable[[float], None]:
    def sleep(seconds: float, /) -> None:
        """Sleep, waking now and then so that a request to stop is seen."""
        if seconds <= _WAKE_SECONDS:
            original(seconds)
            return
        end = clock() + seconds
        while (rest := end - clock()) > 0:
            original(min(rest, _WAKE_SECONDS))

    return sleep


def _join(original: Callable[..., None]) -> Callable[..., None]:
    def join(self: threading.Thread, timeout: float | None = None) -> None:
        """Wait until the thread ends, waking now and then so that a request to stop is seen."""
        if timeout is not None:
            original(self, timeout)
            return
        original(self, _WAKE_SECONDS)
        while self.is_alive():
            original(self, _WAKE_SECONDS)

    return join


class _NoInput(io.StringIO):
    """There is nobody to ask. `quit()` closes sys.stdin, which all scripts share."""

    def close(self) -> None:
        pass


class _WakingLock:
    """A lock whose waiters wake now and then, so that a request to stop is seen."""

    __slots__ = ("_lock",)

    def __init__(self, _allocate: Callable[[], Any] = threading.Lock) -> None:
        self._lock = _allocate()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if not blocking or timeout >= 0:
            return bool(self._lock.acquire(blocking, timeout))
        while not self._lock.acquire(True, _WAKE_SECONDS):
            pass
        return True

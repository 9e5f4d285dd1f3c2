"""Keep a script from taking the whole JVM down with it, as far as Python can."""

import os
import sys
import time
from collections.abc import Callable
from typing import NoReturn

# A Java thread has a stack of 1 MB: 1,000 levels that each go through C fit in, many more do not.
_RECURSION_LIMIT = 1000
# A sleeping thread sees a request to stop only when it wakes.
_SLEEP_SECONDS = 0.25


def install() -> None:
    """Replace the functions that would end or block the process; called once."""
    process = os.getpid()
    os._exit = _exit(process, os._exit)
    os.abort = _abort(process, os.abort)
    sys.setrecursionlimit = _limit_recursion(sys.setrecursionlimit)
    time.sleep = _sleep(time.sleep, time.monotonic)
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115


def _exit(process: int, original: Callable[[int], NoReturn]) -> Callable[[int], NoReturn]:
    def exit_script(status: int) -> NoReturn:
        """End the script, not the JVM. A forked child ends as ever."""
        if os.getpid() != process:
            original(status)
        raise SystemExit(status)

    return exit_script


def _abort(process: int, original: Callable[[], NoReturn]) -> Callable[[], NoReturn]:
    def abort_script() -> NoReturn:
        """End the script with an error, not the JVM. A forked child ends as ever."""
        if os.getpid() != process:
            original()
        raise SystemExit("os.abort()")

    return abort_script


def _limit_recursion(original: Callable[[int], None]) -> Callable[[int], None]:
    def set_recursion_limit(limit: int, /) -> None:
        """Set the limit, at most to what the stack of a Java thread bears."""
        original(min(limit, _RECURSION_LIMIT))

    return set_recursion_limit


def _sleep(original: Callable[[float], None], clock: Callable[[], float]) -> Callable[[float], None]:
    def sleep(seconds: float, /) -> None:
        """Sleep, waking now and then so that a request to stop is seen."""
        if seconds <= _SLEEP_SECONDS:
            original(seconds)
            return
        end = clock() + seconds
        while (rest := end - clock()) > 0:
            original(min(rest, _SLEEP_SECONDS))

    return sleep

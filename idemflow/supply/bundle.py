"""Builds what has no file of its own at Maven Central: the project's bundle, two official NARs.

Each result is kept in the cache under the hash of what it was made from.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from idemflow.errors import IdemflowError
from idemflow.supply.artifacts import Coordinate, Lock, PackedNar
from idemflow.supply.java import Java
from idemflow.supply.modules import Module
from idemflow.supply.nar import NarName, files_below, pack_jar, pack_nar, unpack_jars

GROUP = "io.idemflow"
VERSION = "0.1.0"
RELEASE = "21"
COMPILE_TIMEOUT = 300.0  # seconds
DOCUMENTATION_WRITER = "io.idemflow.documentation.DocumentationWriter"


@dataclass(frozen=True)
class Built:
    """The result of a module: files for NiFi's ``lib/``, or one NAR, or a program.

    Attributes:
        name: the module's name.
        lib: jars for ``lib/``.
        nar: the NAR, if it is one.
        tool: the program's jar, if it is one.
    """

    name: str
    lib: tuple[Path, ...] = ()
    nar: Path | None = None
    tool: Path | None = None


def needed(modules: Iterable[Module], lock: Lock) -> set[Coordinate]:
    """The artifacts that building and running the bundle takes, without those of the tests."""
    wanted = {lock.compiler}
    for module in modules:
        wanted.update(module.compile + module.bundle)
    for packed in lock.packed:
        wanted.update(packed.jars)
    return wanted


def build_bundle(
    modules: Iterable[Module],
    files: Mapping[Coordinate, Path],
    lock: Lock,
    java: Java,
    cache: Path,
    pool: Executor,
) -> list[Built]:
    """Builds all modules, the NARs last: see :func:`build_module`.

    Raises:
        IdemflowError: one does not compile; carries the compiler's messages.
    """

    def build(nars: bool, first: Sequence[Built]) -> list[Built]:
        chosen = [module for module in modules if (module.kind == "nar") == nars]
        return list(
            pool.map(lambda module: build_module(module, files, lock, java, cache, first), chosen)
        )

    first = build(False, [])
    return [*first, *build(True, first)]


def build_module(
    module: Module,
    files: Mapping[Coordinate, Path],
    lock: Lock,
    java: Java,
    cache: Path,
    first: Sequence[Built] = (),
) -> Built:
    """Compiles and packs a module, or takes it from the cache.

    Args:
        first: what was built before. A NAR's documentation is written by the program among it, and
            sees the jars of NiFi's ``lib/``, as the NAR itself does when it runs.

    Raises:
        IdemflowError: it does not compile; carries the compiler's messages.
    """
    tools = [built.tool for built in first if built.tool] if module.kind == "nar" else []
    seen = [jar for built in first for jar in built.lib] if tools else []
    key = _key(
        [VERSION, RELEASE, str(lock.compiler), (module.folder / "module.toml").read_bytes()],
        files_below(module.folder / "src" / "main"),
        [
            *(str(lock.files[c]) for c in module.compile + module.bundle),
            *(jar.parent.name for jar in (*tools, *seen)),
        ],
    )
    target = cache / "built" / f"{module.name}-{key}"
    jar = target / f"{module.name}-{VERSION}.jar"
    nar = target / f"{module.name}-{VERSION}.nar"
    result = nar if module.kind == "nar" else jar
    bundled = tuple(files[c] for c in module.bundle)
    if not result.exists():
        with tempfile.TemporaryDirectory() as scratch:
            classes, docs = Path(scratch) / "classes", Path(scratch) / "docs"
            jars = [files[c] for c in module.compile + module.bundle]
            compile_java(
                java, files[lock.compiler], [module.folder / "src" / "main" / "java"], jars, classes
            )
            resources = module.folder / "src" / "main" / "resources"
            made = jar if module.kind != "nar" else Path(scratch) / jar.name
            pack_jar(made, [classes, resources] if resources.is_dir() else [classes])
            if module.kind == "nar":
                name = NarName(GROUP, module.name, VERSION, module.parent)
                if tools:
                    write_documentation(java, [*tools, made, *jars, *seen], name, docs)
                pack_nar(nar, name, [made, *bundled], docs if tools else None)
    if module.kind == "nar":
        return Built(module.name, nar=nar)
    if module.kind == "tool":
        return Built(module.name, tool=jar)
    return Built(module.name, lib=(jar, *bundled))


def build_packed(
    packed: PackedNar,
    files: Mapping[Coordinate, Path],
    lock: Lock,
    java: Java,
    cache: Path,
    built: Iterable[Built],
) -> Path:
    """Packs an official NAR of its jars, or takes it from the cache.

    Args:
        built: the bundle: the program that writes a NAR's documentation is in it.
    """
    (tool,) = (one.tool for one in built if one.tool)
    key = _key([str(packed)], [], [*(lock.files[c].sha256 for c in packed.jars), tool.parent.name])
    target = cache / "built" / f"{packed.name}-{key}" / f"{packed.name}-{packed.version}.nar"
    if not target.exists():
        name = NarName("org.apache.nifi", packed.name, packed.version, packed.parent)
        jars = [files[jar] for jar in packed.jars]
        nars = {one.artifact: files[one] for one in lock.nars}
        with tempfile.TemporaryDirectory() as scratch:
            docs = Path(scratch) / "docs"
            seen = unpack_jars(nars[packed.parent.artifact], nars, Path(scratch))
            seen += [files[one] for one in lock.lib]
            write_documentation(java, [tool, *jars, *seen], name, docs)
            pack_nar(target, name, jars, docs)
    return target


def compile_java(
    java: Java, compiler: Path, sources: Iterable[Path], class_path: Iterable[Path], target: Path
) -> None:
    """Compiles all Java files below ``sources`` with ecj.

    Raises:
        IdemflowError: the sources do not compile.
    """
    names = [str(file) for folder in sources for file in sorted(folder.rglob("*.java"))]
    target.mkdir(parents=True, exist_ok=True)
    if not names:
        return
    # In a file, since the list may be longer than a command line can be.
    arguments = target.with_name(target.name + ".args")
    options = ["--release", RELEASE, "-encoding", "UTF-8", "-g", "-parameters", "-proc:none"]
    options += ["-nowarn", "-cp", ":".join(map(str, class_path)) or ".", "-d", str(target), *names]
    arguments.write_text("\n".join(f'"{option}"' for option in options), encoding="utf-8")
    _run(java, ["-jar", compiler, f"@{arguments}"], "the Java sources do not compile")


def write_documentation(
    java: Java, class_path: Iterable[Path], name: NarName, target: Path
) -> None:
    """Writes what *View Documentation* shows of a NAR's types to the folder ``target``.

    Raises:
        IdemflowError: a type cannot be made outside of NiFi.
    """
    parent = name.parent
    _run(
        java,
        [
            *("-cp", ":".join(str(path) for path in class_path)),
            DOCUMENTATION_WRITER,
            target,
            f"{name.group}:{name.name}:{name.version}",
            *([f"{parent.group}:{parent.artifact}:{parent.version}"] if parent else []),
        ],
        f"the documentation of {name.name} cannot be written",
    )


def _run(java: Java, arguments: Iterable[str | Path], problem: str) -> None:
    done = subprocess.run(
        [java.executable, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *arguments],
        capture_output=True,
        text=True,
        timeout=COMPILE_TIMEOUT,
        check=False,
    )
    if done.returncode != 0:
        raise IdemflowError(f"{problem}:\n{(done.stdout + done.stderr).strip()[-4000:]}")


def _key(parts: Iterable[str | bytes], sources: Iterable[Path], more: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode())
    for file in sources:
        digest.update(f"\0{file.name}\0".encode() + file.read_bytes())
    for text in more:
        digest.update(f"\0{text}".encode())
    return digest.hexdigest()[:16]

"""The bundle's build, and the Java tests of its modules, run as Maven would, without Maven."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

from idemflow.config import settings
from idemflow.config.paths import resources
from idemflow.supply import bundle
from idemflow.supply.artifacts import Coordinate, read_lock
from idemflow.supply.java import LATE_OPTIMIZER, installed_java
from idemflow.supply.modules import Module, read_modules
from idemflow.supply.nar import types_of
from idemflow.supply.progress import Silent
from idemflow.supply.python_env import PythonEnvironment, shared_library
from idemflow.supply.store import Store

# What nifi-mock needs itself; a module.toml lists no jars of jars.
NIFI_MOCK = (
    "org.apache.nifi:nifi-utils:2.3.0",
    "org.apache.nifi:nifi-expression-language:2.3.0",
    "org.apache.nifi:nifi-parameter:2.3.0",
    "org.antlr:antlr-runtime:3.5.3",
    "org.apache.commons:commons-lang3:3.17.0",
)
MODULES = read_modules(resources() / "bundle")


def module_file(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


@pytest.fixture(scope="module")
def jpy_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that tells the Python engine where this Python is."""
    library = shared_library()
    assert library is not None, "this Python has no shared libpython: see `idemflow doctor`"
    environment = PythonEnvironment(
        library=library,
        prefix=Path(sys.base_prefix),
        executable=Path(sys.executable),
        jpy=module_file("jpy"),
        jdl=module_file("jdl"),
        path=(),
    )
    file = tmp_path_factory.mktemp("jpy") / "jpy.properties"
    file.write_text(environment.jpy_config(), encoding="utf-8")
    return file


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "module", [m for m in MODULES if m.kind != "tool"], ids=lambda module: module.folder.name
)
def test_module(module: Module, jpy_config: Path, tmp_path: Path) -> None:
    java = installed_java()
    cache = settings.resolve().cache
    lock = read_lock(resources() / "artifacts.toml")
    libraries = [one for one in MODULES if one.kind == "lib"]
    test = [*module.test, *lock.lib]
    if any(c.artifact == "nifi-mock" for c in test):
        test += map(Coordinate.parse, NIFI_MOCK)
    wanted: set[Coordinate] = {lock.compiler, *test}
    for one in (module, *libraries):
        wanted.update(one.compile + one.bundle)
    files = Store(cache).fetch(lock, wanted, Silent())
    main, tests = tmp_path / "main", tmp_path / "tests"
    jars = [files[c] for c in (*test, *module.compile, *module.bundle)]
    source = module.folder / "src"
    bundle.compile_java(java, files[lock.compiler], [source / "main/java"], jars, main)
    bundle.compile_java(java, files[lock.compiler], [source / "test/java"], [main, *jars], tests)
    # With NiFi's own jars in `test`: what is on its lib/ is on every class path.
    built = [
        jar
        for one in libraries
        if one is not module
        for jar in bundle.build_module(one, files, lock, java, cache).lib
    ]
    resources_of = [source / part / "resources" for part in ("test", "main")]
    class_path = [tests, main, *resources_of, *jars, *built]
    done = subprocess.run(
        [
            java.executable,
            *LATE_OPTIMIZER,
            f"-Djpy.config={jpy_config}",
            "--add-exports=jdk.httpserver/sun.net.httpserver=ALL-UNNAMED",  # as NiFi has it
            "-cp",
            os.pathsep.join(map(str, class_path)),
            "org.junit.platform.console.ConsoleLauncher",
            "execute",
            f"--scan-classpath={tests}",
            "--fail-if-no-tests",
            "--disable-banner",
            "--disable-ansi-colors",
            "--details=tree",
        ],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]


@pytest.mark.timeout(300)
def test_two_builds_give_the_same_bytes_and_document_each_type(tmp_path: Path) -> None:
    lock = read_lock(resources() / "artifacts.toml")
    files = Store(settings.resolve().cache).fetch(lock, bundle.needed(MODULES, lock), Silent())
    java = installed_java()
    with ThreadPoolExecutor(2) as pool:
        one, other = (
            bundle.build_bundle(MODULES, files, lock, java, tmp_path / folder, pool)
            for folder in ("one", "other")
        )
    nars = [built.nar for built in one if built.nar]
    assert [nar.read_bytes() for nar in nars] == [b.nar.read_bytes() for b in other if b.nar]
    for nar in nars:
        with zipfile.ZipFile(nar) as archive:
            names = archive.namelist()
            manifest = ElementTree.fromstring(archive.read("META-INF/docs/extension-manifest.xml"))
        documented = {extension.findtext("name") for extension in manifest.iter("extension")}
        in_details = {name.split("/")[3] for name in names if name.endswith("additionalDetails.md")}
        # A login is no type that a canvas shows; a registry client stands in its details.
        shown = {name for name in types_of(nar) if not name.startswith("io.idemflow.login.")}
        assert documented | in_details == shown, nar

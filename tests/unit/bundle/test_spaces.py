"""Modules of NiFi's Module Directory, imported by tasks that run at once."""

from __future__ import annotations

import gc
import importlib
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from idemflow.config.paths import resources

PACKAGE = "idemflow_engine"
FOLDER = resources() / "bundle/python-engine/src/main/resources/io/idemflow/python" / PACKAGE
TASKS = 6

Script = Callable[..., dict[str, Any]]


@pytest.fixture
def spaces(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The engine's module, without the part of its package that needs Java."""
    package = ModuleType(PACKAGE)
    package.__path__ = [str(FOLDER)]
    before = set(sys.modules)
    monkeypatch.setitem(sys.modules, PACKAGE, package)
    monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
    monkeypatch.setattr(importlib, "import_module", importlib.import_module)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # tasks take turns as often as they can
    loaded = importlib.import_module(f"{PACKAGE}.spaces")
    loaded.install()
    yield loaded
    sys.setswitchinterval(interval)
    for name in set(sys.modules) - before:
        if name.startswith("idemflow_"):
            del sys.modules[name]


@pytest.fixture
def run(spaces: Any) -> Script:
    """Runs a script as the engine does, with the modules of these directories."""
    numbers = itertools.count()

    def run_script(source: str, *directories: Path, meanwhile: Any = None) -> dict[str, Any]:
        number = next(numbers)
        space = spaces.enter(number, [str(directory) for directory in directories])
        before = spaces.current.set(space)
        try:
            namespace = {"__builtins__": space.builtins, "meanwhile": meanwhile}
            exec(source, namespace)
            return namespace
        finally:
            spaces.current.set(before)
            spaces.leave(number)

    return run_script


def write(file: Path, text: str) -> None:
    """Write a file as an editor does: nobody sees half of it."""
    other = file.with_suffix(f".{threading.get_ident()}")
    other.write_text(text)
    other.replace(file)


def in_sys_modules(spaces: Any) -> set[str]:
    return {name for name in sys.modules if name.startswith(spaces._PREFIX)}


def test_tasks_at_once_see_one_version_each(tmp_path: Path, run: Script) -> None:
    def change(version: int) -> None:
        for name in ("one", "two"):
            write(tmp_path / f"{name}.py", f"version = {version}\n")

    def task() -> None:
        while not changed.is_set():
            run(
                "import one, two\nfirst, others = one, two\nimport one, two\n"
                "assert one is first and two is others, 'two versions of one module'",
                tmp_path,
            )

    change(0)
    changed = threading.Event()
    with ThreadPoolExecutor(TASKS) as pool:
        tasks = [pool.submit(task) for _ in range(TASKS)]
        for version in range(1, 40):
            change(version)
        changed.set()
        for done in tasks:
            done.result()
    assert run("import one, two\nv = one.version, two.version", tmp_path)["v"] == (39, 39)


def test_tasks_at_once_import_a_module_once(tmp_path: Path, run: Script) -> None:
    (tmp_path / "counting.py").write_text(
        "import sys, time\nsys.imported = getattr(sys, 'imported', 0) + 1\n"
        "time.sleep(0.05)\nv = 1\n"
    )
    (tmp_path / "by_name.py").write_text(
        "import importlib\nm = importlib.import_module('counting')"
    )
    barrier = threading.Barrier(TASKS)
    source = "meanwhile()\nimport by_name, counting\nassert by_name.m is counting and counting.v"

    def task() -> None:
        run(source, tmp_path, meanwhile=barrier.wait)

    try:
        with ThreadPoolExecutor(TASKS) as pool:
            for done in [pool.submit(task) for _ in range(TASKS)]:
                done.result()
        assert sys.imported == 1  # type: ignore[attr-defined]
    finally:
        vars(sys).pop("imported", None)


def test_tasks_with_different_directories_do_not_meet(tmp_path: Path, run: Script) -> None:
    folders = [tmp_path / str(number) for number in range(TASKS)]
    for folder in folders:
        (folder / "package").mkdir(parents=True)
        (folder / "same.py").write_text(f"value = {folder.name}\n")
        (folder / "package/__init__.py").write_text("from .inner import value\n")
        (folder / "package/inner.py").write_text("import same\nvalue = same.value\n")

    def task(folder: Path) -> None:
        for _ in range(30):
            os.utime(folder / "same.py")
            found = run("from package import value", folder)["value"]
            assert found == int(folder.name)

    with ThreadPoolExecutor(TASKS) as pool:
        for done in [pool.submit(task, folder) for folder in folders]:
            done.result()


def test_a_running_script_keeps_its_modules(tmp_path: Path, run: Script, spaces: Any) -> None:
    (tmp_path / "helper.py").write_text("value = 'one'\n")

    def change() -> None:
        (tmp_path / "helper.py").write_text("value = 'other'\n")
        assert run("import helper", tmp_path)["helper"].value == "other"
        (tmp_path / "helper.py").unlink()
        with pytest.raises(ModuleNotFoundError):
            run("import helper", tmp_path)

    source = "import helper\nbefore = helper\nmeanwhile()\nimport helper"
    found = run(source, tmp_path, meanwhile=change)
    assert found["helper"] is found["before"]
    assert found["helper"].value == "one"
    # What nobody runs with any more is let go of with the next script.
    (tmp_path / "helper.py").touch()
    run("import helper", tmp_path)
    assert len(in_sys_modules(spaces)) == 2, in_sys_modules(spaces)


def test_a_function_that_outlives_its_script_can_import(tmp_path: Path, run: Script) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text(
        "def late():\n    from . import inner\n    return inner\n"
    )
    (tmp_path / "package/inner.py").write_text("import package\nvalue = 1\n")
    late = run("from package import late", tmp_path)["late"]
    (tmp_path / "package/__init__.py").write_text("changed = True\n")
    for _ in range(2):
        run("import package", tmp_path)
    gc.collect()
    assert late().value == 1


def test_a_file_that_changes_twice_in_a_second_is_read_again(tmp_path: Path, run: Script) -> None:
    for value in ("a", "b", "c"):
        (tmp_path / "helper.py").write_text(f"value = {value!r}\n")
        os.utime(tmp_path / "helper.py", ns=(10**18, 10**18 + ord(value)))
        assert run("from helper import value", tmp_path)["value"] == value
    assert [path.name for path in tmp_path.iterdir()] == ["helper.py"]  # no cache beside it


def test_a_new_module_is_found_and_a_lost_one_is_not(tmp_path: Path, run: Script) -> None:
    with pytest.raises(ModuleNotFoundError, match="later"):
        run("import later", tmp_path)
    (tmp_path / "later.py").touch()
    run("import later", tmp_path)
    (tmp_path / "later.py").unlink()
    with pytest.raises(ModuleNotFoundError, match="later"):
        run("import later", tmp_path)

"""The Python engine's modules import each other in one direction only."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter

from idemflow.config.paths import resources

PACKAGE = "idemflow_engine"
FOLDER = resources() / "bundle/python-engine/src/main/resources/io/idemflow/python" / PACKAGE


def imported(tree: ast.AST, modules: set[str]) -> set[str]:
    """The modules of the package that a file imports, also inside of functions."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            module = (node.module or "").removeprefix(PACKAGE).removeprefix(".")
            found |= {module} if module else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names = (alias.name.partition(f"{PACKAGE}.")[2] for alias in node.names)
            found |= {name for name in names if name}
    assert found <= modules, found - modules
    return found


def test_modules_import_each_other_in_one_direction() -> None:
    files = {file.stem: file for file in FOLDER.glob("*.py")}
    graph = {name: imported(ast.parse(f.read_text()), set(files)) for name, f in files.items()}
    order = list(TopologicalSorter(graph).static_order())  # a cycle is a CycleError
    assert order[-1] == "__init__"
    assert {"conversion", "errors"} <= graph["members"]  # the graph is not an empty one


def test_modules_are_short() -> None:
    lines = {file.name: len(file.read_text().splitlines()) for file in FOLDER.glob("*.py")}
    assert max(lines.values()) < 400, lines

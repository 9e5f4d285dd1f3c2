"""What the Python engine gives steps besides their arguments; what makes many tests quick."""

from __future__ import annotations

import gc
import sys
from types import ModuleType, SimpleNamespace

import pytest


def pytest_collection_finish() -> None:
    """What is imported stays: the garbage collector need not look at it again and again."""
    gc.freeze()


@pytest.fixture
def nifi_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    """NiFi's class ``Scope``; its values are their names."""
    name = "org"
    for part in ("", ".apache", ".nifi", ".components", ".state"):
        name += part
        module = ModuleType(name)
        module.__path__ = []
        monkeypatch.setitem(sys.modules, name, module)
    module.__dict__["Scope"] = SimpleNamespace(LOCAL="LOCAL", CLUSTER="cluster")

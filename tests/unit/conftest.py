"""What the Python engine gives steps besides their arguments."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest


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

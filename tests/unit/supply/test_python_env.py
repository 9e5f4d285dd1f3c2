"""Which packages NiFi's Python has besides the installed ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from idemflow.config.paths import Home
from idemflow.supply import python_env
from tests.packages import installed, told


def test_a_package_with_a_source_comes_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    home.python.mkdir(parents=True)
    packages = installed(tmp_path / "packages")
    told(packages, "half-removed", {"gone": "no_such_package.model:S"})
    with monkeypatch.context() as patch:
        patch.syspath_prepend(packages)
        for name in [name for name in sys.modules if name.startswith("idemflow_counter")]:
            patch.delitem(sys.modules, name)  # another test has imported it from elsewhere
        own = python_env._own_packages(home, [])
        assert {path.name for path in own.iterdir()} == {"idemflow", "idemflow_counter"}
        step = packages / "idemflow_counter/step.py"
        assert (own / "idemflow_counter/step.py").read_text() == step.read_text()
        # What is installed among the other packages is found there.
        python_env._own_packages(home, [packages])
        assert {path.name for path in own.iterdir()} == {"idemflow"}
        python_env._own_packages(home, [])
    python_env._own_packages(home, [])
    assert {path.name for path in own.iterdir()} == {"idemflow"}

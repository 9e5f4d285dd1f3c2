"""The call in a Script Body: what it runs, what it refuses; and what the steps may need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import idemflow
from idemflow import steps
from idemflow.steps import StepRefused, processor, step
from tests.unit.steps.fakes import Context

ROOT = Path(idemflow.__file__).parent
# In a Python that has the package and no site-packages: import all modules of the steps.
IMPORT_ALL = """
import importlib, pathlib, sys
sys.path.insert(0, sys.argv[1])
import idemflow.steps
for file in sorted(pathlib.Path(idemflow.steps.__file__).parent.rglob("*.py")):
    name = ".".join(file.relative_to(sys.argv[1]).with_suffix("").parts)
    importlib.import_module(name.removesuffix(".__init__"))
print(*sorted(name for name in sys.modules if name.startswith("idemflow")))
"""


def called(*bound: Any, **values: Any) -> None:
    """A step."""
    bound[0].update(values, bound=bound)


def test_steps_need_the_standard_library_and_no_other_room(tmp_path: Path) -> None:
    (tmp_path / "idemflow").symlink_to(ROOT)
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT_ALL, str(tmp_path)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    names = found.stdout.split()
    assert {"idemflow", "idemflow.steps.identify", "idemflow.steps.rules.identity"} <= set(names)
    assert [name for name in names if not f"{name}.".startswith("idemflow.steps.")] == ["idemflow"]


def test_a_call_goes_to_the_function_with_the_names_and_the_values() -> None:
    seen: dict[str, Any] = {}
    step(f"{__name__}:called", seen, "context", drawn_by="9.9", interface=1, pipeline="p", n=1)
    assert seen == {"pipeline": "p", "n": 1, "bound": (seen, "context")}


def test_a_call_of_a_later_interface_is_refused_with_the_command() -> None:
    with pytest.raises(StepRefused) as caught:
        step("idemflow.steps.gone:f", drawn_by="9.9.0", interface=99, pipeline="people", new=1)
    assert str(caught.value) == (
        "this step was drawn by idemflow 9.9.0 (steps 99), this NiFi has idemflow "
        f"{idemflow.__version__} (steps {steps.INTERFACE}): run `pip install --no-deps "
        "idemflow==9.9.0` in NiFi's Python and restart NiFi (one that idemflow started: "
        "`idemflow down`, `idemflow up`)"
    )


def test_a_call_of_too_old_an_interface_is_refused_with_the_command() -> None:
    with pytest.raises(
        StepRefused, match=rf"run `idemflow deploy people` with idemflow {idemflow.__version__}$"
    ):
        step("idemflow.steps.gone:f", drawn_by="0.0.1", interface=0, pipeline="people")
    with pytest.raises(StepRefused, match=r"run `idemflow deploy` with idemflow "):
        step("idemflow.steps.gone:f", drawn_by="0.0.1", interface=0)


def test_a_step_of_a_package_that_is_not_installed_is_refused() -> None:
    known = {"drawn_by": "0.1.0", "interface": steps.INTERFACE}
    with pytest.raises(
        StepRefused, match=r"no module absent_package, .*: install the package that"
    ):
        step("absent_package.step:collect", **known)  # type: ignore[arg-type]
    with pytest.raises(
        StepRefused, match=r"no module idemflow\.steps\.absent, .*: run `pip install"
    ):
        step("idemflow.steps.absent:collect", **known)  # type: ignore[arg-type]


def test_a_module_that_a_steps_module_lacks_is_named_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needy_step.py").write_text("import absent_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="absent_package"):
        step("needy_step:f", drawn_by="0.1.0", interface=steps.INTERFACE)


def test_the_bulletin_names_the_error_without_its_module() -> None:
    assert StepRefused.__module__ == "builtins"


def test_a_property_that_an_operator_took_away_is_named() -> None:
    with pytest.raises(StepRefused, match="no property 'rows'; `idemflow deploy` sets it"):
        processor.text(Context(), "rows")
    assert processor.text(Context(rows="5"), "rows") == "5"
    assert processor.optional(Context(), "rows") is None

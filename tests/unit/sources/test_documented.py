"""The page on sources shows the package that the tests run."""

from __future__ import annotations

from pathlib import Path

from idemflow.sources.source import Source
from tests.packages import FOURTH_SOURCE

PAGE = (Path(__file__).parents[3] / "docs" / "sources.md").read_text(encoding="utf-8")


def test_the_example_is_the_package_of_the_tests() -> None:
    files = [FOURTH_SOURCE / "pyproject.toml", *FOURTH_SOURCE.glob("*/*.py")]
    assert len(files) == 5
    for file in files:
        name, text = file.relative_to(FOURTH_SOURCE), file.read_text(encoding="utf-8")
        language = file.suffix.replace(".py", ".python").removeprefix(".")
        assert f"`{name}`\n\n```{language}\n{text}```\n" in PAGE, name


def test_all_that_a_source_may_have_is_explained() -> None:
    own = {name for name in vars(Source) if not name.startswith(("_", "model_"))}
    assert {"draw", "parameters"} <= own
    for name in {*own, "steps"}:
        assert f"\n| `{name}" in PAGE, name

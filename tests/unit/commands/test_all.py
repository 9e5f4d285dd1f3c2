"""All pipelines in the order of ``after``: what fails, what is left out, and the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from idemflow.cli import main
from idemflow.commands._all import all_pipelines
from idemflow.commands.check import check
from idemflow.config import settings
from idemflow.errors import CanvasError, PipelineError, RecordsRefused, Stopped, UsageError
from idemflow.pipeline import spec
from idemflow.pipeline.order import in_order


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/things.py").write_text("def things():\n    yield {'id': 1}\n")
    return tmp_path


def add(project: Path, name: str, after: str = "") -> None:
    (project / f"flows/{name}.yaml").write_text(
        f"pipeline: {name}\ncollect: {{script: scripts/things.py, function: things}}\n"
        f"identity: id\nindex: {{name: {name}}}\n" + (f"after: {after}\n" if after else "")
    )


def order(project: Path) -> list[str]:
    return in_order({name: spec.load(project, name) for name in spec.names(project)})


def test_each_is_behind_those_that_it_is_after(project: Path) -> None:
    for name, after in (("a", "[c, b]"), ("b", ""), ("c", "d"), ("d", ""), ("e", "")):
        add(project, name, after)
    found = order(project)
    assert sorted(found) == ["a", "b", "c", "d", "e"]
    assert found.index("d") < found.index("c") < found.index("a") > found.index("b")


def test_a_circle_and_an_unknown_name_are_problems_of_check(project: Path) -> None:
    add(project, "a", "b")
    add(project, "b", "[c, ordrs]")
    add(project, "c", "a")
    add(project, "orders")
    found = check(settings.resolve({"project": project}), ()).problems
    said = {(one.pipeline, one.line, one.field, one.message) for one in found}
    assert said == {
        ("a", 5, "after", "it is after itself: a after b after c after a"),
        ("b", 5, "after", "there is no pipeline 'ordrs'; did you mean 'orders'?"),
        ("b", 5, "after", "it is after itself: b after c after a after b"),
        ("c", 5, "after", "it is after itself: c after a after b after c"),
    }
    with pytest.raises(PipelineError, match="after itself"):
        order(project)


def test_what_fails_hinders_only_those_that_are_after_it(project: Path) -> None:
    for name, after in (("a", ""), ("b", "a"), ("c", "b"), ("d", ""), ("f", "gone"), ("g", "e")):
        add(project, name, after)
    (project / "flows/e.yaml").write_text("pipeline: e\n")
    done: list[str] = []

    def do(name: str) -> str:
        done.append(name)
        if name == "a":
            raise CanvasError("it fails", next_command="mend it")
        return name

    def judge(result: str) -> None:
        if result == "d":
            raise RecordsRefused("1 record could not go in")

    found = {
        one.pipeline: one
        for one in all_pipelines(settings.resolve({"project": project}), do, judge)
    }
    assert sorted(done) == ["a", "d"]
    assert {name: one.code for name, one in found.items()} == {
        "a": 1, "b": 1, "c": 1, "d": 7, "e": 2, "f": 2, "g": 2,
    }  # fmt: skip
    assert found["d"].result == "d"
    assert found["c"].message == "it is after b, and b failed: it was left out"
    assert found["f"].message.startswith("it is after gone, and there is no pipeline 'gone'")
    assert {name for name, one in found.items() if one.waits_for} == {"b", "c", "f", "g"}


def test_ctrl_c_ends_all(project: Path) -> None:
    add(project, "a")
    add(project, "b")

    def do(name: str) -> None:
        raise Stopped(f"{name} goes on")

    with pytest.raises(Stopped, match="a goes on"):
        list(all_pipelines(settings.resolve({"project": project}), do))


def test_no_pipeline_is_not_like_all_is_well(project: Path) -> None:
    with pytest.raises(UsageError, match="nothing to look at"):
        list(all_pipelines(settings.resolve({"project": project}), print))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "one of PIPELINE and --all"),
        (["deploy", "people", "--all"], "one of PIPELINE and --all"),
        (["run", "--all", "--set", "a=1"], "for the arguments of one pipeline"),
    ],
)
def test_options_that_do_not_go_together(project: Path, arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(main, ["--project", str(project), *arguments])
    assert (done.exit_code, words in done.stderr) == (2, True)

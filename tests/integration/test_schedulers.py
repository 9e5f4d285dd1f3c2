"""The examples for schedulers, each run by the real one in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.tools import ROOT, Idemflow, Project
from tests.packages import own_wheel

pytestmark = pytest.mark.timeout(600)

EXAMPLES = ROOT / "examples" / "schedulers"
DRIVERS = Path(__file__).parent / "schedulers"
# They pin little of what they need: it is as it was on this day. A newer pin needs a later one.
DAY = "2026-11-27"
SCHEDULERS = {
    "airflow": "apache-airflow==3.3.2",
    "dagster": "dagster==1.13.28",
    "prefect": "prefect==3.9.1",
}
COUNT = 20
# The first run has a record that no run may have.
SCRIPT = f"""
    from pathlib import Path

    def records(first):
        for number in range({COUNT}):
            yield {{"id": number}}
        if not Path(first).exists():
            Path(first).touch()
            yield {{"id": None}}
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def command(idemflow: Idemflow, project: Project, shared_folder: Path) -> Iterator[Idemflow]:
    """The command in a project with the pipeline ``people``, whose first run fails."""
    shared_folder.chmod(0o777)
    first = json.dumps(str(shared_folder / "first"))
    project.pipeline("people", SCRIPT)
    project.change(
        "people", "function: records", f"function: records\n  arguments: {{first: {first}}}"
    )
    yield (found := idemflow.inside(project.path))
    found.run("remove", "people", "--data", "--dead-letters", "--yes")


@pytest.fixture
def environment() -> Iterator[Path]:
    """A folder for 400 MB, which pytest would keep for three sessions in its own."""
    with TemporaryDirectory(prefix="idemflow-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_task_that_fails_is_tried_again_and_leaves_the_same(
    command: Idemflow, environment: Path, package: Path, name: str, tmp_path: Path
) -> None:
    python = _installed(environment, SCHEDULERS[name], package)
    example = _at_once(next(EXAMPLES.glob(f"{name}_*.py")), tmp_path / "example")
    done = subprocess.run(
        [python, DRIVERS / f"run_{name}.py", tmp_path / "told.json"],
        cwd=tmp_path,
        env={**command.environment(), **_alone(tmp_path / "home", example)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((tmp_path / "told.json").read_text())
    result = {"overwritten": COUNT, "documents": COUNT}
    assert told == {"state": "success", "tries": 2, "result": result}
    with command.elasticsearch() as elasticsearch:
        elasticsearch.indices.refresh(index="people")
        hits = elasticsearch.search(index="people", size=2 * COUNT)["hits"]["hits"]
    assert {hit["_id"] for hit in hits} == {str(number) for number in range(COUNT)}
    assert len(hits) == COUNT
    assert command.json("dead-letters", "list", "people")["total"] == 1


def _installed(folder: Path, scheduler: str, package: Path) -> Path:
    """A scheduler and idemflow in a new environment; its Python."""
    python = folder / "bin" / "python"
    _uv("venv", "--python", sys.executable, folder)
    _uv("pip", "install", "--python", python, "--exclude-newer", DAY, scheduler, package)
    return python


def _uv(*arguments: str | Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run([uv, "--quiet", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _at_once(example: Path, folder: Path) -> Path:
    """A copy of an example that does not wait before it tries again; its folder."""
    text = example.read_text()
    assert text.count("=30") == 1
    folder.mkdir()
    (folder / example.name).write_text(text.replace("=30", "=0"))
    return folder


def _alone(home: Path, example: Path) -> dict[str, str]:
    """Variables by which a scheduler keeps what it has in a folder, and tells nobody."""
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return {
        "PYTHONPATH": str(example),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(example),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "DO_NOT_TRACK": "1",
    }

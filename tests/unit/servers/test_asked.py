"""Whether ``up`` is asked for what runs, or for something else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from idemflow.config import settings
from idemflow.config.settings import Settings
from idemflow.errors import SettingError
from idemflow.servers import asked
from idemflow.servers.state import Recorded, State

STARTED: Mapping[str, Any] = {
    "nifi_heap": "2g", "nifi_java_options": ["-Da=b c"], "nars": ["mine"],
}  # fmt: skip


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """Both servers, started with :data:`STARTED`."""
    monkeypatch.chdir(tmp_path)
    chosen = given(STARTED)
    return State(
        {
            "nifi": Recorded(1, 2.0, 8443, "3", asked.of(chosen, "nifi")),
            "elasticsearch": Recorded(1, 2.0, 9200, "3", asked.of(chosen, "elasticsearch")),
        }
    )


def given(options: Mapping[str, Any]) -> Settings:
    return settings.resolve(options)


@pytest.mark.parametrize(
    "options",
    [{}, STARTED, {"nifi_heap": "2G"}, {"nifi_port": 8443, "elasticsearch_heap": "1g"}],
)
def test_what_runs_with_what_is_asked_for_is_left_alone(
    running: State, options: Mapping[str, Any]
) -> None:
    asked.refuse_others(given(options), running, {"nifi", "elasticsearch"})


@pytest.mark.parametrize(
    ("options", "told", "then"),
    [
        ({"nifi_heap": "1g"}, "nifi_heap: NiFi runs with 2g, not 1g", " --nifi-heap 1g"),
        (
            {"elasticsearch_heap": "2g"},
            "elasticsearch_heap: Elasticsearch runs with 1g, not 2g",
            " --elasticsearch-heap 2g",
        ),
        ({"nifi_port": 8543}, "nifi_port: NiFi runs on port 8443, not 8543", " --nifi-port 8543"),
        (
            {"nars": ["my own", "b"]},
            "nars: NiFi runs with {0}/mine, not {0}/my own:{0}/b",
            " --nars '{0}/my own' --nars {0}/b",
        ),
        ({"login_minutes": 60}, "login_minutes: NiFi runs with 720, not 60", ""),
        ({"durability": "fast"}, "durability: NiFi runs with safe, not fast", ""),
        (
            {"nifi_java_options": []},
            "nifi_java_options: NiFi runs with '-Da=b c', not none",
            "",
        ),
    ],
)
def test_what_differs_is_told_with_the_command_that_gives_it(
    tmp_path: Path, running: State, options: Mapping[str, Any], told: str, then: str
) -> None:
    with pytest.raises(SettingError) as refused:
        asked.refuse_others(given(options), running, {"nifi", "elasticsearch"})
    assert str(refused.value) == "setting " + told.format(tmp_path)
    assert refused.value.next_command == "idemflow down && idemflow up" + then.format(tmp_path)


def test_what_does_not_run_yet_may_have_any(running: State) -> None:
    asked.refuse_others(given({"nifi_heap": "3g", "nifi_port": 8543}), running, {"elasticsearch"})


def test_nars_are_forgotten_by_an_option_of_their_own(running: State) -> None:
    forgotten = given({}).model_copy(update={"nars": ()})
    with pytest.raises(SettingError) as refused:
        asked.refuse_others(forgotten, running, {"nifi"})
    assert refused.value.next_command == "idemflow down && idemflow up --no-nars"


def test_of_what_an_older_idemflow_started_the_port_is_known(tmp_path: Path) -> None:
    started = State({"nifi": Recorded(1, 2.0, 8443, "3")})
    asked.refuse_others(
        settings.resolve({"project": str(tmp_path), "nifi_heap": "4g"}), started, {"nifi"}
    )
    with pytest.raises(SettingError, match="runs on port 8443, not 8543"):
        asked.refuse_others(
            settings.resolve({"project": str(tmp_path), "nifi_port": 8543}), started, {"nifi"}
        )

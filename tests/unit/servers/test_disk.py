"""What a disk that is nearly full means, in words."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from idemflow.commands.doctor import doctor
from idemflow.config import settings
from idemflow.config.paths import resources
from idemflow.config.settings import Settings
from idemflow.servers.disk import FULL, LOW, shortage

MIB = 1024**2


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return settings.resolve({"project": str(tmp_path), "home": str(tmp_path)})


@pytest.mark.parametrize(
    ("free", "told"),
    [
        (LOW, None),
        (LOW - MIB, "has 1,023 MiB free: below 500 MiB Elasticsearch takes no documents"),
        (FULL, "has 500 MiB free: below 500 MiB Elasticsearch takes no documents"),
        (FULL - MIB, "has 499 MiB free: Elasticsearch takes no documents. What is collected waits"),
        (0, "has 0 MiB free: Elasticsearch takes no documents"),
    ],
)
def test_a_shortage(
    chosen: Settings, monkeypatch: pytest.MonkeyPatch, free: int, told: str | None
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    found = shortage(chosen)
    assert (found is None) if told is None else told in (found or "")
    (check,) = (one for one in doctor(chosen) if one.name == "disk of the runtime")
    assert check.outcome == ("problem" if told else "warning")


def test_servers_of_ones_own_have_a_disk_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    own = {"nifi_url": "https://nifi:8443", "elasticsearch_url": "https://elasticsearch:9200"}
    assert shortage(settings.resolve({"project": str(tmp_path), **own})) is None


def test_a_runtime_that_is_not_there_yet(tmp_path: Path) -> None:
    chosen = settings.resolve({"project": str(tmp_path), "home": str(tmp_path / "none")})
    assert shortage(chosen) is None


def test_the_numbers_are_those_of_elasticsearchs_configuration() -> None:
    text = (resources() / "conf/elasticsearch/elasticsearch.yml").read_text()
    marks = dict(re.findall(r"watermark\.(\w+): (\w+)", text))
    assert (marks["high"], marks["flood_stage"]) == ("1gb", "500mb")
    assert (LOW, FULL) == (1024**3, 500 * MIB)

"""The id of a project."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from idemflow.config import settings as configuration
from idemflow.config.project_id import project_id
from idemflow.errors import SettingError


def _settings(project: Path, **given: str) -> configuration.Settings:
    project.mkdir(exist_ok=True)
    return configuration.resolve({"project": str(project), **given})


def test_a_checkout_keeps_its_own(tmp_path: Path) -> None:
    first, second = _settings(tmp_path / "a"), _settings(tmp_path / "b")
    assert project_id(first) == project_id(first)
    assert project_id(first) != project_id(second)


def test_commands_at_the_same_time_use_the_same(tmp_path: Path) -> None:
    settings = _settings(tmp_path / "a")
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(project_id, [settings] * 32))) == 1
    assert [path.name for path in settings.home.iterdir()] == ["project-id"]


def test_the_setting_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEMFLOW_PROJECT_ID", "shop-eu")
    assert project_id(_settings(tmp_path / "a")) == "shop-eu"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    settings = _settings(tmp_path / "a")
    settings.home.mkdir()
    settings.folders.project_id.write_text("")
    with pytest.raises(SettingError, match="project-id is damaged"):
        project_id(settings)

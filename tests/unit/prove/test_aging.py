"""The transform that gives each record an older version, as ``stale-replay`` has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idemflow.pipeline.identity import Version
from idemflow.prove.aging import FUNCTION, aged
from idemflow.steps.rules.version import version_reader

SEVERAL = """
from __future__ import annotations

def change(record):
    return [dict(record, number=number) for number in range(2)]
"""
NONE = "def change(record):\n    return None\n"


def function(version: Version, transform: str | None = None) -> Callable[[Any], Any]:
    text = aged(version, (transform, "change") if transform else None)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "script", "exec"), names)
    found: Callable[[Any], Any] = names[FUNCTION]
    return found


@pytest.mark.parametrize(
    ("field", "kind", "record"),
    [
        ("at", "timestamp", {"at": "2026-01-01T00:00:00Z"}),
        ("at", "timestamp", {"at": "2026-01-01 10:00:00.123+02:00"}),
        ("at", "timestamp", {"at": "2026-01-01"}),
        ("v", "integer", {"v": 7}),
        ("v", "integer", {"v": "7"}),
        ("meta.v", "integer", {"meta": {"v": 7}}),
        ("meta.v", "integer", {"meta.v": 7}),
    ],
)
def test_each_record_gets_an_older_version(field: str, kind: Any, record: dict[str, Any]) -> None:
    read = version_reader(field, kind)
    newest = read(record)
    (older,) = function(Version(field=field, type=kind))(record)
    assert read(older) < newest


@pytest.mark.parametrize("record", [{}, {"v": None}, {"v": "x"}, {"v": {}}])
def test_what_has_no_version_stays_as_it_is(record: dict[str, Any]) -> None:
    assert function(Version(field="v", type="integer"))(dict(record)) == [record]


def test_it_comes_after_the_pipelines_own_transform() -> None:
    version = Version(field="v", type="integer")
    found = function(version, SEVERAL)({"v": 5})
    assert found == [{"v": 4, "number": 0}, {"v": 4, "number": 1}]
    assert function(version, NONE)({"v": 5}) is None

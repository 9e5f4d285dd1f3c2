"""When pipelines were pruned last, as the ledger has it: what others may have written there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from idemflow.elasticsearch.last_prune import last_prunes
from idemflow.elasticsearch.ledger import Ledger

TIME = datetime(2026, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)


class Answering:
    """A ledger with one pipeline."""

    def __init__(self, hit: dict[str, Any]) -> None:
        self._hit = hit

    def hits(self, *_query: Any, **_how: Any) -> Iterator[dict[str, Any]]:
        yield {"_id": "people", **self._hit}


@pytest.mark.parametrize(
    ("hit", "time"),
    [
        ({"_source": {"pruned": "2026-05-06T07:08:09.123+00:00"}}, TIME),
        ({"_source": {"pruned": "2026-05-06T09:08:09.123+02:00"}}, TIME),
        ({"_source": {"pruned": "2026-05-06T07:08:09"}}, None),  # of no zone
        ({"_source": {"pruned": "yesterday"}}, None),
        ({"_source": {"pruned": 1778051289123}}, None),
        ({"_source": {"pruned": None}}, None),
        ({"_source": {}}, None),
        ({}, None),
    ],
)
def test_what_is_no_time_is_none(hit: dict[str, Any], time: datetime | None) -> None:
    assert last_prunes(cast(Ledger, Answering(hit)), "project") == {"people": time}

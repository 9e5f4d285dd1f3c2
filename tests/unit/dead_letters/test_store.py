"""Filters, times, kinds of reasons and pages; the letters themselves are in tests/integration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from idemflow.dead_letters import store as dead_letters
from idemflow.dead_letters.store import Filters, Letter, letter_of, parse_since
from idemflow.elasticsearch.ledger import Ledger
from idemflow.errors import UsageError
from idemflow.steps.replay import PAGE_BYTES, PAGE_LETTERS, content_of

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LETTER = Letter(
    id="3f8a12", pipeline="people", run="20260131T120000000-0a1b2c3d", time="2026-01-31T12:00:00",
    step="Load", reason="mapper_parsing_exception: failed to parse field [Born]",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("30s", NOW - timedelta(seconds=30)),
        ("5min", NOW - timedelta(minutes=5)),
        ("1h", NOW - timedelta(hours=1)),
        ("2 days", NOW - timedelta(days=2)),
        ("1w", NOW - timedelta(weeks=1)),
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T08:30", datetime(2026, 1, 1, 8, 30, tzinfo=UTC)),
        ("2026-01-01T08:30:00+02:00", datetime(2026, 1, 1, 6, 30, tzinfo=UTC)),
    ],
)
def test_since_is_an_age_or_a_date(text: str, found: datetime) -> None:
    assert parse_since(text, NOW) == found


@pytest.mark.parametrize("text", ["", "often", "1y", "-1h", "2026-13-01", "999999w", "01/02/2026"])
def test_any_other_since_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="neither an age"):
        parse_since(text, NOW)


def test_no_filter_means_all_letters() -> None:
    assert Filters().none
    assert not Filters(step="Load").none
    assert Filters().query("people") == {"bool": {"filter": [{"term": {"pipeline": "people"}}]}}


def test_each_filter_that_elasticsearch_can_tell_is_in_the_query() -> None:
    filters = Filters(step="load", run="2026", record="p-1", since=NOW, reason="x", letters=("3",))
    assert filters.query("people")["bool"]["filter"] == [
        {"term": {"pipeline": "people"}},
        {"term": {"step": {"value": "load", "case_insensitive": True}}},
        {"prefix": {"run": "2026"}},
        {"term": {"record_id": "p-1"}},
        {"range": {"time": {"gte": "2026-01-31T12:00:00+00:00"}}},
    ]


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        (Filters(), True),
        (Filters(reason="field [born]"), True),
        (Filters(reason="field [died]"), False),
        (Filters(letters=("3f",)), True),
        (Filters(letters=("aa", "3f8a12")), True),
        (Filters(letters=("aa",)), False),
        (Filters(reason="field", letters=("aa",)), False),
    ],
)
def test_reason_and_letter_are_compared_here(filters: Filters, matches: bool) -> None:
    assert filters.matches(LETTER) is matches


def test_a_letter_of_an_earlier_version_has_the_defaults() -> None:
    old = {"pipeline": "people", "run": "r", "reason": "x", "record_id": None, "position": "7"}
    letter = letter_of({"_id": "a", "_seq_no": 3, "_primary_term": 1, "_source": old})
    assert (letter.attempts, letter.stage, letter.record_id, letter.position) == (
        1, "collected", None, "7",
    )  # fmt: skip
    assert letter.state == (3, 1)
    assert (letter.version, letter.delete) == (None, False)


def pages(contents: list[str]) -> list[list[tuple[str, dict[str, object]]]]:
    letters = [(f"l-{number}", content) for number, content in enumerate(contents)]
    # Mended contents are not looked up, so that no ledger is asked.
    return list(dead_letters._pages(cast("Ledger", None), letters))


def test_a_page_has_so_many_letters_at_most() -> None:
    assert [len(page) for page in pages(["{}"] * (2 * PAGE_LETTERS + 1))] == [
        PAGE_LETTERS, PAGE_LETTERS, 1,
    ]  # fmt: skip


def test_a_page_has_so_many_bytes_at_most_unless_one_letter_has_more() -> None:
    large = "x" * (1024 * 1024)
    sizes = [len(page) for page in pages([large] * 25)]
    assert sum(sizes) == 25
    assert max(sizes) * len(large) <= PAGE_BYTES
    assert [name for page in pages([large] * 25) for name, _ in page] == [
        f"l-{number}" for number in range(25)
    ]


def test_a_large_mended_content_is_kept_compressed() -> None:
    text = '{"text":"' + "ü" * 2_000_000 + '"}'
    (((_, kept),),) = pages([text])
    assert kept["content_encoding"] == "zlib+base64"
    assert len(str(kept["content"])) < 1_000_000
    assert content_of(kept) == text
    (((_, small),),) = pages(['{"id":"ü"}'])
    assert small == {"content": '{"id":"ü"}', "content_encoding": None, "replaced": None}

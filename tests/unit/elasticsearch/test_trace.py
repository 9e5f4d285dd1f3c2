"""What a run sent under one id, gathered from the chunks of its manifest."""

from __future__ import annotations

from dataclasses import replace

from idemflow.elasticsearch import trace
from idemflow.elasticsearch.held import Held
from idemflow.elasticsearch.trace import Sending, of_run
from idemflow.steps.rules.manifest import pack
from tests.unit.elasticsearch.memory import Runs, digest

RUN = "20260131T060000000-3f8a12cd"


def sent(*records: tuple[str, dict[str, int] | None, int | None], **more: object) -> Runs:
    runs = Runs()
    runs.send(RUN, "people", *records, **more)  # type: ignore[arg-type]
    return runs


def test_nothing_is_known_of_an_id_that_was_not_sent() -> None:
    assert of_run(sent(("b", {"n": 1}, None)).chunks, "a") == []


def test_position_and_source_are_those_of_the_record() -> None:
    chunk = replace(
        sent(("b", {"n": 1}, 3), ("a", {"n": 2}, 4)).chunks[0], source="p.csv", positions="16-17"
    )
    assert of_run([chunk], "a") == [
        Sending(RUN, "people", "p", digest({"n": 2}), 4, records=1, source="p.csv", position=17)
    ]


def test_of_records_with_one_id_the_newest_counts_and_of_equals_the_later() -> None:
    records = [
        ("a", {"n": number}, version) for number, version in ((1, 5), (2, 7), (3, 7), (4, 6))
    ]
    (one,) = of_run(sent(*records).chunks, "a")
    assert (one.digest, one.version) == (digest({"n": 3}), 7)
    assert (one.records, one.collisions, one.refused) == (4, 3, None)


def test_without_versions_the_last_counts() -> None:
    (one,) = of_run(sent(("a", {"n": 1}, None), ("a", {"n": 2}, None)).chunks, "a")
    assert (one.digest, one.records, one.collisions) == (digest({"n": 2}), 2, 1)


def test_what_was_refused_does_not_count_where_something_went_in() -> None:
    runs = sent(("a", {"n": 1}, 1), ("a", {"n": 2}, 2))
    runs.send(RUN, "people", given_up=[("a", 2)])
    (one,) = of_run(runs.chunks, "a")
    assert (one.version, one.refused, one.given_up) == (1, None, True)


def test_a_run_of_which_all_was_refused() -> None:
    runs = sent(("a", {"n": 1}, 1))
    runs.send(RUN, "people", stale=[("a", 1)])
    (one,) = of_run(runs.chunks, "a")
    assert (one.digest, one.version, one.refused) == (digest({"n": 1}), 1, "stale")
    runs.send(RUN, "people", given_up=[("a", 1)])
    (one,) = of_run(runs.chunks, "a")
    assert one.refused == "given_up"


def test_a_delete_has_no_content() -> None:
    (one,) = of_run(sent(("a", None, 9)).chunks, "a")
    assert (one.digest, one.version) == ("", 9)


def test_each_index_has_its_own() -> None:
    runs = sent(("a", {"n": 1}, None))
    runs.send(RUN, "others", ("a", {"n": 2}, None))
    assert [one.index for one in of_run(runs.chunks, "a")] == ["people", "others"]


def test_the_source_does_not_say_how_much_is_held() -> None:
    """A source that gives a million records one id: what counts is still found."""
    size = 3 * trace._VERSIONS
    records = [("a", {"n": number}, (number * 7) % size) for number in range(size)]
    gathered = trace._Gathered(sent().chunks[0])
    for record in records:
        chunk = sent(record).chunks[0]
        gathered.add(chunk, {"entries": chunk.find("entries", "a"), "stale": [], "given_up": []})
        assert len(gathered._states) <= 2 * trace._VERSIONS
    found = gathered.sending()
    assert (found.records, found.version) == (size, size - 1)


def test_any_text_is_an_id() -> None:
    hostile = "'\"\\\x00\x1b[31m\n\u2028é😀" + "x" * 480
    (one,) = of_run(sent(("b", {"n": 1}, None), (hostile, {"n": 2}, None)).chunks, hostile)
    assert one.digest == digest({"n": 2})


def test_the_hashes_of_a_document_are_those_that_a_run_notes() -> None:
    assert digest({"n": 2}) in Held("people", True, {"n": 2}).contents
    assert Held("people", True).contents == ()
    assert pack([("a", Held("people", True, {"n": 2}).contents[0], None)])

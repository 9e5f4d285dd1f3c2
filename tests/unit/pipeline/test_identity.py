"""Identity: ids, canonical JSON, content hashes, checksums."""

import json
import random

import pytest

from idemflow.pipeline.identity import (
    NoIdentity,
    canonical,
    checksum,
    content_hash,
    document_id,
)


def test_canonical_json_does_not_depend_on_key_order() -> None:
    record = {"b": [1, {"z": None, "y": True}], "a": "ü"}
    assert canonical(record) == '{"a":"ü","b":[1,{"y":true,"z":null}]}'
    assert canonical(dict(reversed(record.items()))) == canonical(record)


def test_canonical_json_survives_a_round_trip() -> None:
    record = {"float": 0.1, "big": 2**70, "small": 1e-300, "text": "a\u2028b\n", "none": None}
    assert canonical(json.loads(canonical(record))) == canonical(record)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_has_no_form_for_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": value})


def test_content_hash_vector() -> None:
    # SHA-256 of {"a":1}, its first half: any change breaks every manifest that is stored.
    assert content_hash('{"a":1}') == "015abd7f5cc57a2dd94b7590f04ad808"


def test_one_field_is_the_id_itself() -> None:
    assert document_id({"id": "x-1"}, ["id"]) == "x-1"
    assert document_id({"id": 7}, ["id"]) == "7"
    assert document_id({"id": 0}, ["id"]) == "0"


def test_several_fields_cannot_run_together() -> None:
    fields = ["x", "y"]
    assert document_id({"x": "a", "y": "bc"}, fields) != document_id({"x": "ab", "y": "c"}, fields)
    assert document_id({"x": 1, "y": "1"}, fields) != document_id({"x": "1", "y": 1}, fields)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "missing or null"),
        ({"id": None}, "missing or null"),
        ({"id": ""}, "blank"),
        ({"id": " \t"}, "blank"),
        ({"id": ["a"]}, "is a list"),
        ({"id": {"a": 1}}, "is a dict"),
        ({"id": True}, "is a bool"),
        ({"id": "\ud800"}, "not valid Unicode"),
        ({"id": "é" * 257}, "514 bytes"),
    ],
)
def test_no_id_is_ever_made_up(record: dict[str, object], reason: str) -> None:
    with pytest.raises(NoIdentity, match=reason):
        document_id(record, ["id"])


def test_the_longest_id_passes() -> None:
    assert document_id({"id": "é" * 256}, ["id"]) == "é" * 256


def test_checksum_does_not_depend_on_order() -> None:
    entries = [(f"id-{n}", content_hash(str(n))) for n in range(500)]
    shuffled = random.Random(1).sample(entries, len(entries))
    assert checksum(shuffled) == checksum(entries)


def test_checksum_tells_each_kind_of_difference() -> None:
    entries = [(f"id-{n}", content_hash(str(n))) for n in range(10)]
    swapped = [(entries[0][0], entries[1][1]), (entries[1][0], entries[0][1]), *entries[2:]]
    sums = {
        checksum(entries),
        checksum(entries[1:]),
        checksum([*entries, entries[0]]),
        checksum([("id-0", content_hash("other")), *entries[1:]]),
        checksum(swapped),
        checksum([]),
    }
    assert len(sums) == 6

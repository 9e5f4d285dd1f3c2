"""Identity: ids, canonical JSON, content hashes, checksums."""

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idemflow.steps.rules.identity import (
    MAX_ID_BYTES,
    NoIdentity,
    canonical,
    checksum,
    content_hash,
    id_maker,
    lookup,
)
from tests.unit.properties import PROPERTY, records, texts, values


def document_id(record: dict[str, Any], rule: dict[str, Any]) -> str:
    return id_maker(rule)(record)


ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "identity.md").read_text(encoding="utf-8")
parts = texts.filter(str.strip) | st.integers()


def vectors() -> list[tuple[str, str, str]]:
    """The table of canonical JSON in docs/identity.md: JSON, canonical JSON, content hash."""
    section = PAGE.partition("## Canonical JSON")[2].partition("## ")[0]
    rows = [line for line in section.split("\n") if line.startswith("| `")]
    cells = [[cell.strip().strip("`") for cell in row.strip("|").split(" | ")] for row in rows]
    return [(json_text, form, digest) for json_text, form, digest in cells]


@pytest.mark.parametrize(("text", "form", "digest"), vectors())
def test_the_documented_vectors(text: str, form: str, digest: str) -> None:
    assert canonical(json.loads(text)) == form
    assert content_hash(form) == digest


def test_there_are_vectors() -> None:
    assert len(vectors()) > 12


def test_canonical_json_is_pythons_own() -> None:
    record = {"b": [1, {"z": None, "y": True}], "a": 'ü\x7f\u2028"\\\n\x01', "f": [0.1, -0.0, 1e22]}
    assert canonical(record) == json.dumps(
        record, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


@PROPERTY
@given(records)
def test_canonical_json_does_not_depend_on_key_order(record: dict[str, object]) -> None:
    assert canonical(dict(reversed(record.items()))) == canonical(record)


@PROPERTY
@given(values)
def test_canonical_json_survives_a_round_trip(value: object) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), json.loads("-1e400")])
def test_what_json_has_no_form_for_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": value})


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(RecursionError):
        canonical(value)


def test_content_hash_vector() -> None:
    # SHA-256 of {"a":1}, its first half: any change breaks every manifest that is stored.
    assert content_hash('{"a":1}') == "015abd7f5cc57a2dd94b7590f04ad808"


def test_a_lone_surrogate_has_no_hash() -> None:
    with pytest.raises(UnicodeEncodeError):
        content_hash('"\ud800"')


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        ("x-1", "x-1"),
        (" x ", " x "),
        (7, "7"),
        (0, "0"),
        (-0.0, "0"),
        (7.0, "7"),
        (7.5, "7.5"),
        (1e-7, "1e-07"),
        (2**53 + 1, "9007199254740993"),
        (10**300, "1" + "0" * 300),
        ("ü" * 256, "ü" * 256),
        ("a" * 512, "a" * 512),
    ],
)
def test_one_field_is_the_id_itself(value: object, identifier: str) -> None:
    assert document_id({"id": value}, {"fields": ["id"]}) == identifier


def test_several_fields_are_an_array() -> None:
    rule = {"fields": ["x", "y"]}
    assert document_id({"x": "a", "y": "bc"}, rule) == '["a","bc"]'
    assert document_id({"x": "ü", "y": 1.0}, rule) == '["ü",1]'


@PROPERTY
@given(st.tuples(parts, parts), st.tuples(parts, parts))
def test_several_fields_cannot_run_together(
    one: tuple[object, ...], two: tuple[object, ...]
) -> None:
    rule = {"fields": ["x", "y"]}
    ids = [document_id(dict(zip("xy", record, strict=True)), rule) for record in (one, two)]
    assert (ids[0] == ids[1]) == (one == two)


@PROPERTY
@given(st.lists(texts.filter(str.strip), min_size=2, max_size=2, unique=True))
def test_different_texts_have_different_ids(two: list[str]) -> None:
    assert len({document_id({"id": text}, {"fields": ["id"]}) for text in two}) == 2


@PROPERTY
@given(records.filter(bool))
def test_an_id_from_the_content_does_not_depend_on_key_order(record: dict[str, object]) -> None:
    rule = {"content": True}
    identifier = document_id(record, rule)
    assert identifier == document_id(dict(reversed(record.items())), rule)
    assert identifier == content_hash(canonical(record))
    assert identifier != document_id(record | {"one more": 1, "and": [2]}, rule)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("a.b", 1),
        ("a.c.d", 2),
        ("x.y", 3),
        ("a.c", {"d": 2}),
        ("a.b.c", None),
        ("a.z", None),
        ("z.a", None),
        ("x", {"y": 4}),
        (".", None),
        ("", None),
    ],
)
def test_a_path_and_a_name_with_dots(field: str, value: object) -> None:
    assert lookup({"a": {"b": 1, "c": {"d": 2}}, "x.y": 3, "x": {"y": 4}}, field) == value


def test_a_name_with_dots_that_is_null_still_comes_first() -> None:
    with pytest.raises(NoIdentity, match=r"'customer\.id' is missing or null"):
        document_id({"customer.id": None, "customer": {"id": 5}}, {"fields": ["customer.id"]})


@pytest.mark.parametrize("field", ["b", "c.d", "c.e.f", "x.y"])
def test_excepted_fields_do_not_count(field: str) -> None:
    record = {"a": 1, "b": 2, "c": {"d": 3, "e": {"f": 4, "g": 5}}, "x.y": 6, "x": {"y": 7}}
    kept = json.loads(json.dumps(record))
    changed = json.loads(json.dumps(record))
    inner, names = changed, [field] if field in record else field.split(".")
    for name in names[:-1]:
        inner = inner[name]
    inner[names[-1]] = "other"
    rule = {"content": True, "except": [field, "not.there", "nor this", "a.b"]}
    assert document_id(changed, rule) == document_id(record, rule)
    assert document_id(record, rule) != document_id(record, {"content": True})
    assert document_id(record | {"a": 2}, rule) != document_id(record, rule)
    assert record == kept


@pytest.mark.parametrize("record", [{}, {"loaded_at": 1}])
def test_no_content_makes_no_id(record: dict[str, object]) -> None:
    with pytest.raises(NoIdentity, match="no content"):
        document_id(record, {"content": True, "except": ["loaded_at"]})


@pytest.mark.parametrize("record", [{"a": float("inf")}, {"a": "\ud800"}])
def test_content_without_canonical_json_makes_no_id(record: dict[str, object]) -> None:
    with pytest.raises(NoIdentity, match="the content makes no id"):
        document_id(record, {"content": True})


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "missing or null"),
        ({"id": None}, "missing or null"),
        ({"id": ""}, "blank"),
        ({"id": " \t"}, "blank"),
        ({"id": "\u3000"}, "blank"),
        ({"id": ["a"]}, "is a list"),
        ({"id": {"a": 1}}, "is a dict"),
        ({"id": True}, "is a bool"),
        ({"id": "\ud800"}, "not valid Unicode"),
        ({"id": 2.0**53}, "may have lost digits"),
        ({"id": -1e300}, "may have lost digits"),
        ({"id": float("nan")}, "may have lost digits"),
    ],
)
@pytest.mark.parametrize("others", [[], ["other"]])
def test_no_id_is_ever_made_up(record: dict[str, object], reason: str, others: list[str]) -> None:
    with pytest.raises(NoIdentity, match=reason):
        document_id(record | {"other": 1}, {"fields": ["id", *others]})


@pytest.mark.parametrize("text", ["a" * 513, "ü" * 257, "x" * 50_000])
def test_a_long_id_is_its_hash(text: str) -> None:
    expected = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    assert document_id({"id": text}, {"fields": ["id"]}) == expected
    several = f'["{text}",1]'.encode()
    assert document_id({"id": text, "n": 1}, {"fields": ["id", "n"]}) == (
        f"sha256:{hashlib.sha256(several).hexdigest()}"
    )


@PROPERTY
@given(st.text(max_size=600).filter(str.strip))
def test_an_id_always_fits(text: str) -> None:
    try:
        identifier = document_id({"id": text}, {"fields": ["id"]})
    except NoIdentity:
        with pytest.raises(UnicodeEncodeError):
            text.encode()
    else:
        assert len(identifier.encode()) <= MAX_ID_BYTES


@pytest.mark.parametrize("rule", [{}, {"fields": []}, {"fields": "id"}, {"content": False}])
def test_what_is_no_rule(rule: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="an identity rule names"):
        id_maker(rule)


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

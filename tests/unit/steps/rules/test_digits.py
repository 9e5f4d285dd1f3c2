"""Numbers of which a double loses digits: all are noted, and compared."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idemflow.elasticsearch.reading import ExactJson
from idemflow.steps.rules.digits import Exact, lost_digits, number
from idemflow.steps.rules.identity import canonical, content_digest, content_hash
from tests.unit.steps.identifying import counts, identified, manifest


def read(text: str) -> Any:
    return ExactJson().json_loads(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "1.10", "0.1", "-0.0", "1e6", "1E+22", "123456789012.345", "0.30000000000000004",
        "1.7976931348623157e308", "5e-324", "1.0000000000000000000000", "0.000000000000000000000",
    ],
)  # fmt: skip
def test_most_numbers_are_plain(text: str) -> None:
    assert type(number(text)) is float
    assert list(lost_digits(read(f'{{"n":{text}}}'))) == []


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("12345678901234567.891", "12345678901234567891e-3"),
        ("12345678901234567.8910", "12345678901234567891e-3"),
        ("1.2345678901234567891E+16", "12345678901234567891e-3"),
        ("-0.10000000000000000001", "-10000000000000000001e-20"),
        ("1e-400000000000000", "1e-400000000000000"),
        ("1e-99999999999999999999999999", "1e-99999999999999999999999999"),
        ("9007199254740993.0", "9007199254740993e0"),
    ],
)
def test_of_others_no_digit_is_lost(text: str, form: str) -> None:
    value = number(text)
    assert isinstance(value, Exact)
    assert value == float(text)
    assert list(lost_digits({"a": [{"n": value}]})) == [form]
    # What makes ids stays as it was.
    assert canonical({"n": value}) == canonical({"n": float(text)})
    assert content_digest({"n": value}) != content_hash(canonical({"n": value}))


def test_the_order_of_fields_and_the_way_of_writing_make_no_difference() -> None:
    one = read('{"a":12345678901234567.891,"b":[{"d":1,"c":0.10000000000000000001}]}')
    other = read('{"b":[{"c":1000000000000000.0001e-16,"d":1}],"a":12345678901234567891E-3}')
    assert list(lost_digits(one)) == ["12345678901234567891e-3", "10000000000000000001e-20"]
    assert content_digest(one) == content_digest(other)
    other["b"][0]["c"] = number("10000000000000000002e-20")
    assert content_digest(one) != content_digest(other)


def test_a_number_that_no_double_holds_is_still_refused() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        content_digest({"n": number("1e400")})


@pytest.mark.parametrize("identity", [{"fields": ["id"]}, {"content": True}])
def test_the_manifest_has_all_digits(identity: dict[str, Any]) -> None:
    texts = ['{"id":1,"n":1.5}', '{"id":2,"n":12345678901234567.891}', ' {"id":3,"n":0.1} ',
             ' {"id":4,"n":12345678901234567.892}']  # fmt: skip
    session = identified("\n".join(texts), identity=identity)
    assert counts(session) == (4, 4, 0, 0)
    digests = [digest for _, digest, _ in manifest(session)["entries"]]
    assert digests == [content_digest(read(text)) for text in texts]
    assert digests[0] == content_hash(canonical(json.loads(texts[0])))
    assert len(set(digests)) == 4


def test_a_foreign_integer_of_too_many_digits_ends_nothing() -> None:
    document = read('{"n":' + "9" * 5000 + ',"m":7,"x":0.5}')
    assert document == {"n": float("inf"), "m": 7, "x": 0.5}
    with pytest.raises(json.JSONDecodeError):
        read("{")

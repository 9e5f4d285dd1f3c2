"""What a value with NiFi's Expression Language refers to."""

import pytest

from idemflow.audit.expressions import parse


@pytest.mark.parametrize(
    ("text", "attributes", "functions"),
    [
        ("plain", set(), set()),
        ("${id}", {"id"}, set()),
        ("people-${id}-${ city }", {"id", "city"}, set()),
        ("${'an attribute'}", {"an attribute"}, set()),
        ("${UUID()}", set(), {"UUID"}),
        ("${now():format('yyyy', 'GMT')}", set(), {"now", "format"}),
        ("${filename:substringBefore('.'):append(${id:toUpper()})}", {"filename", "id"},
         {"substringBefore", "append", "toUpper"}),
        ("${allAttributes('a', 'b'):join('-')}", {"a", "b"}, {"join"}),
        ("$${UUID()}", set(), set()),
        ("$$${id}", {"id"}, set()),
        ("${id:replace('}', '${x}')}", {"id"}, {"replace"}),
        ("${id:UUID5('people')}", {"id"}, {"UUID5"}),
        ("${literal('a'):hash('SHA-256')}", set(), {"literal", "hash"}),
        ("${now():toNumber():plus(${nextInt()})}", set(), {"now", "toNumber", "plus", "nextInt"}),
        ("${#{prefix}:append(${id})}", {"id"}, {"append"}),
    ],
)  # fmt: skip
def test_what_is_referred_to(text: str, attributes: set[str], functions: set[str]) -> None:
    found = parse(text)
    assert found.attributes == attributes
    assert found.functions == functions
    assert not found.opaque


def test_what_another_run_changes() -> None:
    assert parse("${UUID()}-${now()}-${id:hash('MD5')}").chance == ["UUID", "now"]
    assert parse("${id:UUID5('people')}").chance == []
    assert parse("people").constant
    assert not parse("${now()}").constant


def test_attributes_that_are_not_named() -> None:
    assert parse("${allMatchingAttributes('id.*'):join('-')}").opaque
    assert parse("${evaluateELString(${x})}").opaque


def test_parameters_whose_value_is_not_known() -> None:
    assert parse("#{index}-${#{name}:toUpper()}-##{text}").parameters == {"index", "name"}

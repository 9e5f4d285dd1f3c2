"""scripts/people.py, without NiFi."""

from datetime import date

from scripts.people import people


def test_the_same_arguments_give_the_same_people() -> None:
    assert list(people(50, 42)) == list(people(50, 42))


def test_another_seed_gives_other_people() -> None:
    assert list(people(50, 42)) != list(people(50, 43))


def test_a_longer_run_extends_a_shorter_one() -> None:
    assert list(people(80, 42))[:50] == list(people(50, 42))


def test_ids_are_unique_and_fields_are_filled() -> None:
    made = list(people(1000, 42))
    assert len({person["id"] for person in made}) == 1000
    for person in made:
        assert list(person) == ["id", "name", "email", "street", "city", "born"]
        assert all(isinstance(value, str) and value for value in person.values())
        date.fromisoformat(str(person["born"]))


def test_no_records() -> None:
    assert list(people(0, 42)) == []

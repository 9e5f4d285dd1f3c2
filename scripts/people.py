"""People: the records of the pipeline ``people``.

A plain generator: no NiFi in it, so that it can be tested and run anywhere.
"""

from collections.abc import Iterator

from faker import Faker


def people(records: int, seed: int) -> Iterator[dict[str, object]]:
    """Generate people; the same arguments always give the same people.

    Args:
        records: how many.
        seed: the seed of the random generator.

    Yields:
        One person: ``id``, ``name``, ``email``, ``street``, ``city`` and ``born`` (ISO date). The
        ids are counted from 1, so that a longer run extends a shorter one.
    """
    fake = Faker("en_US", use_weighting=False)
    fake.seed_instance(seed)
    for number in range(1, records + 1):
        yield {
            "id": f"person-{number:07d}",
            "name": fake.name(),
            "email": f"{fake.user_name()}.{number}@{fake.safe_domain_name()}",
            "street": fake.street_address(),
            "city": fake.city(),
            "born": f"{fake.random_int(1940, 2007):04d}"
            f"-{fake.random_int(1, 12):02d}-{fake.random_int(1, 28):02d}",
        }

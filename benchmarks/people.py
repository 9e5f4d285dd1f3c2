"""People with six fields each, as fast as a loop can make them. Also runs inside NiFi."""

from __future__ import annotations

import random
from collections.abc import Iterator

_FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Niklaus")
_LAST = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Allen", "Wirth")
_CITIES = ("Springfield", "Lake Michaelfort", "West Pamela", "New Kimberly", "Port Samuel")
MAPPING = {
    "name": {"type": "keyword"},
    "email": {"type": "keyword"},
    "company": {"type": "keyword"},
    "city": {"type": "keyword"},
    "birth_date": {"type": "date"},
    "updated_at": {"type": "date"},
}


def people(first: int, count: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Make people by their numbers.

    Args:
        first: number of the first of them; also the seed of their chance.
        count: how many.

    Yields:
        Pairs of id and document; a document is about 170 bytes of JSON.
    """
    chance = random.Random(first)
    for number in range(first, first + count):
        name, family = chance.choice(_FIRST), chance.choice(_LAST)
        person = {
            "name": f"{name} {family}",
            "email": f"{name}.{family}.{number}@example.org".lower(),
            "company": f"{chance.choice(_LAST)}, {chance.choice(_LAST)} and Sons",
            "city": chance.choice(_CITIES),
            "birth_date": f"{chance.randrange(1940, 2008)}-0{chance.randrange(1, 10)}-15",
            "updated_at": f"2026-01-01T00:{chance.randrange(10, 60)}:00Z",
        }
        yield f"person-{number:07d}", person

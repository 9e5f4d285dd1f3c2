# mypy: ignore-errors
"""An ordinary Python 3 script: imports are seen everywhere, streams are read without callbacks."""

import json
from dataclasses import dataclass

from java.util import List


@dataclass
class Person:
    name: str

    def text(self):
        return json.dumps({"name": self.name, "file": __file__, "module": __name__})


def content(flow_file):
    with session.read(flow_file) as stream:
        return bytes(stream.readAllBytes()).decode()


def make(name):
    flow_file = session.create()
    with session.write(flow_file) as stream:
        stream.write(Person(name).text().encode())
    return session.putAttribute(flow_file, "name", name)


people = [make(name) for name in ("Ada", "Zoë", "😀 astral")]
assert all(json.loads(content(person))["name"] == person.getAttribute("name") for person in people)
assert isinstance(session.get(10), List)
log.info(f"made {len(people)}")
session.transfer(people, REL_SUCCESS)

"""Scripts for Jython 2 that ``idemflow convert`` has converted whole, run on the engine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from idemflow.canvas import client
from idemflow.commands.convert import convert
from tests.integration.execute_script import FlowFile, Step, canvas_group
from tests.integration.tools import Idemflow
from tests.jython import COMPLETE, script

pytestmark = pytest.mark.timeout(300)

PEOPLE = [
    {"age": 41, "city": "Köln", "id": 1, "name": "zoë"},
    {"age": 36, "city": "Aachen", "id": 2, "name": "ada"},
]
TEXT = json.dumps(PEOPLE, ensure_ascii=False)
SOURCE = f"""
flow_file = session.putAttribute(session.create(), "filename", "people.json")
with session.write(flow_file) as content:
    content.write({TEXT!r}.encode())
session.transfer(flow_file, REL_SUCCESS)
"""


def test_each_leaves_what_it_left_on_jython(idemflow: Idemflow) -> None:
    client.connect(idemflow.target().nifi)
    found: dict[str, list[FlowFile]] = {}
    with canvas_group("converted scripts") as group:
        source = Step(group, "source", {"Script Body": SOURCE}, 1)
        steps = {
            name: Step(group, name, {"Script Body": convert(script(name)).text}, 1)
            for name in COMPLETE
        }
        for step in steps.values():
            step.feed(source)
        source.run_once()
        for name, step in steps.items():
            step.run_once()
            # What a script prints to sys.stderr is a bulletin as well.
            assert [b for b in step.bulletins() if "split into" not in b] == [], name
            found[name] = step.flow_files()
    records = {name: [_content(one) for one in found[name]] for name in ("translate", "split")}
    assert [one["name"] for one in records["translate"][0]] == ["ZOË", "ADA"]
    assert found["translate"][0].attributes["filename"] == "people_upper.json"
    assert sorted(records["split"], key=lambda one: int(one["id"])) == PEOPLE
    assert {one.attributes["fragment.index"] for one in found["split"]} == {"0", "1"}
    attributes = {name: ones[0].attributes for name, ones in found.items()}
    assert attributes["attributes"]["names"] == "filename,path"
    assert attributes["attributes"]["known"] == "True"
    assert found["to_csv"][0].content.decode() == "name,age\nzoë,41\nada,36\n"
    assert attributes["checksum"]["digest"] == hashlib.md5(TEXT.encode()).hexdigest()
    assert attributes["checksum"]["error"] == "as it was"
    assert attributes["pick"]["address"] == "https://example.com/?file=people.json&q=a+b"
    totals = attributes["totals"]
    assert (totals["mean"], totals["old"], totals["first"]) == ("38.5", "1", "Aachen")
    assert found["buffer"][0].content == TEXT.encode() + b"10"


def _content(one: FlowFile) -> Any:
    return json.loads(one.content)

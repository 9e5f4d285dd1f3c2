"""What the text of a script tells."""

from __future__ import annotations

from textwrap import dedent

import pytest

from idemflow.audit.findings import Verdict
from idemflow.audit.scripts import read
from tests.unit.audit.draft import line, rules


def script(text: str) -> str:
    return dedent(text).strip() + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "import uuid\nx = uuid.uuid4()",
        "from uuid import uuid4\nx = str(uuid4())",
        "import time\nx = time.time()",
        "from datetime import datetime\nx = datetime.now()",
        "import random\nx = random.choice([1, 2])",
        "import random\nx = random.Random().random()",
        "from faker import Faker\nfake = Faker()",
        "import os\nx = os.urandom(8)",
        "from java.util import UUID\nx = UUID.randomUUID()",
        "x = hash('text')",
    ],
)
def test_what_is_from_chance(text: str) -> None:
    found = read(text, "python")
    assert found.read
    assert len(found.chance) >= 1
    assert "in line" in found.chance[0]


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "import random\ndraw = random.Random(7)\nx = draw.choice([1, 2])",
        "import random\nrandom.seed(1)\nx = random.random()",
        "from faker import Faker\nfake = Faker('en_US')\nfake.seed_instance(3)",
        "import hashlib\nx = hashlib.sha256(b'x').hexdigest()",
        "import uuid\nx = uuid.uuid5(uuid.NAMESPACE_URL, 'a')",
        "x = {'time': 1}['time']",
    ],
)
def test_what_is_not(text: str) -> None:
    assert read(text, "python").chance == ()


def test_attributes_that_a_script_sets() -> None:
    found = read(
        script(
            """
            import uuid
            mark = str(uuid.uuid4())
            more = "a" + mark
            f = session.putAttribute(f, "by.chance", more)
            f = session.putAttribute(f, "of.record", record["id"])
            f = session.putAllAttributes(f, {"a": "1", "b": mark})
            """
        ),
        "python",
    )
    assert found.sets == {"by.chance": True, "of.record": False, "a": False, "b": True}
    assert not found.sets_others
    assert read("session.putAttribute(f, name, '1')", "python").sets_others


@pytest.mark.parametrize(
    ("text", "engine"),
    [("def x(:", "python"), ("x = 1", "Groovy"), ("exec('x')", "python"), ("\0", "python")],
)
def test_what_cannot_be_read(text: str, engine: str) -> None:
    assert not read(text, engine).read


def test_an_id_that_a_script_makes() -> None:
    def judged(value: str) -> tuple[Verdict, set[str]]:
        body = f"import uuid\nsession.putAttribute(f, 'id', {value})"
        report = line(
            ("ExecuteSQL", {}),
            ("ExecuteScript", {"Script Engine": "python", "Script Body": body}),
            ("PutElasticsearchJson", {"Index": "x", "Identifier Attribute": "id"}),
        ).audit()
        return report.verdict, rules(report)

    verdict, found = judged("str(uuid.uuid4())")
    assert verdict is Verdict.AT_LEAST_ONCE
    assert "elasticsearch-id-changes" in found
    assert judged("'person-' + record['id']") == (Verdict.IDEMPOTENT, {"script-read"})


def test_a_failure_that_a_script_never_uses_may_be_terminated() -> None:
    def found(body: str) -> set[str]:
        script = {"Script Engine": "python", "Script Body": body}
        flow = line(("ExecuteSQL", {}), ("ExecuteScript", script))
        box = flow.parts["processors"][1]
        box["autoTerminatedRelationships"] = ["failure"]
        flow.join(box, flow.box("PutElasticsearchRecord", {"ID Record Path": "/id", "Index": "x"}))
        return rules(flow.audit())

    assert "failure-terminated" not in found("session.transfer(f, REL_SUCCESS)")
    assert "failure-terminated" in found("session.transfer(f, REL_FAILURE)")

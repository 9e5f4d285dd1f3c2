"""Bad input on the running servers: one clear error, and nothing lost."""

from __future__ import annotations

import pytest

from idemflow.canvas import client, monitoring, process_groups
from idemflow.canvas.flow import PUT
from idemflow.config.endpoint import session
from tests.integration.tools import Idemflow, Project, wait_until

pytestmark = pytest.mark.timeout(300)

GOOD = """\
    def records():
        for number in range(20):
            yield {"id": f"r-{number}", "day": "2026-01-02"}
"""


def letters(idemflow: Idemflow, pipeline: str) -> list[dict[str, str]]:
    """The dead letters of a pipeline."""
    return [
        letter
        for _, letter in idemflow.ledger().documents("idemflow-dead-letters")
        if letter["pipeline"] == pipeline
    ]


def test_malformed_yaml(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("bad-yaml", GOOD)
    project.change(name, "identity: id", "identity: [id")
    result = idemflow.inside(project.path).fail("deploy", name)
    assert result.code == 2
    assert "flows/bad-yaml.yaml:" in result.stderr
    assert "is not YAML" in result.stderr


def test_an_unknown_field(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("bad-field", GOOD)
    project.change(name, "identity: id", "identty: id")
    result = idemflow.inside(project.path).fail("run", name)
    assert result.code == 2
    assert "flows/bad-field.yaml:5: identty" in result.stderr
    assert "did you mean 'identity'" in result.stderr


def test_an_index_name_that_elasticsearch_refuses(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("bad-index", GOOD)
    project.change(name, "  name: bad-index", "  name: Bad*Index")
    result = idemflow.inside(project.path).fail("run", name)
    assert result.code == 2
    assert "index.name" in result.stderr
    assert "lower case" in result.stderr


def test_a_mapping_that_elasticsearch_refuses(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("bad-mapping", GOOD, day="{type: date, format: nonsense}")
    result = idemflow.inside(project.path).fail("deploy", name)
    assert result.code == 2
    assert "index.mapping" in result.stderr
    assert "nonsense" in result.stderr


@pytest.mark.parametrize(
    ("name", "script", "words"),
    [
        (
            "no-import",
            "def records():\n    import there_is_no_such_module\n    yield {}\n",
            "Script Body:2: ModuleNotFoundError: No module named 'there_is_no_such_module': NiFi's "
            "Python lacks it: add its package to requirements.txt, then idemflow down && idemflow "
            "up",
        ),
        (
            "raises",
            "def records():\n    yield {'id': 1}\n    raise KeyError('boom')\n",
            "boom",
        ),
        (
            "no-generator",
            "def records():\n    return 7\n",
            "records() (line 1) gives int: it must yield",
        ),
        ("exits", "import sys\n\ndef records():\n    sys.exit(3)\n    yield\n", "SystemExit"),
    ],
)
def test_a_script_that_fails(
    idemflow: Idemflow, project: Project, name: str, script: str, words: str
) -> None:
    """The command names script, line and cause; the run waits, and goes on when it is fixed."""
    name = project.pipeline(name, script)
    command = idemflow.inside(project.path)
    result = command.fail("run", name)
    assert result.code == 1
    assert f"scripts/{name}.py" in result.stderr
    assert words in result.stderr
    assert f"idemflow deploy {name}" in result.stderr

    project.pipeline(name, GOOD)
    command.json("deploy", name)
    ledger = idemflow.ledger()
    wait_until(lambda: bool(ledger.run_ids(name)), "the waiting run goes on", seconds=90)
    client.connect(idemflow.target().nifi)
    group = process_groups.find_id(name)
    wait_until(lambda: monitoring.activity(group).queued == 0, "the queue empties")
    report = command.json("verify", name)
    assert report["equal"] is True
    assert report["documents"] == 20


def test_a_script_whose_module_nifi_lacks(idemflow: Idemflow, project: Project) -> None:
    """It is told before anything is on the canvas; what the JVM has is no such module."""
    imports = "import os\nfrom java.util import HashMap\nfrom there_is_no.such import thing\n"
    name = project.pipeline("no-module", imports + "def records():\n    yield {'id': 1}\n")
    command = idemflow.inside(project.path)
    refused = command.fail("deploy", name)
    assert refused.code == 1
    assert "scripts/no-module.py:3: NiFi's Python has no module 'there_is_no'" in refused.stderr
    file = project.path / "requirements.txt"
    assert f"next: add there_is_no, or the package that has it, to {file}, then: " in refused.stderr
    client.connect(idemflow.target().nifi)
    assert process_groups.find(name) is None
    file = project.path / "scripts/no-module.py"
    file.write_text(file.read_text().replace("from there_is_no.such import thing\n", ""))
    assert command.json("run", name)["documents"] == 1
    assert f"1 document in {name}: nothing twice, nothing lost." in command.ok("run", name).stdout
    assert "sent by 2 runs 1 " in " ".join(command.ok("verify", name).stdout.split())


def test_records_that_are_none(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline(
        "not-records",
        """\
        def records():
            yield {"id": "good"}
            yield ["a", "list"]
            yield None
            yield {"id": "bad", "value": b"12"}
            yield {"name": "without an id"}
            yield {"id": None}
            yield {"id": "  "}
            yield {"id": "also good"}
        """,
    )
    command = idemflow.inside(project.path)
    for _ in range(2):
        report = command.json("run", name, code=7)
        assert report["runs"][0]["sent"] == 8
        assert report["runs"][0]["dead_letters"] == 6
        assert report["runs"][0]["lost"] == report["runs"][0]["duplicates"] == 0
        assert report["documents"] == 2
    kept = {letter["position"]: letter for letter in letters(idemflow, name)}
    assert sorted(kept) == ["2", "3", "4", "5", "6", "7"]
    assert len(letters(idemflow, name)) == 6
    assert "a list, not a dict" in kept["2"]["reason"]
    assert "NoneType" in kept["3"]["reason"]
    assert "the field 'value' is a bytes, which has no JSON form" in kept["4"]["reason"]
    assert "'id' is missing or null" in kept["5"]["reason"]
    assert kept["5"]["content"] == '{"name":"without an id"}'
    assert "blank" in kept["7"]["reason"]
    assert command.json("verify", name)["equal"] is True


def test_a_document_that_the_mapping_refuses(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline(
        "refused",
        """\
        def records():
            for number in range(50):
                yield {"id": f"r-{number}", "day": "no day" if number == 7 else "2026-01-02"}
        """,
        day="date",
    )
    command = idemflow.inside(project.path)
    report = command.json("run", name, code=7)
    assert report["documents"] == 49
    run = report["runs"][0]
    assert (run["sent"], run["created"], run["dead_letters"]) == (50, 49, 1)
    assert run["lost"] == run["duplicates"] == 0
    (letter,) = letters(idemflow, name)
    assert letter["record_id"] == "r-7"
    assert letter["step"] == "Load"
    assert "failed to parse field [day]" in letter["reason"]
    assert '"no day"' in letter["content"]
    assert command.json("verify", name)["equal"] is True


def test_the_same_id_twice_in_a_run(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline(
        "repeated", 'def records():\n    for n in range(10):\n        yield {"id": n % 4}\n'
    )
    result = idemflow.inside(project.path).fail("run", name, "--json")
    assert result.code == 5
    report = result.json()
    run = report["runs"][0]
    assert (run["sent"], run["created"], run["repeated"], run["lost"]) == (10, 4, 6, 0)
    assert report["documents"] == 4


def test_no_records_at_all(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("empty", "def records():\n    return []\n")
    report = idemflow.inside(project.path).json("run", name, code=8)
    assert report["runs"][0]["sent"] == 0
    assert report["documents"] == 0


def test_unicode_nulls_and_odd_values_arrive_as_sent(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline(
        "odd",
        r"""
        def records():
            yield {"id": "ключ \"1\" \\ /", "text": "a\nb\u2028c\u0000d 🙂", "none": None}
            yield {"id": 2**60, "empty": "", "list": [], "object": {}, "big": 2**53 + 1}
            yield {"id": "template #{index} ${now()}", "text": "#{index} ${now()}"}
        """,
        extra="",
    )
    command = idemflow.inside(project.path)
    report = command.json("run", name)
    assert report["documents"] == 3
    assert command.json("verify", name)["equal"] is True
    documents = dict(idemflow.ledger().documents(name))
    assert documents['ключ "1" \\ /']["none"] is None
    assert documents[str(2**60)]["big"] == 2**53 + 1
    assert documents["template #{index} ${now()}"]["text"] == "#{index} ${now()}"


def test_values_of_python_and_numpy_arrive_as_json_has_them(
    idemflow: Idemflow, project: Project
) -> None:
    name = project.pipeline(
        "typed",
        """
        from datetime import datetime
        from decimal import Decimal

        import numpy as np

        def records():
            yield {
                "id": "all",
                "price": Decimal("1234567890.10"),
                "at": datetime(2026, 1, 2, 3, 4, 5),
                "tags": {"b", "a"},
                "count": np.int64(2**60),
                "half": np.float32(0.5),
                "when": np.datetime64("2026-01-02T03:04:05.000000007"),
            }
            yield {"id": "none", "deep": [{"x": np.float64("nan")}]}
        """,
    )
    command = idemflow.inside(project.path)
    run = command.json("run", name, code=7)["runs"][0]
    assert (run["created"], run["dead_letters"]) == (1, 1)
    (letter,) = letters(idemflow, name)
    assert "the field 'deep[0].x' is nan, which is no number" in letter["reason"]
    elasticsearch = idemflow.target().elasticsearch
    login = (elasticsearch.username, elasticsearch.password)
    with session(elasticsearch) as http:
        text = http.get(f"{elasticsearch.url}/{name}/_source/all", auth=login, timeout=30).text
    assert text == (
        '{"id":"all","price":1234567890.10,"at":"2026-01-02T03:04:05","tags":["a","b"],'
        '"count":1152921504606846976,"half":0.5,"when":"2026-01-02T03:04:05.000000007"}'
    )
    assert command.json("verify", name)["equal"] is True


def test_an_unknown_pipeline(idemflow: Idemflow) -> None:
    result = idemflow.fail("run", "poeple")
    assert result.code == 2
    assert "did you mean 'people'" in result.stderr


def test_a_pipeline_that_is_not_deployed(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("not-deployed", GOOD)
    command = idemflow.inside(project.path)
    result = command.fail("start", name)
    assert result.code == 2
    assert "idemflow deploy not-deployed" in result.stderr
    never = command.ok("verify", name, code=8)
    assert f"{name} never ran" in never.stderr
    assert "exactly" not in never.stdout
    # What a deployment would make is told as a whole, and not made.
    planned = command.json("deploy", name, "--dry-run")
    made = {(one["component"], one["property"]): one["after"] for one in planned["changes"]}
    context = f"parameter context idemflow {name}"
    expected = {
        (name, ""): "process group",
        (f"{name} / Load / {PUT}", ""): "processor",
        (context, ""): "parameter context",
        (context, "index"): name,
        (context, "elasticsearch.password"): "********",
        (f"index {name}", ""): "made by the first run",
        (f"index template of {name}", ""): "mapping",
    }
    assert expected.items() <= made.items()
    assert planned["created"] is True
    client.connect(idemflow.target().nifi)
    assert process_groups.find(name) is None
    # All of it is there afterwards.
    deployed = command.json("deploy", name)
    group = deployed["url"].rpartition("/")[2]
    steps = {step.component.name for step in process_groups.processors(group)}
    drawn = {part.rpartition(" / ")[2] for (part, _), kind in made.items() if kind == "processor"}
    assert steps == drawn
    assert command.json("deploy", name, "--dry-run")["changes"] == []


def test_records_of_a_pipeline_without_that_argument(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("no-argument", GOOD)
    result = idemflow.inside(project.path).fail("run", name, "--records", "5")
    assert result.code == 2
    assert "--set 'records=5' names no argument of the pipeline 'no-argument'" in result.stderr

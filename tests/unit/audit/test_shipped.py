"""The book's two flows, and the pipelines that idemflow draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from idemflow.audit.findings import Effect, Sure, Verdict
from idemflow.audit.report import Report, audit
from idemflow.canvas import flow
from idemflow.drawing import catalog
from idemflow.pipeline import spec
from idemflow.pipeline.model import Transform
from idemflow.pipeline.spec import Sources
from tests.unit.audit.draft import rules
from tests.unit.canvas.test_flow import DISPLAY_NAMES, component

ROOT = Path(__file__).parents[3]
# As NiFi 2.3 to 2.6 call them in a definition without descriptors; later they are display names.
INTERNAL = {
    "Identifier Attribute": "put-es-json-id-attr",
    "Index Operation": "put-es-record-index-op",
    "Index": "el-rest-fetch-index",
}


def book(name: str) -> Report:
    file = ROOT / "examples" / "book" / f"{name}.json"
    return audit(json.loads(file.read_text(encoding="utf-8")))


def test_the_flow_that_doubles() -> None:
    report = book("people-doubling")
    put = next(one for one in report.paths if one.path.sink.name == "Put people")
    assert (put.verdict, put.sure) == (Verdict.AT_LEAST_ONCE, Sure.CERTAIN)
    assert [node.name for node in put.path.way] == [
        "Start a run", "Make people", "One person each", "Give it an id", "Put people",
    ]  # fmt: skip
    (found,) = [one for one in report.findings if one.effect is Effect.DUPLICATES]
    assert (found.rule, found.where.place) == (
        "elasticsearch-id-changes",
        "people-doubling / Put people",
    )
    assert "${UUID()} has a new UUID each time" in found.why


def test_the_flow_that_does_not() -> None:
    report = book("people-once")
    assert report.verdict is Verdict.IDEMPOTENT
    assert rules(report) == {"script-read"}


def drawn(name: str, *, internal: bool, **changes: Any) -> dict[str, Any]:
    types = {kind: component(kind, prefix="") for kind in DISPLAY_NAMES}
    if internal:
        put = types[catalog.PUT]
        put.names.update({key: INTERNAL.get(key, key) for key in put.names})  # type: ignore[attr-defined]
    pipeline = spec.load(ROOT, name)
    scripts = spec.sources(ROOT, pipeline)
    if "load" in changes:
        changes["load"] = pipeline.load.model_copy(update=changes["load"])
    made = pipeline.model_copy(update=changes)
    if made.transform:
        scripts = Sources(scripts.collect, "def clean(record):\n    return record\n")
    return flow.build(made, scripts, types, tls=True)


@pytest.mark.parametrize("internal", [False, True], ids=["display", "internal"])
@pytest.mark.parametrize("batch", [1, 5000])
@pytest.mark.parametrize("name", ["people", "orders", "files"])
def test_the_shipped_pipelines_are_idempotent(name: str, batch: int, internal: bool) -> None:
    report = audit(drawn(name, internal=internal, load={"batch": batch}))
    assert report.verdict is Verdict.IDEMPOTENT, [
        (one.rule, one.where.place, one.why) for one in report.findings
    ]
    sinks = {one.path.sink.name for one in report.paths}
    assert sinks == {flow.PUT, flow.KEEP}
    sources = {one.path.source.name for one in report.paths}
    assert {"Start a run", "On schedule", "Start a replay"} <= sources
    assert {one.effect for one in report.findings} <= {Effect.CONDITION, Effect.NOTE}


def test_a_transform_is_read_as_well() -> None:
    transform = Transform(script="scripts/t.py", function="clean")
    report = audit(drawn("people", internal=False, transform=transform))
    assert report.verdict is Verdict.IDEMPOTENT


def test_a_pipeline_whose_script_asks_chance_is_told() -> None:
    definition = drawn("people", internal=False)
    text = json.dumps(definition).replace("fake.seed_instance(seed)", "import uuid; uuid.uuid4()")
    report = audit(json.loads(text))
    (found,) = [one for one in report.findings if one.rule == "script-chance"]
    assert found.where.name == "Collect records"
    assert "uuid.uuid4() in line" in found.why


def test_a_step_of_another_idemflow_is_not_taken_for_granted() -> None:
    definition = drawn("people", internal=False)
    text = json.dumps(definition).replace("idemflow.steps.identify:identify", "idemflow.steps.x:y")
    report = audit(json.loads(text))
    assert report.verdict is Verdict.UNKNOWN


def test_what_an_operator_made_of_a_pipeline_is_told() -> None:
    definition = drawn("people", internal=False, load={"batch": 1})
    text = json.dumps(definition).replace('"Identifier Attribute": "idemflow.id"', '"x": "y"', 1)
    report = audit(json.loads(text))
    assert report.verdict is Verdict.AT_LEAST_ONCE
    assert "elasticsearch-no-id" in rules(report)

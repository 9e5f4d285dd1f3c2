"""The book's two flows on the real servers: one doubles what it writes, the other does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import nipyapi
import pytest

from idemflow.canvas import client, control, deploy, process_groups
from tests.integration.tools import ROOT, Idemflow, wait_until

pytestmark = pytest.mark.timeout(120)
PEOPLE = 1000


@pytest.fixture
def command(idemflow: Idemflow) -> Iterator[Idemflow]:
    client.connect(idemflow.target().nifi)
    yield idemflow
    elasticsearch = idemflow.elasticsearch()
    elasticsearch.indices.delete(
        index=["book-people-doubling", "book-people-once"], ignore_unavailable=True
    )
    elasticsearch.close()


@pytest.fixture(params=["people-doubling", "people-once"])
def flow(request: pytest.FixtureRequest, command: Idemflow) -> Iterator[tuple[str, str]]:
    """One of the flows on the canvas, started: its name, and the id of its group."""
    name = request.param
    definition = json.loads((ROOT / "examples" / "book" / f"{name}.json").read_text())
    context = _context(command, name)
    group = deploy.import_group(name, definition)
    try:
        control.start_steps(group)
        yield name, group
    finally:
        control.stop(group)
        process_groups.delete(group)
        nipyapi.parameters.delete_parameter_context(context)


def _context(command: Idemflow, name: str) -> Any:
    """The flow's parameters, with the values of the running servers."""
    target = command.target()
    values = {
        "elasticsearch.url": target.loader.url,
        "elasticsearch.username": target.elasticsearch.username,
        "elasticsearch.password": target.elasticsearch.password,
        "elasticsearch.truststore": str(target.truststore),
        "elasticsearch.truststore.password": target.truststore_password,
        "index": f"book-{name}",
        "kept": "/tmp/book",
    }
    made = [
        nipyapi.parameters.prepare_parameter(key, value, sensitive="password" in key)
        for key, value in values.items()
    ]
    return nipyapi.parameters.create_parameter_context("book", parameters=made)


def test_what_a_second_run_leaves(command: Idemflow, flow: tuple[str, str]) -> None:
    name, group = flow
    index = f"book-{name}"
    elasticsearch = command.elasticsearch()
    counts = []
    for run in (1, 2):
        control.run_once(group)

        def written(expected: int = run * PEOPLE) -> bool:
            found = elasticsearch.indices.stats(index=index, metric="indexing")
            done = found["_all"]["primaries"].get("indexing", {}).get("index_total")
            return bool(done == expected)

        wait_until(lambda: bool(elasticsearch.indices.exists(index=index)), "it is written to")
        wait_until(written, "all people are written")
        elasticsearch.indices.refresh(index=index)
        counts.append(elasticsearch.count(index=index)["count"])
    elasticsearch.close()
    doubles = name == "people-doubling"
    _audit_the_canvas(command, name, group, code=9 if doubles else 0)
    assert counts == [PEOPLE, 2 * PEOPLE if doubles else PEOPLE]
    file = ROOT / "examples" / "book" / f"{name}.json"
    said = command.json("audit", str(file), code=9 if doubles else 0)
    assert said["verdict"] == ("at least once" if doubles else "idempotent")
    _prove(command, group, index, doubles=doubles)


def _prove(command: Idemflow, group: str, index: str, *, doubles: bool) -> None:
    """The proof tells them apart, too, and leaves what is in the index."""
    elasticsearch = command.elasticsearch()
    before = elasticsearch.count(index=index)["count"]
    proof = ("prove", "--process-group", group, "--trigger", "Start a run", "--index", index)
    refused = command.fail(*proof)
    assert "this disturbs" in refused.stderr
    methods = ("--method", "replay-events", "--method", "stop-elasticsearch")
    found = command.json(*proof, *methods, "--yes-disturb", group, code=5 if doubles else 0)
    after = elasticsearch.count(index=index)["count"]
    elasticsearch.close()
    assert found["source"]["given"] == before + PEOPLE * doubles
    if doubles:
        assert (found["verdict"], found["methods"]) == ("failed", [])
        assert "1,000 doubled" in found["why"]
        assert after == before + 2 * PEOPLE
    else:
        assert found["verdict"] == "passed"
        last = found["methods"][0]["tries"][-1]
        assert (last["outcome"]["stable"], after) == (PEOPLE, PEOPLE)
        assert any(event["kind"] == "fault" for event in last["events"])


def _audit_the_canvas(command: Idemflow, name: str, group: str, *, code: int) -> None:
    """The same is said of the group on the canvas, which is only read."""
    asked: list[str] = []
    plain = client._Client.request

    def noted(self: Any, method: str, url: str, *given: Any, **named: Any) -> Any:
        asked.append(f"{method} {url.rpartition('/nifi-api')[2]}")
        return plain(self, method, url, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client._Client, "request", noted)
        found = command.json("audit", "--process-group", name, code=code)
    assert {one for one in asked if not one.startswith("GET ")} == {"POST /access/token"}
    assert command.json("audit", "--process-group", group, code=code) == found
    (put,) = [one["sink"] for one in found["paths"] if one["sink"]["name"] == "Put people"]
    live = process_groups.trigger(group, "Put people")
    nifi = command.target().nifi.url
    assert put["link"] == f"{nifi}/nifi/#/process-groups/{group}/Processor/{live.id}"
    file = command.json("audit", str(ROOT / "examples" / "book" / f"{name}.json"), code=code)
    for key in ("rule", "effect", "sure", "why"):
        assert [one[key] for one in found["findings"]] == [one[key] for one in file["findings"]]
    for unknown in ("no such group", "00000000-0000-0000-0000-000000000000"):
        missing = command.fail("audit", "--process-group", unknown)
        assert "there is no process group" in missing.stderr
    assert command.run("audit", "--process-group", "root").code in (0, 9)

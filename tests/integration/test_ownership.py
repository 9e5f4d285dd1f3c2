"""Nothing of others is touched: marks of ownership on indices, templates and aliases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from tests.integration.tools import Idemflow, Project

pytestmark = pytest.mark.timeout(300)

SNAPSHOT = "mode: snapshot\n"
SHARED = "  shared: true\n"
INDEX = "indices:data/write/index"
TOMBSTONES = "version: {field: v, type: integer}\ndelete: gone\n"


def numbers(start: int, end: int, **more: object) -> str:
    """A script of records with these ids."""
    return f"""\
        def records():
            for number in range({start}, {end}):
                yield {{"id": number, **{more!r}}}
        """


@pytest.fixture
def client(idemflow: Idemflow) -> Iterator[Elasticsearch]:
    made = idemflow.elasticsearch()
    yield made
    made.close()


@pytest.fixture
def other(idemflow: Idemflow, tmp_path: Path) -> tuple[Idemflow, Project]:
    """Another checkout with servers of its own elsewhere, which shares this Elasticsearch."""
    path = tmp_path / "other"
    path.mkdir()
    resolved = idemflow.resolved.model_copy(update={"project": path, "project_id": "theother"})
    return Idemflow(resolved), Project(path)


def told(text: str) -> str:
    return " ".join(text.split())


def state(client: Elasticsearch, *names: str) -> dict[str, Any]:
    """All that can be changed of indices, and what is in them."""
    client.indices.refresh(index=names)
    return {
        name: (dict(found), client.count(index=name)["count"])
        for name, found in client.indices.get(index=names, flat_settings=True).items()
    }


def owners(client: Elasticsearch, index: str) -> list[tuple[str, str]]:
    mapping = client.indices.get_mapping(index=index)[index]["mappings"]
    return [(one["project"], one["pipeline"]) for one in mapping["_meta"]["idemflow"]["owners"]]


def make(client: Elasticsearch, index: str, **more: Any) -> None:
    """An index of someone else, with a document."""
    client.indices.create(
        index=index,
        settings={"number_of_replicas": 0, "refresh_interval": "7s"},
        mappings={"properties": {"mine": {"type": "keyword"}}, "_meta": {"team": "sales"}},
        **more,
    )
    client.index(index=index, id="1", document={"mine": "x"}, refresh=True)


def test_a_publish_leaves_alone_what_only_looks_like_a_build(
    idemflow: Idemflow, project: Project, client: Elasticsearch
) -> None:
    command = idemflow.inside(project.path)
    make(client, "orders-archive")
    project.pipeline("orders-eu", numbers(0, 3))
    command.json("run", "orders-eu")
    day = project.pipeline("orders-by-day", numbers(0, 2))
    project.change(day, "name: orders-by-day", "name: orders-{day}")
    command.json("run", day)
    names = ["orders-archive", "orders-eu", *client.indices.get(index="orders-20*")]
    assert len(names) == 3
    before = state(client, *names)

    project.pipeline("orders", numbers(0, 4), SNAPSHOT, note="keyword")
    built = [command.json("run", "orders")["runs"][0]["published"] for _ in range(3)]
    assert state(client, *names) == before
    assert {*client.indices.get(index="orders-*", features="aliases")} == {*names, *built[1:]}
    assert command.json("snapshot", "rollback", "orders")["index"] == built[1]

    # A copy has the mark of what it was made of, but not the name of a build; what is made beside
    # the builds is nothing of theirs; NiFi may write to neither.
    client.indices.put_settings(index=built[1], settings={"index.blocks.write": True})
    client.indices.clone(index=built[1], target="orders-kept")
    client.indices.put_settings(index=built[1], settings={"index.blocks.write": None})
    make(client, "orders-2026-plan-b")
    names += ["orders-kept", "orders-2026-plan-b"]
    before = state(client, *names)
    command.json("run", "orders", "--times", "2")
    command.json("deploy", "orders")
    assert state(client, *names) == before
    with idemflow.elasticsearch(idemflow.target().loader) as loader:
        may = loader.security.has_privileges(
            index=[{"names": [*names, built[2]], "privileges": [INDEX]}]
        )["index"]
    assert {name for name in may if may[name][INDEX]} == {*names[1:3], built[2]}


def test_an_index_of_someone_else_is_refused_and_can_be_adopted(
    idemflow: Idemflow, project: Project, client: Elasticsearch
) -> None:
    command = idemflow.inside(project.path)
    make(client, "customers")
    before = state(client, "customers")
    project.pipeline("customers", numbers(0, 2), mine="keyword")
    for arguments in (("deploy",), ("deploy", "--dry-run"), ("run",)):
        refused = command.fail(*arguments, "customers")
        assert refused.code == 2
        assert "index.name: the index customers has no mark of idemflow" in told(refused.stderr)
        assert "idemflow deploy customers --adopt" in told(refused.stderr)
    assert state(client, "customers") == before

    planned = command.json("deploy", "customers", "--adopt", "--dry-run")["changes"]
    assert ("index customers", "owner") in [(one["component"], one["property"]) for one in planned]
    assert state(client, "customers") == before
    # Its document has an id that this pipeline would not give it.
    other_ids = told(command.fail("deploy", "customers", "--adopt").stderr)
    assert "idemflow deploy customers --adopt --keep-old-documents" in other_ids
    assert state(client, "customers") == before
    command.ok("deploy", "customers", "--adopt", "--keep-old-documents")
    mapping = client.indices.get_mapping(index="customers")["customers"]["mappings"]
    assert mapping["_meta"].keys() == {"team", "idemflow"}
    assert [name for _, name in owners(client, "customers")] == ["customers"]
    assert command.json("deploy", "customers")["changes"] == []
    assert command.json("run", "customers")["documents"] == 2


def test_an_index_has_one_owner_or_says_that_it_is_shared(
    idemflow: Idemflow, project: Project, client: Elasticsearch
) -> None:
    command = idemflow.inside(project.path)

    def write(name: str, start: int, end: int, extra: str = "") -> None:
        # Each maps a field of its own.
        project.pipeline(name, numbers(start, end, by=name), **{name: "keyword"})
        project.change(name, f"name: {name}\n", f"name: stock\n{extra}")

    write("north", 0, 5)
    command.json("run", "north")
    write("south", 3, 8)
    refused = told(command.fail("deploy", "south").stderr)
    assert "index.name: the index stock belongs to the pipeline north" in refused
    assert "index.shared: true" in refused
    write("south", 3, 8, SHARED)
    refused = told(command.fail("run", "south").stderr)
    assert "flows/north.yaml" in refused  # both must say it
    write("north", 0, 5, SHARED)
    command.json("deploy", "north")
    report = command.json("run", "south")
    assert report["runs"][0]["taken_over"] == {"north": 2}
    assert [name for _, name in owners(client, "stock")] == ["north", "south"]
    for name in ("north", "south"):
        assert command.json("verify", name)["equal"]
    (made,) = client.indices.get_index_template(name="idemflow-stock")["index_templates"]
    mapped = made["index_template"]["template"]["mappings"]["properties"]
    assert {"north", "south"} <= mapped.keys()
    assert command.json("deploy", "north")["changes"] == []
    # What is south's already is no one else's.
    assert command.json("run", "south")["runs"][0]["taken_over"] == {}
    shown = told(command.ok("run", "north").stdout)
    assert "2 documents taken over from south" in shown
    assert command.json("verify", "south")["equal"]
    # Neither leaves the other alone with it by itself.
    write("north", 0, 5)
    refused = told(command.fail("deploy", "north").stderr)
    assert "shared with the pipeline south" in refused


def test_two_projects_on_one_elasticsearch(
    idemflow: Idemflow,
    project: Project,
    other: tuple[Idemflow, Project],
    client: Elasticsearch,
) -> None:
    command = idemflow.inside(project.path)
    second, elsewhere = other
    project.pipeline("sales", numbers(0, 4))
    command.json("run", "sales")
    (run,) = command.ledger().run_ids("sales")

    # A pipeline of the same name: its runs, manifests and dead letters would be mixed up.
    elsewhere.pipeline("sales", numbers(0, 4))
    elsewhere.change("sales", "name: sales\n", "name: sales-2\n")
    for arguments in (
        ("deploy", "sales"),
        ("run", "sales"),
        ("verify", "sales"),
        ("prune", "sales"),
        ("dead-letters", "drop", "sales", "--all", "--yes"),
    ):
        refused = told(second.fail(*arguments).stderr)
        assert "another project has a pipeline sales on this Elasticsearch" in refused
        assert "IDEMFLOW_PROJECT_ID" in refused
        assert str(project.path) in refused

    # Another name, the same index.
    elsewhere.pipeline("sales-too", numbers(2, 6))
    elsewhere.change("sales-too", "name: sales-too\n", f"name: sales\n{SHARED}")
    refused = told(second.fail("deploy", "sales-too").stderr)
    assert "belongs to the pipeline sales of another project" in refused
    project.change("sales", "name: sales\n", f"name: sales\n{SHARED}")
    command.json("deploy", "sales")
    assert second.json("run", "sales-too")["runs"][0]["taken_over"] == {"sales": 2}
    assert len({one for one, _ in owners(client, "sales")}) == 2
    assert command.json("verify", "sales")["equal"]
    assert second.json("verify", "sales-too")["equal"]
    assert command.ledger().run_ids("sales") == [run]


def test_an_alias_of_someone_else(
    idemflow: Idemflow, project: Project, client: Elasticsearch
) -> None:
    command = idemflow.inside(project.path)
    make(client, "prices-by-hand", aliases={"prices": {}})
    for extra in (SNAPSHOT, TOMBSTONES):
        project.pipeline("prices", numbers(0, 2, v=1), extra)
        refused = told(command.fail("deploy", "prices").stderr)
        assert "the alias prices points at prices-by-hand" in refused
    project.pipeline("prices", numbers(0, 2, v=1), SNAPSHOT)
    client.indices.delete_alias(index="prices-by-hand", name="prices")
    built = command.json("run", "prices")["runs"][0]["published"]

    # A person points it elsewhere, while the pipeline is deployed.
    swap = [
        {"add": {"index": "prices-by-hand", "alias": "prices"}},
        {"remove": {"index": built, "alias": "prices"}},
    ]
    client.indices.update_aliases(actions=swap)
    refused = told(command.fail("run", "prices").stderr)
    assert "the alias prices points at prices-by-hand" in refused
    assert [*client.indices.get_alias(name="prices")] == ["prices-by-hand"]
    assert "prices-by-hand" in told(command.fail("snapshot", "rollback", "prices").stderr)
    before = state(client, "prices-by-hand")["prices-by-hand"]
    command.ok("deploy", "prices", "--adopt")
    assert client.indices.exists(index=built)
    latest = command.json("run", "prices")["runs"][0]["published"]
    assert [*client.indices.get_alias(name="prices")] == [latest]
    after = state(client, "prices-by-hand")["prices-by-hand"]
    assert (after[0]["settings"], after[1]) == (before[0]["settings"], before[1])


def test_a_template_of_someone_else(
    idemflow: Idemflow, project: Project, client: Elasticsearch
) -> None:
    command = idemflow.inside(project.path)
    project.pipeline("templated", numbers(0, 2))
    body: dict[str, Any] = {
        "index_patterns": ["templated*"],
        "priority": 1,
        "template": {"settings": {}},
    }
    client.indices.put_index_template(name="idemflow-templated", **body)
    refused = told(command.fail("deploy", "templated").stderr)
    assert "the index template idemflow-templated has no mark of idemflow" in refused
    (found,) = client.indices.get_index_template(name="idemflow-templated")["index_templates"]
    assert found["index_template"]["index_patterns"] == ["templated*"]
    command.ok("deploy", "templated", "--adopt")
    assert command.json("deploy", "templated")["changes"] == []

    # One that is stronger than idemflow's would make indices without a mark.
    strong: dict[str, Any] = {**body, "priority": 9000, "index_patterns": ["templ*"]}
    client.indices.put_index_template(name="strong", **strong)
    try:
        refused = told(command.fail("deploy", "templated").stderr)
        assert "the index template strong" in refused
        assert "priority" in refused
    finally:
        client.indices.delete_index_template(name="strong")
    command.json("deploy", "templated")


def test_every_kind_of_index_is_marked(
    idemflow: Idemflow, project: Project, client: Elasticsearch
) -> None:
    command = idemflow.inside(project.path)
    extras = {"mark-{run}": "", "mark-{day}": "", "marked": TOMBSTONES, "shot": SNAPSHOT}
    for name, extra in extras.items():
        pipeline = project.pipeline(name.strip("{}").replace("{", ""), numbers(0, 2, v=1), extra)
        project.change(pipeline, f"name: {pipeline}\n", f"name: {name}\n")
        command.json("run", pipeline)
    made = client.indices.get(index="mark*,shot*", features="mappings")
    assert len(made) == 4
    assert {owners(client, name)[0][1] for name in made} == {
        "mark-run", "mark-day", "marked", "shot"
    }  # fmt: skip
    assert "marked-rows" in made

    # What an earlier version made has no mark; its templates were for all that begins alike.
    (run,) = client.indices.get(index="mark-*t*-*", features="mappings")
    client.indices.put_mapping(index=[run, "marked-rows"], meta={})
    client.indices.delete_index_template(name="idemflow-mark-{day}")
    client.indices.put_index_template(
        name="idemflow-mark-",
        index_patterns=["mark-*"],
        priority=205,
        meta={"idemflow": {"settings": {}, "mappings": {}}},
    )
    for pipeline, name in (("mark-run", run), ("marked", "marked-rows")):
        assert f"the index {name} has no mark" in told(command.fail("deploy", pipeline).stderr)
        command.ok("deploy", pipeline, "--adopt")
        assert owners(client, name)[0][1] == pipeline
        assert command.json("verify", pipeline)["equal"]
    assert not client.indices.exists_index_template(name="idemflow-mark-")
    client.indices.put_mapping(index="idemflow-runs", meta={})
    refused = told(command.fail("deploy", "marked").stderr)
    assert "the index idemflow-runs, which has the name of a part of the ledger" in refused
    command.ok("deploy", "marked", "--adopt")
    command.ok("deploy", "mark-run")

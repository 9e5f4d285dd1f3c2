"""Identity, versions, deletes, snapshots and transforms on the running servers.

What documents, versions and deletes become depends on how they are sent, and is tested both ways:
one document a FlowFile, and JSON lines. Identities and transforms come before that.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.tools import UNJUDGED, Idemflow, Project

pytestmark = pytest.mark.timeout(300)

BOTH_WAYS = pytest.mark.parametrize("batch", [1, 5000], ids=["one", "lines"])


def records(*items: dict[str, Any]) -> str:
    """A script that yields just these."""
    return f"import json\n\ndef records():\n    yield from json.loads({json.dumps(items)!r})\n"


def run(idemflow: Idemflow, project: Project, name: str, *options: str) -> dict[str, Any]:
    """Run a pipeline, which deploys what was written; the report of its one run."""
    command = idemflow.inside(project.path)
    (report,) = command.json("run", name, *UNJUDGED, *options)["runs"]
    assert (report["lost"], report["duplicates"]) == (0, 0)
    return dict(report)


def documents(idemflow: Idemflow, index: str) -> dict[str, dict[str, Any]]:
    """What readers of an index see."""
    ledger = idemflow.ledger()
    try:
        return dict(ledger.documents(index))
    finally:
        ledger.close()


def equal(idemflow: Idemflow, project: Project, name: str) -> bool:
    """Whether the index is exactly what was sent."""
    return bool(idemflow.inside(project.path).run("verify", name, "--json").json()["equal"])


@BOTH_WAYS
def test_an_older_replay_never_overwrites_a_newer_document(
    idemflow: Idemflow, project: Project, batch: int
) -> None:
    name = f"versions-{batch}"
    extra = f"version: at\nload: {{batch: {batch}}}\n"
    new = [{"id": n, "at": "2026-03-01T12:00:00.000002Z", "value": "new"} for n in range(10)]
    project.pipeline(name, records(*new), extra)
    assert run(idemflow, project, name)["created"] == 10

    # A microsecond older, in another time zone.
    old = [{"id": n, "at": "2026-03-01T14:00:00.000001+02:00", "value": "old"} for n in range(12)]
    project.pipeline(name, records(*old), extra)
    report = run(idemflow, project, name)
    assert (report["stale"], report["created"], report["dead_letters"]) == (10, 2, 0)
    found = documents(idemflow, name)
    assert [found[str(n)]["value"] for n in range(12)] == ["new"] * 10 + ["old"] * 2
    assert equal(idemflow, project, name)

    # An equal version is harmless, and a fixed record goes in.
    fixed = [row | {"value": "fixed"} for row in new]
    project.pipeline(name, records(*fixed), extra)
    report = run(idemflow, project, name)
    assert (report["stale"], report["overwritten"]) == (0, 10)
    assert documents(idemflow, name)["3"]["value"] == "fixed"
    assert equal(idemflow, project, name)


def test_the_newest_of_one_run_wins_whatever_the_order(
    idemflow: Idemflow, project: Project
) -> None:
    rows = [{"id": "a", "seq": seq} for seq in (3, 9007199254740993, 9007199254740992, 1)]
    project.pipeline("order", records(*rows), "version: {field: seq, type: integer}\n")
    report = run(idemflow, project, "order")
    assert report["created"] == 1
    assert documents(idemflow, "order") == {"a": {"id": "a", "seq": 9007199254740993}}
    assert equal(idemflow, project, "order")


def test_versions_that_are_none_are_dead_letters(idemflow: Idemflow, project: Project) -> None:
    rows = [{"id": n, "at": at} for n, at in enumerate(["1969-07-20T20:17:40Z", None, "soon", 5])]
    project.pipeline("no-version", records(*rows), "version: at\n")
    report = run(idemflow, project, "no-version")
    assert (report["created"], report["dead_letters"]) == (1, 3)
    assert equal(idemflow, project, "no-version")


@BOTH_WAYS
def test_a_late_older_row_does_not_bring_a_deleted_document_back(
    idemflow: Idemflow, project: Project, batch: int
) -> None:
    name = f"deletes-{batch}"
    extra = f"version: {{field: v, type: integer}}\ndelete: gone\nload: {{batch: {batch}}}\n"

    def send(*items: dict[str, Any]) -> dict[str, Any]:
        project.pipeline(name, records(*items), extra)
        return run(idemflow, project, name)

    assert send(*({"id": n, "v": 1, "gone": False} for n in range(5)))["created"] == 5
    report = send({"id": 1, "v": 5, "gone": True}, {"id": 9, "v": 5, "gone": True})
    assert (report["deleted"], report["created"], report["overwritten"]) == (2, 0, 0)
    assert sorted(documents(idemflow, name)) == ["0", "2", "3", "4"]
    client = idemflow.elasticsearch()
    assert client.count(index=name)["count"] == 4

    # Neither a minute nor a restart makes a tombstone forget: it is a document.
    report = send({"id": 1, "v": 4, "gone": False}, {"id": 9, "v": 1, "gone": False})
    assert (report["stale"], report["created"]) == (2, 0)
    assert sorted(documents(idemflow, name)) == ["0", "2", "3", "4"]
    assert equal(idemflow, project, name)

    report = send({"id": 1, "v": 6, "gone": None})
    assert report["created"] == 1
    assert sorted(documents(idemflow, name)) == ["0", "1", "2", "3", "4"]
    assert equal(idemflow, project, name)


@BOTH_WAYS
def test_deletes_without_versions(idemflow: Idemflow, project: Project, batch: int) -> None:
    name = f"removals-{batch}"
    extra = f"delete: {{field: state, in: [cancelled, 7]}}\nload: {{batch: {batch}}}\n"
    rows = [{"id": n, "state": "open"} for n in range(4)]
    project.pipeline(name, records(*rows), extra)
    assert run(idemflow, project, name)["created"] == 4
    rows[2] = {"id": 2, "state": "cancelled"}
    project.pipeline(name, records(*rows, {"id": 8, "state": 7}, {"id": 5, "state": "7"}), extra)
    report = run(idemflow, project, name)
    assert (report["deleted"], report["overwritten"], report["created"]) == (2, 3, 1)
    assert sorted(documents(idemflow, name)) == ["0", "1", "3", "5"]
    assert equal(idemflow, project, name)


def test_a_snapshot_replaces_what_was_there_and_can_be_rolled_back(
    idemflow: Idemflow, project: Project
) -> None:
    command = idemflow.inside(project.path)
    project.pipeline("shot", records(*({"id": n} for n in range(10))), "mode: snapshot\n")
    first = run(idemflow, project, "shot")
    assert first["published"].startswith("shot-")
    assert len(documents(idemflow, "shot")) == 10

    project.pipeline("shot", records(*({"id": n} for n in range(8))), "mode: snapshot\n")
    assert run(idemflow, project, "shot")["created"] == 8
    assert len(documents(idemflow, "shot")) == 8
    assert equal(idemflow, project, "shot")

    assert command.json("snapshot", "rollback", "shot")["documents"] == 10
    assert len(documents(idemflow, "shot")) == 10
    assert command.fail("snapshot", "rollback", "shot").code == 2

    project.pipeline("shot", "def records():\n    return []\n", "mode: snapshot\n")
    command.json("deploy", "shot")
    result = command.fail("run", "shot")
    assert "the source gave no record" in result.stderr
    assert len(documents(idemflow, "shot")) == 10
    run(idemflow, project, "shot", "--allow-empty")
    assert documents(idemflow, "shot") == {}


def test_a_snapshot_does_not_take_the_name_of_an_index(
    idemflow: Idemflow, project: Project
) -> None:
    project.pipeline("taken", records({"id": 1}))
    run(idemflow, project, "taken")
    project.pipeline("taken", records({"id": 1}), "mode: snapshot\n")
    result = idemflow.inside(project.path).fail("deploy", "taken")
    assert result.code == 2
    assert "index.name: taken is an index" in result.stderr


def test_an_index_per_run_and_per_day(idemflow: Idemflow, project: Project) -> None:
    project.pipeline("each", records({"id": 1}, {"id": 2}))
    project.change("each", "name: each", "name: each-{run}")
    for _ in range(2):
        assert run(idemflow, project, "each")["created"] == 2
    assert len(idemflow.elasticsearch().indices.get(index="each-*")) == 2
    assert equal(idemflow, project, "each")

    project.change("each", "name: each-{run}", "name: daily-{day}")
    assert run(idemflow, project, "each")["created"] == 2
    assert run(idemflow, project, "each")["overwritten"] == 2
    (index,) = idemflow.elasticsearch().indices.get(index="daily-*")
    assert len(index) == len("daily-2026-01-01")


def test_a_transform_changes_splits_drops_and_fails(idemflow: Idemflow, project: Project) -> None:
    name = "transform"
    project.pipeline(
        name,
        records(*({"id": n, "tags": ["a", "b"]} for n in range(6))),
        "transform: {script: scripts/change.py, function: change}\nload: {batch: 5000}\n",
        tag="keyword",
    )
    (project.path / "scripts/change.py").write_text(
        "def change(record):\n"
        "    if record['id'] == 0:\n"
        "        return None\n"
        "    if record['id'] == 1:\n"
        "        raise KeyError('boom')\n"
        "    if record['id'] == 2:\n"
        "        return [{'id': f'2-{tag}', 'tag': tag} for tag in record['tags']]\n"
        "    return {'id': record['id'], 'doubled': record['id'] * 2}\n"
    )
    report = run(idemflow, project, name)
    assert (report["sent"], report["created"]) == (6, 5)
    assert (report["dropped"], report["dead_letters"]) == (1, 1)
    found = documents(idemflow, name)
    assert sorted(found) == ["2-a", "2-b", "3", "4", "5"]
    assert found["4"] == {"id": 4, "doubled": 8}
    (letter,) = (
        letter
        for _, letter in idemflow.ledger().documents("idemflow-dead-letters")
        if letter["pipeline"] == name
    )
    assert letter["step"] == "Transform"
    assert "KeyError" in letter["reason"]
    assert "change.py" in letter["reason"] or "line 5" in letter["reason"]
    assert json.loads(letter["content"]) == {"id": 1, "tags": ["a", "b"]}
    assert equal(idemflow, project, name)


def test_identities_of_several_fields_paths_and_contents(
    idemflow: Idemflow, project: Project
) -> None:
    load = "load: {batch: 5000}\n"
    pairs = [{"a": "a", "b": "bc"}, {"a": "ab", "b": "c"}, {"a": "a", "b": "bc"}]
    project.pipeline("pairs", records(*pairs), load)
    project.change("pairs", "identity: id", "identity: {fields: [a, b], unique: allow}")
    assert run(idemflow, project, "pairs")["created"] == 2

    nested = [{"customer": {"id": n}} for n in (1, 2)]
    project.pipeline("nested", records(*nested), load)
    project.change("nested", "identity: id", "identity: customer.id")
    run(idemflow, project, "nested")
    assert sorted(documents(idemflow, "nested")) == ["1", "2"]

    same = [{"x": 1, "y": 2, "at": 1}, {"y": 2, "x": 1, "at": 2}, {"x": 2, "y": 1, "at": 3}]
    project.pipeline("content", records(*same), load)
    project.change("content", "identity: id", "identity: {content-hash: true, except: [at]}")
    assert run(idemflow, project, "content")["created"] == 2


@BOTH_WAYS
def test_values_that_go_wrong_elsewhere(idemflow: Idemflow, project: Project, batch: int) -> None:
    name = f"values-{batch}"
    items: list[dict[str, Any]] = [
        {"id": "unicode-ü-\U0001f40d", "text": 'ß \U0001f40d \u2028 \u0000 "quoted" \\'},
        {"id": "nulls", "null": None, "empty": "", "list": [], "object": {}},
        {"id": "large", "number": 2**63 - 1, "beyond": 9007199254740993},
        {"id": "x" * 50_000, "long": True},
        {"id": "dots", "a.b": 1, "c": {"d.e": 2}},
        {"id": "date", "day": "2026-01-02"},
    ]
    project.pipeline(
        name, records(*items), f"load: {{batch: {batch}}}\n", text="keyword", number="long"
    )
    report = run(idemflow, project, name)
    assert (report["created"], report["dead_letters"]) == (len(items), 0)
    found = documents(idemflow, name)
    assert {json.dumps(item, sort_keys=True) for item in found.values()} == {
        json.dumps(item, sort_keys=True) for item in items
    }
    assert all(len(key.encode()) <= 512 for key in found)
    assert equal(idemflow, project, name)


@BOTH_WAYS
def test_a_document_of_ten_megabytes(idemflow: Idemflow, project: Project, batch: int) -> None:
    name = f"large-{batch}"
    project.pipeline(
        name,
        """\
        def records():
            yield {"id": "small"}
            yield {"id": "large", "text": "0123456789" * 1_000_000}
            yield {"id": "last"}
        """,
        f"load: {{batch: {batch}}}\n",
        text="{type: keyword, index: false, doc_values: false}",
    )
    assert run(idemflow, project, name)["created"] == 3
    assert len(documents(idemflow, name)["large"]["text"]) == 10_000_000
    assert equal(idemflow, project, name)


def test_two_pipelines_into_one_index(idemflow: Idemflow, project: Project) -> None:
    for name, start in (("left", 0), ("right", 3)):
        project.pipeline(name, records(*({"id": n, "by": name} for n in range(start, start + 5))))
        project.change(name, f"name: {name}\n", "name: both\n  shared: true\n")
        report = run(idemflow, project, name)
    assert (report["created"], report["overwritten"]) == (3, 2)
    assert report["taken_over"] == {"left": 2}
    found = documents(idemflow, "both")
    assert len(found) == 8
    assert found["4"]["by"] == "right"
    assert equal(idemflow, project, "left")
    assert equal(idemflow, project, "right")

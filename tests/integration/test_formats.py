"""Ledgers that other versions of idemflow wrote: read and gone on with, or refused.

``data/ledgers/format-N.json`` is the ledger of one pipeline and its index, as they were in
Elasticsearch; it stays as it was written. The runtime's folder: ``tests/unit/servers/homes``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from idemflow.elasticsearch.ledger import FORMAT, KEY, PIPELINES, RUNS, TEMPLATES, Ledger
from tests.integration.test_versions_and_snapshots import records
from tests.integration.tools import UNJUDGED, Idemflow, Project, empty_elasticsearch

pytestmark = pytest.mark.timeout(300)

LEDGERS = Path(__file__).with_name("data") / "ledgers"
NAME = "kept"
YAML = "version: {field: at, type: integer}\n"
PROJECT = "0123456789ab"
FIRST = records({"id": 1, "at": 2}, {"id": 2, "at": 2}, {"name": "no id", "at": 1})
THEN = records({"id": 1, "at": 1}, {"id": 2, "at": 3}, {"id": 3, "at": 3})


@pytest.fixture
def command(idemflow: Idemflow, project: Project) -> Idemflow:
    """In the project that the kept ledgers are of."""
    project.pipeline(NAME, THEN, YAML)
    own = {"project": project.path, "project_id": PROJECT}
    return Idemflow(idemflow.resolved.model_copy(update=own))


def written(ledger: Ledger) -> dict[str, Any]:
    """All that Elasticsearch has of the ledger, and of the pipeline's index."""
    names = [*TEMPLATES, NAME]
    ledger.refresh(*names)
    indices = ledger.client.indices.get(index=names, features="mappings").body
    documents = [
        {key: hit[key] for key in ("_index", "_id", "_version", "_source")}
        for name in names
        for hit in ledger.client.search(index=name, size=1000, version=True)["hits"]["hits"]
    ]
    for one in documents:
        if one["_index"] == PIPELINES:
            one["_source"]["place"] = "example:/srv/shop"
    return {"indices": indices, "documents": documents}


def load(command: Idemflow, number: int) -> Ledger:
    """Put the kept ledger of a format in the place of all that is there."""
    empty_elasticsearch(command)
    ledger = command.ledger()
    kept = json.loads((LEDGERS / f"format-{number}.json").read_text())
    for name, index in kept["indices"].items():
        ledger.client.indices.create(
            index=name, mappings=index["mappings"], settings={"number_of_replicas": 0}
        )
    operations = [
        line
        for one in kept["documents"]
        for line in (
            {
                "index": {
                    "_index": one["_index"],
                    "_id": one["_id"],
                    "version": one["_version"],
                    "version_type": "external_gte",
                }
            }
            if one["_index"] == NAME
            else {"index": {"_index": one["_index"], "_id": one["_id"]}},
            one["_source"],
        )
    ]
    assert not ledger.client.bulk(operations=operations, refresh=True)["errors"]
    return ledger


def mark(ledger: Ledger, **changed: Any) -> None:
    """Change the mark of the ledger; a value of ``None`` takes it away."""
    for name, one in ledger.client.indices.get_mapping(index=list(TEMPLATES)).items():
        meta = one["mappings"]["_meta"]
        now = {key: value for key, value in {**meta[KEY], **changed}.items() if value is not None}
        ledger.client.indices.put_mapping(index=name, meta={**meta, KEY: now})


def shape(kept: dict[str, Any]) -> dict[str, Any]:
    """Its mappings, and which fields the documents of each index have."""
    fields: dict[str, list[list[str]]] = {}
    for one in kept["documents"]:
        found = fields.setdefault(one["_index"], [])
        if (names := sorted(one["_source"])) not in found:
            found.append(names)
    mappings = {name: one["mappings"]["properties"] for name, one in kept["indices"].items()}
    return {"mappings": mappings, "fields": {name: sorted(found) for name, found in fields.items()}}


def test_the_ledger_of_this_format_is_what_this_version_writes(
    command: Idemflow, project: Project, tmp_path: Path
) -> None:
    """Where it is not, an older idemflow may misread it: see FORMAT in elasticsearch/ledger.py."""
    project.pipeline(NAME, FIRST, YAML)
    command.json("run", NAME, *UNJUDGED, "--times", "2")
    ledger = command.ledger()
    collected = {"collected": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    for run in ledger.run_ids(NAME):
        ledger.client.update(index=RUNS, id=run, doc=collected, refresh=True)
    (pruned,) = command.json("prune", NAME)["pipelines"]
    assert pruned["folded"] == 2
    project.pipeline(NAME, THEN, YAML)
    command.json("run", NAME, *UNJUDGED)
    now = written(ledger)
    ledger.close()
    file = tmp_path / f"format-{FORMAT}.json"
    file.write_text(json.dumps(now, indent=1) + "\n")
    kept = json.loads((LEDGERS / file.name).read_text())
    assert shape(now) == shape(kept), f"{file} is what is written now"
    assert now["indices"][RUNS]["mappings"]["_meta"][KEY]["format"] == FORMAT


@pytest.mark.parametrize("number", range(FORMAT + 1))
def test_one_of_each_format_is_gone_on_with(command: Idemflow, number: int) -> None:
    """Of format 0, which has no number, all else is that of format 1."""
    ledger = load(command, max(number, 1))
    if number == 0:
        mark(ledger, format=None, idemflow=None)
    runs = command.json("runs", NAME)["runs"]
    assert [(one["records"], one["accounted"]) for one in runs] == [(3, 3)] * 3
    verified = command.json("verify", NAME)
    assert (verified["equal"], verified["documents"], verified["runs"]) == (True, 3, 3)
    (letter,) = command.json("dead-letters", "list", NAME)["letters"]
    assert letter["reason"] == "the identity field 'id' is missing or null"
    assert "the last run had 3 records" in command.ok("status", "--check", NAME).stdout
    assert command.json("trace", NAME, "1")["id"] == "1"

    command.ok("deploy", NAME)
    (report,) = command.json("run", NAME, *UNJUDGED)["runs"]
    assert (report["overwritten"], report["stale"], report["lost"]) == (2, 1, 0)
    assert command.json("verify", NAME)["equal"] is True
    for one in ledger.client.indices.get_mapping(index=list(TEMPLATES)).values():
        assert one["mappings"]["_meta"][KEY]["format"] == FORMAT
    ledger.close()


def test_one_of_a_newer_idemflow_is_refused_and_stays(command: Idemflow) -> None:
    ledger = load(command, FORMAT)
    mark(ledger, format=FORMAT + 1, idemflow="9.8.7")
    before = written(ledger)
    for arguments in (["runs", NAME], ["verify", NAME], ["deploy", NAME], ["prune", NAME]):
        refused = command.fail(*arguments)
        assert refused.code == 1
        told = " ".join(refused.stderr.split())
        assert f"was written by idemflow 9.8.7 (format {FORMAT + 1}); this one" in told
        assert "next: use the newer idemflow" in told
    checked = command.fail("status", "--check", NAME)
    assert (checked.code, "was written by idemflow 9.8.7" in checked.stdout) == (1, True)
    assert written(ledger) == before
    ledger.close()

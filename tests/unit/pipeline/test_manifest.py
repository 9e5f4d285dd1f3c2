"""Manifest chunks."""

import base64
import zlib

import pytest

from idemflow.pipeline.manifest import pack, unpack


def test_round_trip() -> None:
    entries = [('a"b', "00"), ("ü\n", "11"), ("", "22"), ("\u2028", "33")]
    assert unpack(pack(entries)) == entries
    assert unpack(pack([])) == []


def test_a_thousand_entries_are_small() -> None:
    entries = [(f"person-{n:07d}", f"{n:032x}") for n in range(1000)]
    assert len(pack(entries)) < 20_000


@pytest.mark.parametrize("text", ["", "%%%", base64.b64encode(b"not deflated").decode()])
def test_what_is_no_chunk_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a manifest|base64|incomplete"):
        unpack(text)


def test_a_cut_off_chunk_is_refused() -> None:
    whole = base64.b64decode(pack([("a", "b")] * 100))
    with pytest.raises(ValueError, match="cut off"):
        unpack(base64.b64encode(whole[:-5]).decode())


def test_a_bomb_is_refused() -> None:
    bomb = base64.b64encode(zlib.compress(b"\n" * (65 * 1024 * 1024))).decode()
    with pytest.raises(ValueError, match="too large"):
        unpack(bomb)

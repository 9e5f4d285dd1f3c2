"""What of a document NiFi's provenance is asked for."""

from __future__ import annotations

import pytest

from idemflow.canvas.provenance import escaped


@pytest.mark.parametrize(
    ("identifier", "asked"),
    [("p-1", "p-1"), ("a*b?c\\d", "a\\*b\\?c\\\\d"), ("[x] 'é'\n", "[x] 'é'\n")],
)
def test_an_id_is_no_pattern(identifier: str, asked: str) -> None:
    assert escaped(identifier) == asked

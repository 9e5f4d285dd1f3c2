"""The documents of a baseline."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idemflow.elasticsearch.baseline import ENTRIES, groups_of, pack_documents
from idemflow.elasticsearch.folding import Sent
from tests.unit.properties import PROPERTY, texts

kept = st.tuples(
    texts,
    st.builds(
        Sent,
        run=st.sampled_from(["run-1", "run-2", "run-3"]),
        digest=st.sampled_from(["", "0f" * 16, "a0" * 16]),
        version=st.none() | st.integers(0, 2**63 - 1),
        last=st.sampled_from(["run-3", "run-4"]),
        sender=st.sampled_from(["people", "orders"]),
        settled=st.booleans(),
    ),
)


@PROPERTY
@given(st.lists(kept, max_size=50))
def test_entries_come_back_in_their_order(entries: list[tuple[str, Sent]]) -> None:
    back = [
        (key, Sent(group.run, digest, version, group.last, group.sender, group.settled))
        for _, document in pack_documents("people", "g", entries)
        for group in groups_of(document)
        for key, digest, version in group.entries
    ]
    assert back == entries


def test_a_document_has_a_bounded_number_of_entries() -> None:
    sent = Sent("run-1", "0f" * 16, None, "run-2", "people")
    made = list(pack_documents("people", "g", [(str(n), sent) for n in range(ENTRIES + 1)]))
    assert [name for name, _ in made] == ["baseline:g:0", "baseline:g:1"]
    assert [document["number"] for _, document in made] == [0, 1]
    assert [len(group.entries) for _, one in made for group in groups_of(one)] == [ENTRIES, 1]
    assert made[0][1]["newest"] == "run-2"
    assert made[0][1]["senders"] == ["people"]


def test_a_damaged_document_is_refused() -> None:
    sent = Sent("run-1", "0f" * 16, None, "run-2", "people")
    ((_, document),) = pack_documents("people", "g", [("a", sent)])
    with pytest.raises(ValueError, match="not a manifest chunk"):
        list(groups_of(document | {"entries": document["entries"][:-8]}))

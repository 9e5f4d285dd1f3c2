"""How many dead letters pipelines have, in one question."""

from __future__ import annotations

from collections.abc import Sequence

from idemflow.elasticsearch.ledger import DEAD_LETTERS, Ledger


def open_letters(ledger: Ledger, pipelines: Sequence[str]) -> dict[str, int]:
    """The open dead letters of pipelines; those with none are left out.

    A letter whose record has gone in since counts until a command has reconciled it. What was
    written within the last second may be missing.

    Args:
        ledger: the ledger.
        pipelines: their names, one at least.
    """
    with ledger.errors():
        answer = ledger.client.search(
            index=DEAD_LETTERS,
            query={"terms": {"pipeline": list(pipelines)}},
            aggregations={"pipelines": {"terms": {"field": "pipeline", "size": len(pipelines)}}},
            size=0,
            ignore_unavailable=True,
        )
    buckets = answer.get("aggregations", {}).get("pipelines", {}).get("buckets", ())
    return {bucket["key"]: int(bucket["doc_count"]) for bucket in buckets}

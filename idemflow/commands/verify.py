"""``idemflow verify``: compare what the runs sent with what is in the index."""

from __future__ import annotations

from idemflow.commands._session import session
from idemflow.config.settings import Settings
from idemflow.dead_letters.reconcile import reconcile
from idemflow.elasticsearch import indices
from idemflow.elasticsearch import verify as verification
from idemflow.elasticsearch.verify import Verification


def verify(settings: Settings, name: str) -> Verification:
    """Compare count, ids and an order-independent checksum of the contents.

    Raises:
        IdemflowError: see :func:`idemflow.commands._session.session`.
    """
    with session(settings, name) as opened:
        pipeline = opened.pipeline
        reconcile(opened.ledger, name)
        return verification.verify(
            opened.ledger,
            pipeline.name,
            pipeline.index.name,
            indices.targets(opened.ledger, pipeline),
        )

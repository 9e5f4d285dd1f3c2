"""How many operations the indices of a pipeline have been through: what a rate is made of."""

from __future__ import annotations

from elasticsearch import NotFoundError

from idemflow.elasticsearch.connect import Connection
from idemflow.pipeline.model import Pipeline


def operations(connection: Connection, pipeline: Pipeline) -> dict[str, int]:
    """What Elasticsearch has done with documents of a pipeline's indices.

    Written, deleted, and refused because there is a newer version: a record that ends as a
    document, or is stale, is one of these. The counts begin anew where a shard is started anew.

    Args:
        connection: Elasticsearch.
        pipeline: the pipeline.

    Returns:
        Index to number; empty where there is no index.
    """
    with connection.errors():
        try:
            stats = connection.client.indices.stats(
                index=pipeline.target_pattern,
                metric="indexing",
                filter_path=["indices.*.primaries.indexing"],
            )
        except NotFoundError:
            return {}
    return {
        name: sum(
            int(one["primaries"]["indexing"].get(kind, 0))
            for kind in ("index_total", "delete_total", "index_failed")
        )
        for name, one in stats.get("indices", {}).items()
        if pipeline.is_target(name)
    }

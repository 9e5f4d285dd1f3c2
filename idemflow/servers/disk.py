"""Whether the disk of the embedded servers has room, in words."""

from __future__ import annotations

import shutil

from idemflow.config.settings import Settings

# The watermarks in nifi/conf/elasticsearch/elasticsearch.yml, of which a test looks after.
LOW = 1024**3  # below, Elasticsearch gives a new index no place
FULL = 500 * 1024**2  # below, it takes no documents; it takes them again above LOW


def shortage(settings: Settings) -> str | None:
    """What a disk that is nearly full means for the servers; ``None`` where it has room."""
    if not settings.embedded or not settings.home.is_dir():
        return None
    free = shutil.disk_usage(settings.home).free
    if free >= LOW:
        return None
    has = f"The disk of {settings.home} has {free / 1024**2:,.0f} MiB free"
    if free < FULL:
        return (
            f"{has}: Elasticsearch takes no documents. What is collected waits in NiFi, and goes "
            f"in by itself once more than {LOW // 1024**2:,} MiB are free"
        )
    return f"{has}: below {FULL // 1024**2} MiB Elasticsearch takes no documents, and below " + (
        f"{LOW // 1024**2:,} MiB no new index gets a place"
    )

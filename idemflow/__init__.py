"""idemflow: idempotent pipelines on Apache NiFi."""

__version__ = "0.1.0"

"""idemflow: idempotent pipelines on Apache NiFi."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from idemflow.api import Pipeline, Project

__version__ = "0.1.0"
__all__ = ["Pipeline", "Project", "__version__"]


def __getattr__(name: str) -> Any:
    # By name: NiFi's Python imports idemflow.steps, and has none of what the API needs.
    if name in ("Pipeline", "Project"):
        return getattr(import_module("idemflow.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The NiFi and Elasticsearch that idemflow drives.

    supply (artifacts to the cache) → provision (folders) → launch (processes) → ready

``up``, ``down`` and ``status`` work on the embedded runtime; ``connect`` gives a
:class:`Target`, embedded or the user's own.
"""

from idemflow.config.endpoint import Endpoint, session
from idemflow.servers.connect import Target, check_readable, connect, reach
from idemflow.servers.lifecycle import DownResult, ServerStatus, UpResult, down, sizes, status, up
from idemflow.servers.ready import login
from idemflow.servers.state import read_state
from idemflow.supply.progress import Progress, Silent

__all__ = [
    "DownResult",
    "Endpoint",
    "Progress",
    "ServerStatus",
    "Silent",
    "Target",
    "UpResult",
    "check_readable",
    "connect",
    "down",
    "login",
    "reach",
    "read_state",
    "session",
    "sizes",
    "status",
    "up",
]

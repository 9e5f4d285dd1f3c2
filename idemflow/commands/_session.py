"""What each command on pipelines begins with: the YAML, the runtime, the connections.

What only looks at a pipeline or ends something needs its name alone, and works whatever is wrong
with its files: see :func:`connection`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from idemflow import servers
from idemflow.canvas import client
from idemflow.canvas import ownership as canvas
from idemflow.commands._patience import patiently
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.dead_letters.reconcile import Records, reconcile
from idemflow.dead_letters.store import Letters
from idemflow.elasticsearch import ownership
from idemflow.elasticsearch.indices import Indices
from idemflow.elasticsearch.ledger import Ledger, opened
from idemflow.elasticsearch.ownership import Owner
from idemflow.elasticsearch.spill import Scratch, scratch
from idemflow.elasticsearch.templates import Templates
from idemflow.pipeline import spec
from idemflow.pipeline.spec import Pipeline
from idemflow.servers import Target

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Connection:
    """The name of a pipeline, and the open connections to the servers that it runs on."""

    settings: Settings
    name: str
    target: Target
    ledger: Ledger

    @property
    def owner(self) -> Owner:
        """Who the pipeline is, in marks of ownership."""
        return Owner(project_id(self.settings), self.name)

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """Room for the ids that are compared."""
        with scratch(self.settings.folders.scratch, self.settings.verify_bytes) as room:
            yield room

    def reconcile(self, room: Scratch) -> None:
        """Delete the pipeline's dead letters whose record has gone in since."""
        ledger = self.ledger
        letters = Letters(ledger, self.name)
        records = Records(ledger, ledger.manifests, ledger, room)
        patiently(lambda: reconcile(letters, records), _log.info)


@dataclass(frozen=True)
class Session(Connection):
    """The same, with all that the pipeline's files say."""

    pipeline: Pipeline

    @property
    def indices(self) -> Indices:
        """What the pipeline has in Elasticsearch."""
        return Indices(self.ledger, self.pipeline, self.owner)

    @property
    def templates(self) -> Templates:
        """What a deployment puts into Elasticsearch."""
        return Templates(self.indices, fast=self.settings.durability == "fast")


@contextmanager
def session(settings: Settings, name: str, *, adopt: bool = False) -> Iterator[Session]:
    """Read a pipeline and connect.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        adopt: whether a pipeline of that name of another project is taken over.

    Raises:
        UsageError: there is no such pipeline, or its YAML or script is wrong; or another project
            has a pipeline of that name on this Elasticsearch.
        RuntimeNotUp: no target is up.
        Unreachable: one of its servers does not answer.
        LoginRefused: one of them refused the login.
    """
    pipeline = spec.load(settings.project, name)
    with _connected(settings, name) as found:
        opened = Session(settings, name, found.target, found.ledger, pipeline)
        if not adopt:
            ownership.check_name(found.ledger, opened.owner)
        yield opened


@contextmanager
def connection(settings: Settings, name: str) -> Iterator[Connection]:
    """Connect, for what needs no more of a pipeline than its name.

    Args:
        settings: the resolved settings.
        name: the name of a pipeline that has a file, whatever is in it, or is on the canvas.

    Raises:
        UsageError: there is no such pipeline; or another project has one of that name on this
            Elasticsearch.
        IdemflowError: as for :func:`session`.
    """
    with _connected(settings, name) as found:
        if not spec.is_there(settings.project, name) and canvas.find(name).mark is None:
            spec.load(settings.project, name)  # raises: it says which there are
        ownership.check_name(found.ledger, found.owner)
        yield found


@contextmanager
def _connected(settings: Settings, name: str) -> Iterator[Connection]:
    target = servers.connect(settings)
    _log.info("%s: NiFi %s, Elasticsearch %s", name, target.nifi.url, target.elasticsearch.url)
    client.connect(target.nifi, project_id(settings))
    with opened(target.elasticsearch) as ledger:
        yield Connection(settings, name, target, ledger)

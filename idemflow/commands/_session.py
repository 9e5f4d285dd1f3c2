"""What each command on pipelines begins with: the YAML, the runtime, the connections."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from idemflow import servers
from idemflow.canvas import client
from idemflow.commands._patience import patiently
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.dead_letters.reconcile import Records, reconcile
from idemflow.dead_letters.store import Letters
from idemflow.elasticsearch import ownership
from idemflow.elasticsearch.indices import Indices
from idemflow.elasticsearch.ledger import Ledger
from idemflow.elasticsearch.ownership import Owner
from idemflow.elasticsearch.spill import Scratch, scratch
from idemflow.elasticsearch.templates import Templates
from idemflow.pipeline import spec
from idemflow.pipeline.spec import Pipeline
from idemflow.servers import Target

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Session:
    """A pipeline, and the open connections to the NiFi and the Elasticsearch it runs on."""

    settings: Settings
    pipeline: Pipeline
    target: Target
    ledger: Ledger

    @property
    def owner(self) -> Owner:
        """Who the pipeline is, in marks of ownership."""
        return Owner(project_id(self.settings), self.pipeline.name)

    @property
    def indices(self) -> Indices:
        """What the pipeline has in Elasticsearch."""
        return Indices(self.ledger, self.pipeline, self.owner)

    @property
    def templates(self) -> Templates:
        """What a deployment puts into Elasticsearch."""
        return Templates(self.indices)

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """Room for the ids that are compared."""
        with scratch(self.settings.folders.scratch, self.settings.verify_bytes) as room:
            yield room

    def reconcile(self, room: Scratch) -> None:
        """Delete the pipeline's dead letters whose record has gone in since."""
        ledger = self.ledger
        letters = Letters(ledger, self.pipeline.name)
        records = Records(ledger, ledger.manifests, ledger, room)
        patiently(lambda: reconcile(letters, records), _log.info)


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
    target = servers.connect(settings)
    _log.info("%s: NiFi %s, Elasticsearch %s", name, target.nifi.url, target.elasticsearch.url)
    client.connect(target.nifi, project_id(settings))
    ledger = Ledger(target.elasticsearch)
    try:
        ledger.reachable()
        opened = Session(settings, pipeline, target, ledger)
        if not adopt:
            ownership.check_name(ledger, opened.owner)
        yield opened
    finally:
        ledger.close()

"""OpenLineage events of the runs that a command drives, by the official client, where the setting
``lineage`` says where to.

A run never waits for whoever takes them, nor fails for them: a thread of its own sends them, it
gives up at the first that is not taken, and the command warns once.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

from idemflow.commands._session import Session
from idemflow.config.pip import pip
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError, SettingError, Stopped

_log = logging.getLogger(__name__)

# Seconds that an endpoint may take for an event, and that a command waits for the last of them.
ANSWERS_WITHIN = 2.0
# Where an endpoint's URL has no path of its own.
_ENDPOINT = "api/v1/lineage"
# What of a run's report becomes a tag: OpenLineage has no standard facet for it.
_COUNTS = ("created", "overwritten", "deleted", "stale", "dropped", "repeated", "dead_letters",
           "duplicates", "lost")  # fmt: skip


class Transport(Protocol):
    """What takes an event."""

    def emit(self, event: Any, /) -> Any: ...


class Lineage:
    """Tells of the runs of a pipeline.

    Args:
        to: what takes the events; ``None`` where none does.
        opened: the connections.
    """

    def __init__(self, to: Transport | None, opened: Session) -> None:
        self._to = to
        self._opened = opened
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._problem = ""
        # A daemon: an endpoint that never answers keeps no command from ending.
        self._thread = threading.Thread(target=self._send, name="lineage", daemon=True)
        if to is not None:
            self._thread.start()

    @contextmanager
    def run(self) -> Iterator[Run]:
        """A run, from before it is triggered until its report is known.

        What is raised meanwhile is the end of it, unless the user only stopped waiting: then the
        run goes on, and nobody will know its end.
        """
        one = Run(self)
        one.tell("START")
        try:
            yield one
        except Stopped:
            raise
        except IdemflowError as error:
            one.tell("FAIL", error=error.message)
            raise

    def close(self) -> None:
        """Wait a little for what was not sent yet, and warn where something never was."""
        if self._to is None:
            return
        self._events.put(None)
        self._thread.join(ANSWERS_WITHIN)
        if self._thread.is_alive():
            self._problem = f"no answer within {ANSWERS_WITHIN:.0f} s"
        if self._problem:
            _log.warning(
                "the lineage of %s was not told to %s, which changes no result: %s",
                self._opened.name, self._opened.settings.lineage, self._problem,
            )  # fmt: skip

    def tell(self, run: str, state: str, report: Mapping[str, Any], error: str) -> None:
        """Send an event some time; never fails."""
        if self._to is None:
            return
        try:
            self._events.put(self._event(run, state, report, error))
        except Exception as problem:  # a run is no place to find out what a facet may be
            self._problem = _said(problem)

    def _send(self) -> None:
        while (event := self._events.get()) is not None and self._to is not None:
            try:
                self._to.emit(event)
            except Exception as problem:  # whatever the client raises
                self._problem = _said(problem)
                return

    def _event(self, run: str, state: str, report: Mapping[str, Any], error: str) -> Any:
        """An event, in OpenLineage's form."""
        from openlineage.client import event_v2 as events  # noqa: PLC0415
        from openlineage.client import facet_v2 as facets  # noqa: PLC0415

        pipeline, target = self._opened.pipeline, self._opened.target
        of_run: dict[str, Any] = {
            "processing_engine": facets.processing_engine_run.ProcessingEngineRunFacet(
                version=version("idemflow"), name="idemflow on Apache NiFi"
            ),
            "tags": facets.tags_run.TagsRunFacet(
                tags=[
                    facets.tags_run.TagsRunFacetFields(key, value, "idemflow")
                    for key, value in _tags(report)
                ]
            ),
        }
        if error:
            of_run["errorMessage"] = facets.error_message_run.ErrorMessageRunFacet(error, "Python")
        of_job: dict[str, Any] = {
            "jobType": facets.job_type_job.JobTypeJobFacet("BATCH", "IDEMFLOW", "PIPELINE")
        }
        if pipeline.description:
            of_job["documentation"] = facets.documentation_job.DocumentationJobFacet(
                pipeline.description
            )
        read = pipeline.collect.dataset(self._opened.settings)
        sent: dict[str, Any] = {}
        written: dict[str, Any] = {}
        if report:
            sent["inputStatistics"] = (
                facets.input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
                    rowCount=report["sent"]
                )
            )
            written["outputStatistics"] = (
                facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                    rowCount=report["created"] + report["overwritten"], size=report["bytes"] or None
                )
            )
        elasticsearch = f"elasticsearch://{urlsplit(target.elasticsearch.url).netloc}"
        index = report.get("published") or pipeline.index.name
        return events.RunEvent(
            eventType=events.RunState[state],
            eventTime=datetime.now(UTC).isoformat(timespec="milliseconds"),
            run=events.Run(runId=run, facets=of_run),
            job=events.Job(f"nifi://{urlsplit(target.nifi.url).netloc}", pipeline.name, of_job),
            inputs=[events.InputDataset(*read, inputFacets=sent)] if read else [],
            outputs=[events.OutputDataset(elasticsearch, index, outputFacets=written)],
        )


class Run:
    """One run of a command.

    Args:
        lineage: what tells of it.
    """

    def __init__(self, lineage: Lineage) -> None:
        self._lineage = lineage
        # The run's own id is not known before it has begun.
        self._id = str(uuid4())

    def tell(self, state: str, report: Mapping[str, Any] | None = None, error: str = "") -> None:
        """Send an event; never fails."""
        self._lineage.tell(self._id, state, report or {}, error)

    def ended(self, report: Mapping[str, Any]) -> None:
        """Tell what became of it.

        Args:
            report: as the ledger keeps it: see :class:`idemflow.elasticsearch.history.PastRun`;
                and the run's id as ``run``.
        """
        bad = report["exit_code"]
        self.tell("FAIL" if bad else "COMPLETE", report, report["verdict"] if bad else "")


@contextmanager
def told(opened: Session) -> Iterator[Lineage]:
    """What tells of runs, until they have ended.

    Raises:
        SettingError: the setting ``lineage`` is given, and the client is not installed.
    """
    found = Lineage(_transport(opened.settings), opened)
    try:
        yield found
    finally:
        found.close()


def _transport(settings: Settings) -> Transport | None:
    """What takes the events; ``None`` without the setting.

    Raises:
        SettingError: the client is not installed.
    """
    if settings.lineage is None:
        return None
    try:
        from openlineage.client import event_v2  # noqa: PLC0415
        from openlineage.client.transport import file, http  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingError(
            "lineage",
            f"the package {error.name} is not installed",
            next_command=pip("install 'idemflow[lineage]'"),
        ) from error
    event_v2.set_producer(f"urn:idemflow:{version('idemflow')}")
    where = str(settings.lineage)
    if not isinstance(settings.lineage, Path):
        url = urlsplit(where)
        config = http.HttpConfig(
            url=f"{url.scheme}://{url.netloc}/",
            endpoint=url.path.strip("/") or _ENDPOINT,
            timeout=ANSWERS_WITHIN,
            retry={"total": 0},
        )
        return http.HttpTransport(config)
    with suppress(OSError):  # the client says so as well
        settings.lineage.touch(0o600)
    transport: Transport = file.FileTransport(file.FileConfig(where, append=True))
    return transport


def _said(problem: Exception) -> str:
    """What is wrong, short."""
    return f"{type(problem).__name__}: {problem}"[:300]


def _tags(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What of a run no standard facet has a place for."""
    if "run" in report:
        yield "run", report["run"]
    if flow := report.get("flow"):
        yield "commit", flow["commit"]
        yield "changed", str(flow["changed"]).lower()
    for name in _COUNTS:
        if name in report:
            yield name, str(report[name])

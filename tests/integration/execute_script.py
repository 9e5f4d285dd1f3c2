"""ExecuteScript processors on the real canvas, for the tests of the Python engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nipyapi

from tests.integration.tools import wait_until

TYPE = "org.apache.nifi.processors.script.ExecuteScript"
FUNNEL = (0.0, 400.0)


@dataclass(frozen=True)
class FlowFile:
    """A FlowFile that a script sent to a relationship."""

    attributes: dict[str, str]
    content: bytes


class Step:
    """An ExecuteScript whose FlowFiles stay in a queue behind it."""

    def __init__(self, group: Any, name: str, properties: dict[str, str], tasks: int) -> None:
        self._processor = nipyapi.canvas.create_processor(
            parent_pg=group,
            processor=_type(),
            location=(0.0, 0.0),
            name=name,
            config=nipyapi.nifi.ProcessorConfigDTO(
                properties={"Script Engine": "python", **properties},
                concurrently_schedulable_task_count=tasks,
                scheduling_period="0 sec",
                penalty_duration="0 sec",
                yield_duration="100 millis",
            ),
        )
        funnel = nipyapi.canvas.create_funnel(group.id, FUNNEL)
        self.queue = nipyapi.canvas.create_connection(
            self._processor, funnel, ["success", "failure"]
        )

    @property
    def name(self) -> str:
        """The processor's name."""
        return str(self._processor.component.name)

    @property
    def id(self) -> str:
        """The processor's id."""
        return str(self._processor.id)

    def feed(self, source: Step) -> Any:
        """Let the FlowFiles of another step come in; the queue between them."""
        return nipyapi.canvas.create_connection(source._processor, self._processor, ["success"])

    def set(self, **properties: str | None) -> None:
        """Change properties; underscores of a name stand for spaces."""
        named = {key.replace("_", " "): value for key, value in properties.items()}
        self._processor = nipyapi.canvas.update_processor(
            self._refreshed(), update=nipyapi.nifi.ProcessorConfigDTO(properties=named)
        )

    def run_once(self) -> None:
        """Run the script one time, and wait until it has ended."""
        self._wait_until_validated()
        self._state("RUN_ONCE")
        self.wait_for_end()

    def start(self) -> None:
        """Start the processor."""
        self._wait_until_validated()
        self._state("RUNNING")

    def request_stop(self) -> None:
        """Stop the processor, without waiting for its script."""
        self._state("STOPPED")

    def stop(self) -> None:
        """Stop the processor, and wait until its script has ended."""
        self.request_stop()
        self.wait_for_end()

    def wait_for_end(self) -> None:
        """Wait until the processor is stopped and its script has ended."""
        wait_until(lambda: self._is("Stopped") and not self.active(), "the script ends")

    def terminate(self) -> None:
        """Take the threads from a stopped processor, as the canvas' Terminate does."""
        nipyapi.nifi.ProcessorsApi().terminate_processor(self.id)

    def active(self) -> int:
        """How many threads run the script now."""
        return int(self._refreshed().status.aggregate_snapshot.active_thread_count)

    def problems(self) -> list[str]:
        """Why the processor is not valid."""
        self._wait_until_validated()
        return list(self._refreshed().component.validation_errors or [])

    def queued(self) -> int:
        """How many FlowFiles the script has sent on."""
        return queued(self.queue)

    def bulletins(self) -> list[str]:
        """The messages that the canvas shows at the processor, the newest last."""
        board = nipyapi.nifi.FlowApi().get_bulletin_board(source_id=self.id).bulletin_board
        return [found.bulletin.message for found in board.bulletins]

    def wait_for_bulletin(self, text: str) -> str:
        """Wait for a bulletin with this text; gives it whole."""
        wait_until(lambda: any(text in one for one in self.bulletins()), f"a bulletin: {text}")
        return next(one for one in self.bulletins() if text in one)

    def flow_files(self) -> list[FlowFile]:
        """What the script has sent on, in the order of the queue (100 at most)."""
        return flow_files(self.queue)

    def _wait_until_validated(self) -> None:
        # NiFi may forget a RUN_ONCE that comes before.
        wait_until(
            lambda: self._refreshed().component.validation_status != "VALIDATING", "validation"
        )

    def _refreshed(self) -> Any:
        self._processor = nipyapi.canvas.get_processor(self.id, "id")
        return self._processor

    def _is(self, state: str) -> bool:
        return bool(self._refreshed().status.run_status in (state, "Invalid"))

    def _state(self, state: str) -> None:
        nipyapi.nifi.ProcessorsApi().update_run_status5(
            id=self.id,
            body=nipyapi.nifi.ProcessorRunStatusEntity(
                revision=self._refreshed().revision, state=state
            ),
        )


@cache
def _type() -> Any:
    """NiFi's description of ExecuteScript; it lists all its types to give it."""
    return nipyapi.canvas.get_processor_type(TYPE, "name")


@contextmanager
def canvas_group(name: str) -> Iterator[Any]:
    """A process group that is removed afterwards, with all that is in it."""
    root = nipyapi.canvas.get_process_group(nipyapi.canvas.get_root_pg_id(), "id")
    group = nipyapi.canvas.create_process_group(root, name, (4000.0, 0.0))
    try:
        yield group
    finally:
        nipyapi.canvas.delete_process_group(
            nipyapi.canvas.get_process_group(group.id, "id"), force=True
        )


def queued(connection: Any) -> int:
    """FlowFiles in a queue."""
    status = nipyapi.nifi.FlowApi().get_connection_status(connection.id).connection_status
    return int(status.aggregate_snapshot.flow_files_queued)


def flow_files(connection: Any) -> list[FlowFile]:
    """The FlowFiles of a queue, in its order (100 at most)."""
    api = nipyapi.nifi.FlowFileQueuesApi()
    request = api.create_flow_file_listing(connection.id).listing_request
    deadline = time.monotonic() + 30
    while not request.finished:
        assert time.monotonic() < deadline, "the queue is not listed"
        request = api.get_listing_request(connection.id, request.id).listing_request
    found = []
    for summary in request.flow_file_summaries or []:
        entity = api.get_flow_file(connection.id, summary.uuid).flow_file
        content = b""  # NiFi refuses to give the content of an empty FlowFile
        if summary.size:
            content = api.download_flow_file_content(
                connection.id, summary.uuid, _preload_content=False
            ).data
        found.append(FlowFile(dict(entity.attributes), content))
    api.delete_listing_request(connection.id, request.id)
    return found


def script(name: str) -> str:
    """The text of a script in tests/integration/scripts/."""
    return (Path(__file__).parent / "scripts" / name).read_text(encoding="utf-8")

"""What is read from NiFi's answers about process groups, without a NiFi."""

from __future__ import annotations

from nipyapi import nifi

from idemflow.canvas import monitoring
from idemflow.drawing.collect import TRIGGER


def group(
    states: dict[str, str], queues: dict[str, int], *children: nifi.ProcessGroupStatusSnapshotDTO
) -> nifi.ProcessGroupStatusSnapshotDTO:
    return nifi.ProcessGroupStatusSnapshotDTO(
        flow_files_queued=7,
        bytes_queued=70,
        active_thread_count=2,
        processor_status_snapshots=[
            nifi.ProcessorStatusSnapshotEntity(
                processor_status_snapshot=nifi.ProcessorStatusSnapshotDTO(
                    name=name, run_status=state, active_thread_count=int(name == "Read")
                )
            )
            for name, state in states.items()
        ],
        connection_status_snapshots=[
            nifi.ConnectionStatusSnapshotEntity(
                connection_status_snapshot=nifi.ConnectionStatusSnapshotDTO(
                    name=name, source_name="A", destination_name="B", flow_files_queued=queued
                )
            )
            for name, queued in queues.items()
        ],
        process_group_status_snapshots=[
            nifi.ProcessGroupStatusSnapshotEntity(process_group_status_snapshot=child)
            for child in children
        ],
    )


class Status:
    """A NiFi that says how busy a group is."""

    def __init__(self, aggregate: nifi.ProcessGroupStatusSnapshotDTO) -> None:
        self.aggregate = aggregate

    def get_process_group_status(
        self, group: str, /, *, recursive: bool
    ) -> nifi.ProcessGroupStatusEntity:
        assert (group, recursive) == ("g", True)
        return nifi.ProcessGroupStatusEntity(
            process_group_status=nifi.ProcessGroupStatusDTO(aggregate_snapshot=self.aggregate)
        )


def test_the_activity_is_that_of_all_groups_in_a_group_without_what_starts_a_run() -> None:
    inner = group({TRIGGER: "Stopped", "Read": "Running"}, {"success": 3, "failure": 0})
    outer = group({"Put": "Stopped", "Sort": "Invalid"}, {"": 4}, inner)
    assert monitoring.activity("g", Status(outer)) == monitoring.Activity(
        queued=7,
        queued_bytes=70,
        active=2,
        running=1,
        stopped=1,
        invalid=1,
        queues={"A → B": 4, "success → B": 3},
        at_work=frozenset({"Read"}),
        halted=("Put", "Sort"),
    )


def test_what_a_step_said_is_one_line_without_its_id() -> None:
    told = monitoring.Bulletin(1, "ERROR", "Put", "PutElasticsearchJson[id=4d-1] 2 go\n to retry")
    assert told.said == "2 go to retry"
    service = "StandardControllerServiceNode[service=Pool[id=4d-1], name=A b, active=true] no [c]"
    assert monitoring.Bulletin(1, "ERROR", "A b", service).said == "no [c]"
    assert monitoring.Bulletin(1, "ERROR", "Put", "items[0] is bad").said == "items[0] is bad"
    assert len(monitoring.Bulletin(1, "ERROR", "Put", "x" * 10_000).said) < 1000

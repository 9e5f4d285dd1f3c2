"""What the benchmarks do on NiFi's canvas themselves, through nipyapi alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import nipyapi

from idemflow.errors import IdemflowError

_DEADLINE = 600.0
_POLL = 0.05


def connect(url: str, username: str, password: str, ca_file: str | None) -> None:
    """Log in to NiFi; nipyapi keeps the session for the whole process."""
    logging.getLogger("nipyapi").setLevel(logging.ERROR)  # it logs the login's arguments
    nipyapi.config.short_max_wait = 60
    nipyapi.config.short_retry_delay = 0.1
    configuration = nipyapi.config.nifi_config
    configuration.host = f"{url}/nifi-api"
    configuration.verify_ssl = True
    configuration.ssl_ca_cert = ca_file
    token = nipyapi.nifi.AccessApi().create_access_token(username=username, password=password)
    nipyapi.security.set_service_auth_token(token=token, service="nifi")


def group_id(name: str) -> str | None:
    """The id of a process group on the root canvas."""
    root = nipyapi.canvas.get_root_pg_id()
    for group in nipyapi.nifi.ProcessGroupsApi().get_process_groups(root).process_groups:
        if group.component.name == name:
            return str(group.id)
    return None


def delete_group(name: str) -> None:
    """Take a process group away, with all that is in it."""
    found = group_id(name)
    if found is not None:
        stop_group(found)
        entity = nipyapi.canvas.get_process_group(found, "id")
        nipyapi.canvas.delete_process_group(entity, force=True, refresh=True)


def stop_group(group: str) -> None:
    """Stop all steps of a group."""
    nipyapi.canvas.schedule_process_group(group, False)


def processor(group: str, name: str) -> nipyapi.nifi.ProcessorEntity:
    """A processor of a group, or of one inside it, as it is now."""
    return next(
        item for item in nipyapi.canvas.list_all_processors(group) if item.component.name == name
    )


def schedule(component: nipyapi.nifi.ProcessorEntity, state: bool | str) -> None:
    """Start (``True``), stop (``False``) or run a processor once (``RUN_ONCE``)."""
    now = nipyapi.canvas.get_processor(component.id, "id")
    nipyapi.canvas.schedule_processor(now, state, refresh=True)


def configure(component: nipyapi.nifi.ProcessorEntity, properties: Mapping[str, str]) -> None:
    """Set properties by their display names; others are dynamic properties."""
    now = nipyapi.canvas.get_processor(component.id, "id")
    nipyapi.canvas.update_processor(
        now,
        nipyapi.nifi.ProcessorConfigDTO(
            properties=internal(now.component.config.descriptors, properties)
        ),
    )


def internal(descriptors: Mapping[str, Any], properties: Mapping[str, str]) -> dict[str, str]:
    """The same properties by their internal names, which differ between versions of NiFi."""
    names = {item.display_name or name: name for name, item in descriptors.items()}
    return {names.get(name, name): value for name, value in properties.items()}


def queued(group: str) -> int:
    """How many FlowFiles wait in a group."""
    status = nipyapi.nifi.FlowApi().get_process_group_status(group).process_group_status
    return int(status.aggregate_snapshot.flow_files_queued)


def wait(done: Callable[[], bool], problem: str) -> None:
    """Wait until something is the case.

    Raises:
        IdemflowError: it is not within ten minutes; with what NiFi said last.
    """
    deadline = time.monotonic() + _DEADLINE
    while not done():
        if time.monotonic() > deadline:
            board = nipyapi.nifi.FlowApi().get_bulletin_board().bulletin_board.bulletins
            said = "; ".join(item.bulletin.message for item in board[-3:] if item.bulletin)
            raise IdemflowError(f"{problem} within {_DEADLINE:.0f} s. {said}")
        time.sleep(_POLL)

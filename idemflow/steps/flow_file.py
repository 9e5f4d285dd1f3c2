"""Contents of FlowFiles, and new FlowFiles. Runs inside NiFi: standard library only."""

from typing import Any

AT_ONCE = 500  # FlowFiles that a step takes in one session, at most


def read(session: Any, flow_file: Any) -> bytes:
    """The content of a FlowFile."""
    with session.read(flow_file) as stream:
        return bytes(stream.readAllBytes())


def write(session: Any, flow_file: Any, content: bytes) -> None:
    """Replace the content of a FlowFile."""
    with session.write(flow_file) as stream:
        stream.write(content)


def create(session: Any, parent: Any, content: bytes, attributes: dict[str, str]) -> Any:
    """A FlowFile that inherits the attributes of another; it is still to be transferred."""
    flow_file = session.create(parent)
    write(session, flow_file, content)
    return session.putAllAttributes(flow_file, attributes)

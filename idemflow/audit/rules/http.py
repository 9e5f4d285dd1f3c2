"""Requests of InvokeHTTP that change something."""

from __future__ import annotations

from collections.abc import Iterator

from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Flow, Path
from idemflow.audit.rules import shaping
from idemflow.audit.rules.rule import Rule
from idemflow.audit.state import From, evaluate

POST = Rule(
    "http-post", Effect.DUPLICATES, Sure.LIKELY,
    "The server takes each request for a new one: a second run makes all of it again.",
    "use PUT on an address that has the record's id, or send a header Idempotency-Key that comes "
    "from the record, if the server heeds it",
)  # fmt: skip
KEYED = Rule(
    "http-idempotency-key", Effect.CONDITION, Sure.DEPENDS,
    "It holds where the server heeds the header, and for as long as it keeps the keys.",
    "read in the server's documentation how long it keeps a key",
)  # fmt: skip
PUT = Rule(
    "http-put", Effect.CONDITION, Sure.LIKELY,
    "It holds where the server does what HTTP says of PUT and DELETE: the same again changes "
    "nothing.",
    "nothing, where that is so",
)  # fmt: skip
ADDRESS_CHANGES = Rule(
    "http-address-changes", Effect.DUPLICATES, Sure.CERTAIN,
    "A second run writes the same under another address.",
    "make the address of the record's id",
)  # fmt: skip
METHOD_UNKNOWN = Rule(
    "http-method-unknown", Effect.UNKNOWN, Sure.CERTAIN,
    "Which request is made cannot be told.",
    "name the method, or the address, where it can be seen",
)  # fmt: skip
RULES = (POST, KEYED, PUT, ADDRESS_CHANGES, METHOD_UNKNOWN)


def check(flow: Flow) -> Iterator[Finding]:
    """The findings of this family."""
    for path in flow.paths:
        if path.sink.type == "InvokeHTTP":
            yield from _request(path)


def _request(path: Path) -> Iterator[Finding]:
    node = path.sink
    method = node.get("HTTP Method", "GET").upper()
    if method in {"POST", "PATCH"}:
        header = next((key for key in node.properties if key.lower() == "idempotency-key"), "")
        found = evaluate(node.properties.get(header, ""), path.state, node.id)
        if header and all(item.kind is From.RECORD and not item.constant for item in found):
            yield KEYED.found(node, f"HTTP Method is {method}; {header}: "
                              f"{node.properties[header]}", path)  # fmt: skip
        else:
            more = "" if not header else f"; {header}: {min(item.why for item in found)}"
            yield POST.found(node, f"HTTP Method is {method}{more}", path)
    elif method in {"PUT", "DELETE"}:
        yield from _address(path, method)
    else:
        yield METHOD_UNKNOWN.found(node, f"HTTP Method is {method}", path)


def _address(path: Path, method: str) -> Iterator[Finding]:
    node = path.sink
    url = node.get("HTTP URL")
    origins = evaluate(url, path.state, node.id)
    kinds = {item.kind for item in origins}
    why = f"{method} {url}: {min(item.why for item in origins)}"
    if From.CHANCE in kinds:
        sure = shaping.sure_of(path, Sure.CERTAIN, origins)
        yield ADDRESS_CHANGES.found(node, why, path, sure=sure)
    elif kinds != {From.RECORD}:
        yield METHOD_UNKNOWN.found(node, why, path)
    else:
        yield PUT.found(node, why, path)

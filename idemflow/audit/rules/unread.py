"""What the audit does not know or could not read, and what does not run."""

from __future__ import annotations

from collections.abc import Iterator

from idemflow.audit import catalog, scripts
from idemflow.audit.catalog import Role
from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Flow, is_sink
from idemflow.audit.graph import Node
from idemflow.audit.rules import databases, elasticsearch, files, messages
from idemflow.audit.rules.rule import Rule

PROCESSOR = Rule(
    "unknown-processor", Effect.UNKNOWN, Sure.CERTAIN,
    "The audit does not know this processor: what it makes of a FlowFile, and whether it writes "
    "outside, cannot be told.",
    "look into it yourself: does it give the same for the same, and what does it write?",
)  # fmt: skip
SCRIPT_NOT_READ = Rule(
    "script-not-read", Effect.UNKNOWN, Sure.CERTAIN,
    "The audit reads Script Bodies in Python alone: what this one does cannot be told.",
    "look into it yourself: does it take anything from chance or the clock?",
)  # fmt: skip
SCRIPT_CHANCE = Rule(
    "script-chance", Effect.CONDITION, Sure.DEPENDS,
    "The script asks chance or the clock: it holds only where no id comes from that.",
    "seed it, or leave it out of what the id is made of",
)  # fmt: skip
SCRIPT_READ = Rule(
    "script-read", Effect.CONDITION, Sure.LIKELY,
    "Nothing in the script's text takes from chance; that is no proof that it gives the same.",
    "nothing; run it twice and compare",
)  # fmt: skip
SINK = Rule(
    "unknown-sink", Effect.UNKNOWN, Sure.CERTAIN,
    "It writes outside, and the audit does not judge how.",
    "look into it yourself: does it overwrite what it wrote before?",
)  # fmt: skip
INPUT = Rule(
    "from-outside", Effect.UNKNOWN, Sure.CERTAIN,
    "FlowFiles come from outside of this group, with whatever they bring.",
    "audit the group that it is connected in",
)  # fmt: skip
OUTPUT = Rule(
    "to-outside", Effect.UNKNOWN, Sure.CERTAIN,
    "FlowFiles leave this group; what becomes of them cannot be told here.",
    "audit the group that it is connected in",
)  # fmt: skip
DISABLED = Rule(
    "disabled", Effect.NOTE, Sure.CERTAIN,
    "It is disabled: no path through it was judged, and what comes before it waits.",
    "enable it and audit again, or take it away",
)  # fmt: skip
UNREACHED = Rule(
    "unreached", Effect.NOTE, Sure.CERTAIN,
    "Nothing that was found as a source leads here.",
    "connect it, or take it away",
)  # fmt: skip
RULES = (
    PROCESSOR, SCRIPT_NOT_READ, SCRIPT_CHANCE, SCRIPT_READ, SINK, INPUT, OUTPUT, DISABLED,
    UNREACHED,
)  # fmt: skip

_JUDGED = {
    *elasticsearch.TYPES, *databases.TYPES, *files.SINKS, *messages.TYPES, *messages.KAFKA,
    "InvokeHTTP",
}  # fmt: skip


def check(flow: Flow) -> Iterator[Finding]:
    """The findings of this family."""
    reached = {one for found in flow.arriving.values() for one in found}
    sources = {node.id for node in flow.sources}
    for node in flow.graph.nodes.values():
        paths = flow.through(node)
        if node.state == "DISABLED" and node.kind != "FUNNEL":
            yield DISABLED.found(node, "its state is disabled", paths=())
        elif node.kind == "PROCESSOR":
            if node.id not in reached | sources:
                yield UNREACHED.found(node, "no connection from a source", paths=())
            yield from _processor(flow, node, paths)
        elif node.id in sources:
            yield INPUT.found(node, "no connection to it is in this flow", paths)
        elif is_sink(flow.graph, node) and node.kind != "INPUT_PORT":
            yield OUTPUT.found(node, "no connection from it is in this flow", paths)


def _processor(flow: Flow, node: Node, paths: tuple[tuple[str, str], ...]) -> Iterator[Finding]:
    known = catalog.kind(node)
    if known is None:
        yield PROCESSOR.found(node, f"its type is {node.type}", paths)
    elif known.role is Role.SCRIPT:
        yield from _script(flow, node, paths)
    elif known.role is Role.SINK and node.type not in _JUDGED and is_sink(flow.graph, node):
        yield SINK.found(node, f"its type is {node.type}", paths)


def _script(flow: Flow, node: Node, paths: tuple[tuple[str, str], ...]) -> Iterator[Finding]:
    body = node.get("Script Body") if node.type == "ExecuteScript" else ""
    found = scripts.read(body, node.get("Script Engine")) if body else scripts.Script(False)
    if not found.read and not found.step:
        what = node.get("Script File") or node.get("Script Engine") or node.type
        yield SCRIPT_NOT_READ.found(node, f"it runs {what}", paths)
    elif found.chance:
        yield SCRIPT_CHANCE.found(node, "; ".join(found.chance[:3]), paths)
    elif not found.step or "import" in body.replace("from idemflow.steps import step as", ""):
        yield SCRIPT_READ.found(node, "a Script Body in Python", paths)
    if is_sink(flow.graph, node) and not found.step and found.read:
        yield SINK.found(node, "a script at the end of a path", paths)

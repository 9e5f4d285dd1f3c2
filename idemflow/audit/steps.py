"""What each kind of processor does to what is known of a FlowFile."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from idemflow.audit import catalog, scripts
from idemflow.audit.catalog import Kind, Role
from idemflow.audit.expressions import CHANCE, parse
from idemflow.audit.findings import Sure
from idemflow.audit.graph import Node
from idemflow.audit.state import CONTENT, RECORDS, From, Origin, Origins, State, evaluate, one

_CORE = ("uuid", "entryDate", "lineageStartDate")
# What idemflow's own steps make, beyond records: drawn from a record's identity or the run's own.
_IDENTIFIED = ("idemflow.id", "idemflow.index", "idemflow.version", "idemflow.operation")
_STEPS = {
    "idemflow.steps.identify:identify": _IDENTIFIED,
    "idemflow.steps.dead_letter:keep": _IDENTIFIED,
    "idemflow.steps.triage:triage": (),
    "idemflow.steps.replay:unpack_letters": (),
    "idemflow.steps.schedule:start_when_due": (),
}
_SQL_CHANCE = re.compile(
    r"\b(?:(?:now|rand|random|uuid|gen_random_uuid|uuid_generate_v\d|newid|getdate|nextval)\s*\("
    r"|current_timestamp\b|current_date\b|current_time\b|sysdate\b)",
    re.IGNORECASE,
)
_SOURCE_STEP = re.compile(r"^[\w.]+(\.step)?:(collect|plan_read)$")


def unknown(state: State, node: Node, why: str) -> State:
    """The same where nothing is known of what was done to it."""
    more = one(From.UNKNOWN, Sure.DEPENDS, why, node.id)
    kept = {name: state.known[name] for name in _CORE if name in state.known}
    return State({**kept, CONTENT: more, RECORDS: more}, more)


def born(node: Node) -> State:
    """What is known of a FlowFile that a processor makes of nothing."""
    known = catalog.kind(node)
    outside = one(From.RECORD, Sure.CERTAIN, "what stands outside", node.id)
    chance = one(From.CHANCE, Sure.CERTAIN, "NiFi gives each FlowFile a new one", node.id)
    made = one(From.CHANCE, Sure.CERTAIN, f"{node.name} makes up the name of a FlowFile", node.id)
    named = outside if known and known.named else made
    start = State(
        {
            **dict.fromkeys(_CORE, chance), "filename": named, CONTENT: outside, RECORDS: outside,
            "path": one(From.RECORD, Sure.CERTAIN, "a path", node.id, constant=True),
        },
        one(From.NOTHING, Sure.CERTAIN, "no processor on the way sets it", node.id),
    )  # fmt: skip
    if known is None or node.kind != "PROCESSOR":
        why = f"what {node.type or node.name} gives is not known"
        return unknown(start, node, why)
    start = _with_names(start, node, known)
    return _generated(start, node) if node.type.startswith("Generate") else start


def _generated(state: State, node: Node) -> State:
    text = node.get("Custom Text")
    if node.type == "GenerateFlowFile":
        content = evaluate(text, state, node.id) if text else frozenset[Origin]()
        size = node.get("File Size", "0B")
        if not text and not re.match(r"0+(\.0*)?\s*\D*$", size):
            why = f"{node.name} makes {size} at random"
            content = one(From.CHANCE, Sure.CERTAIN, why, node.id)
        elif not text:
            content = one(From.RECORD, Sure.CERTAIN, "it is empty", node.id, constant=True)
        state = state.put({CONTENT: content, RECORDS: content})
    elif node.type == "GenerateRecord":
        content = one(From.CHANCE, Sure.CERTAIN, f"{node.name} makes records at random", node.id)
        state = state.put({CONTENT: content, RECORDS: content})
    return state.put(
        {key: evaluate(node.properties[key], state, node.id) for key in node.dynamic}
        if node.type == "GenerateFlowFile" else {}
    )  # fmt: skip


def _with_names(state: State, node: Node, known: Kind) -> State:
    stable = one(From.RECORD, Sure.CERTAIN, f"{node.name} tells what it is of", node.id)
    index = one(From.RECORD, Sure.DEPENDS, "its place among the others", node.id)
    chance = one(From.CHANCE, Sure.CERTAIN, f"{node.name} makes it up for each run", node.id)
    return state.put(
        {name: index if name == "fragment.index" else stable for name in known.names}
        | dict.fromkeys(known.chance, chance)
    )


def leaving(node: Node, state: State, relationship: str) -> State:
    """What is known of a FlowFile that leaves a component.

    Args:
        node: the component.
        state: what is known of what came in.
        relationship: by which it leaves; empty for a port or a funnel.
    """
    if node.kind in {"REMOTE_PORT", "MISSING"}:
        return unknown(state, node, f"what {node.name} gives is not known")
    if node.kind != "PROCESSOR":
        return state
    known = catalog.kind(node)
    if known is None:
        return unknown(state, node, f"what {node.type} does is not known")
    if catalog.losing(node, relationship):
        return state
    return _ROLES[known.role](node, known, state, relationship)


def _read(node: Node, known: Kind, state: State, relationship: str) -> State:
    if known.made and relationship not in known.made:
        return state
    outside = one(From.RECORD, Sure.CERTAIN, f"what {node.name} reads", node.id)
    renewed = _renewed(state, node, known)
    queries = [node.get("SQL Query"), node.get("Custom Query")]
    if chance := sql_chance(node, queries):
        return renewed.put(chance)
    if node.type == "LookupAttribute":
        return renewed.put(dict.fromkeys(node.dynamic, outside))
    return renewed.put({CONTENT: outside, RECORDS: outside})


def _renewed(state: State, node: Node, known: Kind) -> State:
    """With the attributes that a type sets, and no fields that were set before."""
    plain = {
        name: origins for name, origins in state.known.items() if not name.startswith(RECORDS + "/")
    }
    return _with_names(replace(state, known=plain), node, known)


def _pass(node: Node, known: Kind, state: State, relationship: str) -> State:
    state = _with_names(state, node, known)
    if node.type == "UpdateAttribute":
        return _update_attribute(node, state)
    if node.type == "RouteOnAttribute":
        texts = [node.properties[key] for key in node.dynamic]
        chosen = node.properties.get(relationship)
        asked = {
            name for text in ([chosen] if chosen else texts) for name in parse(text).attributes
        }
        return state.put(
            {
                name: frozenset(
                    replace(item, blank=False)
                    for item in state.get(name)
                    if item.kind is not From.NOTHING or len(state.get(name)) == 1
                )
                for name in asked
            }
        )
    return state


def _update_attribute(node: Node, state: State) -> State:
    deleted = node.get("Delete Attributes Expression")
    if deleted:
        why = f"{node.name} deletes it"
        gone = one(From.NOTHING, Sure.CERTAIN, why, node.id)
        try:
            pattern = re.compile(deleted)
        except re.error:
            pattern = re.compile("")
        state = state.put(
            {
                name: gone
                for name in state.known
                if not name.startswith("\0") and pattern.fullmatch(name)
            }
        )
    made = {key: evaluate(node.properties[key], state, node.id) for key in node.dynamic}
    state = state.put(made)
    if node.advanced:
        why = f"the rules of {node.name}'s Advanced view are not read"
        more = one(From.UNKNOWN, Sure.DEPENDS, why, node.id)
        known = {
            name: origins if name.startswith("\0") or name in _CORE else origins | more
            for name, origins in state.known.items()
        }
        state = State(known, more)
    return state


def _change(node: Node, known: Kind, state: State, _relationship: str) -> State:
    state = _with_names(state, node, known)
    if node.type == "UpdateRecord":
        return _update_record(node, state)
    if node.type in {"AttributesToJSON", "AttributesToCSV"}:
        return _attributes_to(node, state)
    if node.type == "QueryRecord" and (by_sql := sql_chance(node, node.properties.values())):
        return state.put(by_sql)
    chance = _chance_of(node, node.properties.values())
    if chance is None:
        return state
    records = one(From.UNKNOWN, Sure.DEPENDS, chance.why, node.id)
    return state.put({CONTENT: frozenset({chance}), RECORDS: records})


def sql_chance(node: Node, queries: Iterable[str]) -> dict[str, Origins]:
    """What a query's list of columns takes from chance or the clock; empty for nothing.

    What is in its conditions chooses rows, and changes none.
    """
    for query in queries:
        columns = re.match(r"\s*select\b(.*?)\bfrom\b", query, re.IGNORECASE | re.DOTALL)
        found = _SQL_CHANCE.search(columns[1]) if columns else None
        if found:
            why = f"{node.name} selects {found[0].strip()}"
            chance = one(From.CHANCE, Sure.LIKELY, why, node.id)
            told = one(From.UNKNOWN, Sure.DEPENDS, why, node.id)
            clock = found[0].strip().lower().startswith(("now", "current_", "getdate", "sysdate"))
            fine = one(From.RECORD, Sure.CERTAIN, f"what {node.name} reads", node.id)
            return {CONTENT: chance, RECORDS: fine if clock else told}
    return {}


def _chance_of(node: Node, values: Iterable[str]) -> Origin | None:
    for value in values:
        made = parse(value)
        if made.chance:
            why = f"{node.name} writes {value} into it, {CHANCE[made.chance[0]]}"
            return Origin(From.CHANCE, Sure.LIKELY, why, node.id)
    return None


def _update_record(node: Node, state: State) -> State:
    by_path = "path" in node.get("replacement-value-strategy", "").lower() or (
        "path" in node.get("Replacement Value Strategy", "").lower()
    )
    changed: dict[str, Origins] = {}
    for key in node.dynamic:
        value = node.properties[key]
        made = evaluate(value, state, node.id)
        if all(item.kind is From.RECORD for item in made) and (by_path or "field.value" in value):
            made = state.get(RECORDS)
        changed[RECORDS + key] = made
    chance = _chance_of(node, [node.properties[key] for key in node.dynamic])
    if chance is not None:
        changed[CONTENT] = frozenset({chance})
    return state.put(changed)


def _attributes_to(node: Node, state: State) -> State:
    listed = node.get("Attributes List")
    if "attribute" in node.get("Destination", "flowfile-attribute").lower():
        return state
    if not listed:
        why = f"{node.name} writes all attributes, uuid among them"
        content = one(From.CHANCE, Sure.LIKELY, why, node.id)
        return state.put({CONTENT: content, RECORDS: one(From.UNKNOWN, Sure.DEPENDS, why, node.id)})
    names = [name.strip() for name in listed.split(",") if name.strip()]
    made = frozenset(item for name in names for item in state.get(name))
    fields = {f"{RECORDS}/{name}": state.get(name) for name in names}
    plain = one(From.RECORD, Sure.CERTAIN, f"the attributes {listed}", node.id)
    bad = frozenset(item for item in made if item.kind in {From.CHANCE, From.UNKNOWN})
    return state.put({CONTENT: bad or plain, RECORDS: plain, **fields})


def _extract(node: Node, known: Kind, state: State, relationship: str) -> State:
    if relationship.lower() == "unmatched":
        return state
    state = _with_names(state, node, known)
    if node.type == "CryptographicHashContent":
        name = f"content_{node.get('Hash Algorithm', '*')}"
        return state.put({name: _told(state.get(CONTENT), "a hash of the content", node)})
    if node.type in {"EvaluateJsonPath", "EvaluateXPath", "EvaluateXQuery"}:
        if "attribute" not in node.get("Destination", "flowfile-content").lower():
            return state
        # A path that is not there gives an empty attribute.
        return state.put(
            {
                key: _told(state.get(RECORDS), f"{node.properties[key]} of the record", node, True)
                for key in node.dynamic
            }
        )
    if node.type == "ExtractText":
        blank = len(node.dynamic) > 1
        origins = {
            key: _told(state.get(RECORDS), f"{node.properties[key]} in the content", node, blank)
            for key in node.dynamic
        }
        return state.put(origins | {f"{key}.*": made for key, made in origins.items()})
    return replace(state, others=_told(state.get(RECORDS), "a part of it", node, True))


def _told(origins: Origins, why: str, node: Node, blank: bool = False) -> Origins:
    return frozenset(
        Origin(
            item.kind,
            item.sure,
            why if item.kind is From.RECORD else item.why,
            node.id if item.kind is From.RECORD else item.by,
            blank=blank,
        )
        for item in origins
    )


def _split(node: Node, known: Kind, state: State, relationship: str) -> State:
    if relationship not in known.made:
        return state
    state = _renewed(state.mapped({}, shared=True), node, known)
    changed: dict[str, Origins] = {CONTENT: state.get(RECORDS)}
    if node.type == "PartitionRecord":
        for key in node.dynamic:
            changed[key] = _told(state.get(RECORDS), f"{node.properties[key]}", node)
    if node.type == "UnpackContent":
        changed["filename"] = _told(state.get(RECORDS), "a name in the archive", node)
    return state.put(changed)


def _merge(node: Node, known: Kind, state: State, relationship: str) -> State:
    if relationship not in known.made:
        return state
    correlation = node.get("Correlation Attribute Name")
    why = f"{node.name} keeps an attribute only where all that it merges have the same value"
    gone = one(From.NOTHING, Sure.CERTAIN, why, node.id)
    kept = {
        name: origins
        if name.startswith("\0") or name == correlation or name in _CORE
        or all(item.constant for item in origins)
        else gone
        for name, origins in state.known.items()
    }  # fmt: skip
    name = one(From.CHANCE, Sure.CERTAIN, f"{node.name} makes up the name of a FlowFile", node.id)
    kept["filename"] = name
    if "defragment" not in node.get("Merge Strategy", "Bin-Packing Algorithm").lower():
        why = f"which FlowFiles {node.name} puts together is a matter of time"
        kept[CONTENT] = one(From.CHANCE, Sure.LIKELY, why, node.id)
    return _with_names(State(kept, state.others), node, known)


def _script(node: Node, _known: Kind, state: State, _relationship: str) -> State:
    if node.type != "ExecuteScript" or not node.get("Script Body"):
        return unknown(state, node, f"what {node.name} runs is not read")
    found = scripts.read(node.get("Script Body"), node.get("Script Engine"))
    if found.step:
        return _own_step(node, found, state)
    if not found.read:
        return unknown(state, node, f"the script of {node.name} cannot be read")
    told = "is not from chance as far as its text tells"
    if found.chance:
        what = f"the script of {node.name} calls {found.chance[0]}"
        content = one(From.UNKNOWN, Sure.DEPENDS, what, node.id)
    else:
        content = one(From.RECORD, Sure.LIKELY, f"what {node.name} writes {told}", node.id)
        if found.reads:
            bad = (From.CHANCE, From.UNKNOWN)
            content |= {item for item in state.get(CONTENT) if item.kind in bad}
    made: dict[str, Origins] = {}
    for name, changes in found.sets.items():
        if changes:
            why = f"the script of {node.name} makes {name} by chance: {found.chance[0]}"
            made[name] = one(From.CHANCE, Sure.LIKELY, why, node.id)
        else:
            kind = From.UNKNOWN if found.chance else From.RECORD
            made[name] = one(kind, Sure.LIKELY, f"{name} as {node.name} makes it", node.id)
    others = state.others
    if found.sets_others:
        others = one(From.UNKNOWN, Sure.DEPENDS, f"{node.name} may set it", node.id)
    return State({**state.known, CONTENT: content, RECORDS: content, **made}, others)


def _own_step(node: Node, found: scripts.Script, state: State) -> State:
    """A step of idemflow's: what it makes depends on the records alone."""
    attributes = _STEPS.get(found.step)
    if attributes is None and not _SOURCE_STEP.match(found.step):
        return unknown(state, node, f"this idemflow does not know the step {found.step}")
    why = f"idemflow's {found.step.rpartition(':')[2]} makes it of the record's identity"
    made = one(From.RECORD, Sure.CERTAIN if found.read else Sure.LIKELY, why, node.id)
    return state.put({CONTENT: made, RECORDS: made, **dict.fromkeys(attributes or (), made)})


def _sink(node: Node, known: Kind, state: State, relationship: str) -> State:
    return _read(node, known, state, relationship) if relationship in known.made else state


_ROLES: dict[Role, Callable[[Node, Kind, State, str], State]] = {
    Role.SOURCE: _read,
    Role.READ: _read,
    Role.PASS: _pass,
    Role.CHANGE: _change,
    Role.EXTRACT: _extract,
    Role.SPLIT: _split,
    Role.MERGE: _merge,
    Role.SCRIPT: _script,
    Role.SINK: _sink,
}

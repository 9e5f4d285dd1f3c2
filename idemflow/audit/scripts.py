"""What a script takes from chance, as far as its text tells: Python alone is read."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from idemflow.drawing.script_body import called

_TIME = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter"}
_ALWAYS = {
    "uuid1", "uuid4", "urandom", "token_hex", "token_bytes", "token_urlsafe", "SystemRandom",
    "randomUUID", "currentTimeMillis", "nanoTime", "getrandom", "randbits",
}  # fmt: skip
_RANDOM = {
    "random", "randint", "randrange", "choice", "choices", "shuffle", "sample", "uniform", "gauss",
    "getrandbits", "randbytes", "normalvariate", "triangular",
}  # fmt: skip
_SEEDS = {"seed", "seed_instance", "seed_locale", "default_rng"}
_TIME_OF = {"time", "datetime", "date", "dt"}


@dataclass(frozen=True)
class Script:
    """What a script does, as far as its text tells.

    Attributes:
        read: whether it could be read.
        step: what it calls of idemflow, as ``module:function``; empty for none.
        chance: what it takes from chance or time, each with its line.
        reads: whether it looks at the FlowFiles that come in.
        sets: attributes that it sets, and whether that is from chance.
        sets_others: whether it sets attributes whose names are not in its text.
    """

    read: bool
    step: str = ""
    chance: tuple[str, ...] = ()
    reads: bool = True
    sets: dict[str, bool] = field(default_factory=dict)
    sets_others: bool = True


def read(text: str, engine: str) -> Script:
    """Read a Script Body.

    Args:
        text: the script.
        engine: NiFi's name of the language.
    """
    if not re.search(r"python|jython", engine, re.IGNORECASE):
        return Script(False)
    # NiFi has #{...} for a parameter, ##{...} for the text.
    plain = re.sub(r"##(?=\{)", "#", text)
    try:
        tree = ast.parse(plain)
    except (SyntaxError, ValueError):
        return Script(False)
    call = called(text)
    if "eval" in _names(tree) or "exec" in _names(tree):
        return Script(False, call.step if call else "")
    seeded = any(isinstance(one, ast.Call) and _name(one) in _SEEDS for one in ast.walk(tree))
    tainted = _tainted(tree, seeded)
    sets, others = _set_attributes(tree, tainted, seeded)
    return Script(
        read=True,
        step=call.step if call else "",
        chance=tuple(_chance(tree, seeded)),
        reads=bool(re.search(r"session\s*\.\s*read|getAttribute|callback", plain)),
        sets=sets,
        sets_others=others,
    )


def _names(tree: ast.AST) -> set[str]:
    return {
        one.func.id
        for one in ast.walk(tree)
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)
    }


def _name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _owner(call: ast.Call) -> str:
    """What a method is called on: the last name before it."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    value = call.func.value
    return value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")


def _is_chance(call: ast.Call, seeded: bool) -> bool:
    name, owner = _name(call), _owner(call)
    if name in _ALWAYS:
        return True
    if name in _TIME:
        # time() alone is from time import time; today() and now() are always the clock.
        return owner in _TIME_OF or (not owner and name in {"time", "time_ns"})
    if name == "hash" and not owner:
        return True  # differs from one Python process to the next
    if seeded:
        return False
    if name in {"Random", "Faker"}:
        return not call.args or name == "Faker"
    return name in _RANDOM and (owner in {"random", ""})


def _chance(tree: ast.AST, seeded: bool) -> list[str]:
    return [
        f"{ast.unparse(one.func)}() in line {one.lineno}"
        for one in ast.walk(tree)
        if isinstance(one, ast.Call) and _is_chance(one, seeded)
    ]


def _tainted(tree: ast.AST, seeded: bool) -> set[str]:
    """Names that get a value from chance, directly or by way of others."""
    assigned = [
        (target, one.value)
        for one in ast.walk(tree)
        if isinstance(one, ast.Assign | ast.AnnAssign | ast.AugAssign) and one.value is not None
        for target in (one.targets if isinstance(one, ast.Assign) else [one.target])
    ]
    found: set[str] = set()
    before = -1
    while before != len(found):
        before = len(found)
        for target, value in assigned:
            if _from_chance(value, found, seeded):
                found |= {one.id for one in ast.walk(target) if isinstance(one, ast.Name)}
    return found


def _from_chance(value: ast.AST, tainted: set[str], seeded: bool) -> bool:
    return any(
        (isinstance(one, ast.Call) and _is_chance(one, seeded))
        or (isinstance(one, ast.Name) and one.id in tainted)
        for one in ast.walk(value)
    )


def _set_attributes(tree: ast.AST, tainted: set[str], seeded: bool) -> tuple[dict[str, bool], bool]:
    found: dict[str, bool] = {}
    others = False
    for one in ast.walk(tree):
        if not isinstance(one, ast.Call):
            continue
        if _name(one) == "putAttribute" and len(one.args) == 3:
            name = one.args[1]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                changes = _from_chance(one.args[2], tainted, seeded)
                found[name.value] = found.get(name.value, False) or changes
            else:
                others = True
        elif _name(one) == "putAllAttributes" and len(one.args) == 2:
            given = one.args[1]
            if not isinstance(given, ast.Dict):
                others = True
                continue
            for key, value in zip(given.keys, given.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    changes = _from_chance(value, tainted, seeded)
                    found[key.value] = found.get(key.value, False) or changes
                else:
                    others = True
    return found, others

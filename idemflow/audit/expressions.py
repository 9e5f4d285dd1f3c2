"""What a value with NiFi's Expression Language refers to: attributes, functions, parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Functions whose value another run changes, and what it is.
CHANCE = {
    "UUID": "a new UUID each time",
    "random": "a random number",
    "nextInt": "a counter of this NiFi, which begins anew with each start",
    "now": "the time of the run",
    "thread": "the name of the thread that happens to run",
    "hostname": "the node that happens to run",
    "ip": "the node that happens to run",
    "getStateValue": "a counter in the processor's state",
}
# Functions without a subject whose arguments are not names of attributes.
_OWN = {*CHANCE, "literal", "math", "getUri"}
_OF_ALL = {"allAttributes", "anyAttribute"}
_BY_PATTERN = {
    "allMatchingAttributes", "anyMatchingAttribute", "allDelineatedValues", "anyDelineatedValue",
    "evaluateELString",
}  # fmt: skip
_TOKEN = re.compile(
    r"""\s+ | "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | \$\{ | \#\{[^}]*\} | [A-Za-z_][\w.\-]*
    | -?\d[\w.]* | . """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Expression:
    """What a value refers to.

    Attributes:
        text: the value.
        attributes: names of FlowFile attributes.
        functions: names of functions.
        parameters: names of parameters whose value is not known.
        opaque: whether it refers to attributes that it does not name.
    """

    text: str
    attributes: frozenset[str]
    functions: frozenset[str]
    parameters: frozenset[str]
    opaque: bool

    @property
    def constant(self) -> bool:
        """Whether it is the same for each FlowFile of each run."""
        return not (self.attributes or self.opaque or self.chance)

    @property
    def chance(self) -> list[str]:
        """Those of its functions that another run changes."""
        return sorted(self.functions & CHANCE.keys())


def parse(text: str) -> Expression:
    """What a value refers to; text outside of ``${...}`` stands for itself."""
    attributes: set[str] = set()
    functions: set[str] = set()
    parameters = set(re.findall(r"(?<!#)#\{\s*'?([^}']+?)'?\s*\}", text))
    opaque = False
    for inner in _embedded(text):
        opaque |= _expression(inner, attributes, functions)
    return Expression(
        text, frozenset(attributes), frozenset(functions), frozenset(parameters), opaque
    )


def _embedded(text: str) -> list[list[str]]:
    """The tokens of each outermost ``${...}``."""
    found: list[list[str]] = []
    at = 0
    while (start := text.find("${", at)) >= 0:
        dollars = len(text[: start + 1]) - len(text[: start + 1].rstrip("$"))
        if dollars % 2 == 0:  # $${...} is the text ${...}
            at = start + 2
            continue
        depth, tokens, at = 1, list[str](), start + 2
        for match in _TOKEN.finditer(text, start + 2):
            token, at = match.group(), match.end()
            depth += (token in {"${", "{"}) - (token == "}")
            if depth == 0:
                break
            if not token.isspace():
                tokens.append(token)
        found.append(tokens)
    return found


def _expression(tokens: list[str], attributes: set[str], functions: set[str]) -> bool:
    """Note what is referred to; whether it refers to attributes that it does not name."""
    opaque = False
    subject = True  # at the start of an expression, where the name of an attribute may stand
    of_all = False
    for index, token in enumerate(tokens):
        call = index + 1 < len(tokens) and tokens[index + 1] == "("
        if token == "${":
            subject, of_all = True, False
            continue
        if call and token in _OF_ALL and subject:
            of_all = True
        elif call and (not subject or token in _OWN):
            functions.add(token)
            subject = False
        elif call and token in _BY_PATTERN:
            opaque = True
            subject = False
        elif of_all and token[0] in "\"'":
            attributes.add(token[1:-1])
        elif of_all and token == ")":
            of_all = subject = False
        elif subject and not of_all and token[0] not in "(){}:,#":
            attributes.add(token[1:-1] if token[0] in "\"'" else token)
            subject = False
        elif subject and token[0] == "#":
            subject = False
    return opaque

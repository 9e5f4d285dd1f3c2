"""What of a script written for Jython a person has to decide: found in its syntax tree.

Every finding is of a line of the converted script.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass

from idemflow.commands._python3 import fault

# Packages of Java whose classes ExecuteScript has: the JDK's and NiFi's own.
_JAVA = (
    "java", "javax.crypto", "javax.management", "javax.naming", "javax.net", "javax.script",
    "javax.security", "javax.sql", "javax.xml",
)  # fmt: skip
_NIFI = (
    "org.apache.nifi.components", "org.apache.nifi.controller", "org.apache.nifi.expression",
    "org.apache.nifi.flowfile", "org.apache.nifi.logging", "org.apache.nifi.processor",
    "org.apache.nifi.processors.script", "org.apache.nifi.provenance",
    "org.apache.nifi.reporting", "org.apache.nifi.scheduling", "org.apache.commons.io",
)  # fmt: skip
_ROOTS = {"com", "groovy", "io", "jakarta", "java", "javax", "net", "org", "sun"}
_STAND_INS = {"jarray", "org.python.core.util"}
_INTERFACES = {
    "InputStreamCallback", "OutputStreamCallback", "StreamCallback", "FlowFileFilter", "Runnable",
    "Callable", "Comparator", "Comparable", "Supplier", "Function", "Consumer", "Predicate",
    "Iterator", "Iterable", "Closeable", "AutoCloseable",
}  # fmt: skip
_PROCESSORS = {"Processor", "AbstractProcessor", "AbstractSessionFactoryProcessor"}

_ENCODE = 'takes bytes: where this is a text, add .encode("utf-8")'
_MOST_RAISES = 100
_RAISE = "raise an exception: ValueError(...)"
_OTHER_IN_PYTHON_3 = {
    "round": "rounds 2.5 to 2 and gives a whole number: for the former result use "
    "decimal.Decimal with ROUND_HALF_UP",
    "hash": "differs at each start of NiFi: use hashlib",
    "cmp": "is gone: (a > b) - (a < b)",
    "input": "no longer evaluates; a script in NiFi has no terminal either",
    "raw_input": "a script in NiFi has no terminal",
    "execfile": "is gone: import the file from the Module Directory",
    "reload": "is gone: a changed module of the Module Directory is imported anew by itself",
    "file": "is gone: open(...)",
    "coerce": "is gone",
    "buffer": "is gone: memoryview(...) of bytes",
    "unichr": "is gone: chr(...)",
}
# Modules of Python 2 that have no successor of the same functions.
_GONE = {
    "md5": "hashlib.md5(...)",
    "sha": "hashlib.sha1(...)",
    "sets": "set(...)",
    "commands": "subprocess",
    "popen2": "subprocess",
    "mimetools": "email",
    "rfc822": "email",
    "exceptions": "exceptions are builtins",
}
_METHODS = {
    "__cmp__": "__eq__ and __lt__",
    "__div__": "__truediv__",
    "__getslice__": "__getitem__ of a slice",
    "__unicode__": "__str__",
}
_OF_TEXT = {"letters", "lowercase", "uppercase", "join", "split", "replace", "strip", "upper",
            "lower", "maketrans", "atoi", "atof", "find", "zfill"}  # fmt: skip
_CODECS = {"hex", "base64", "zip", "zlib", "bz2", "rot13", "rot_13"}
_TAKES_BYTES = {
    "md5", "sha1", "sha256", "sha512", "b64encode", "b64decode", "crc32", "compress", "hexlify",
}  # fmt: skip
_GIVES_BYTES = {
    "encode", "readAllBytes", "read", "bytes", "bytearray", "toBytes", "fromBytes", "getBytes",
    "toByteArray", "b64decode", "b64encode", "compress", "decompress", "unhexlify", "hexlify",
    "zeros", "digest", "array", "urlopen",
}  # fmt: skip


@dataclass(frozen=True)
class Left:
    """A line that is left to a person.

    Attributes:
        line: of the converted script, from 1.
        what: what stands there.
        do: what to do.
    """

    line: int
    what: str
    do: str


def left(text: str, *, floors: bool) -> tuple[Left, ...]:
    """What is left in a converted script, in the order of its lines.

    Args:
        text: the converted script.
        floors: whether ``/`` of whole numbers was rounded down in it.
    """
    found: list[Left] = []
    lines = text.split("\n")
    while (wrong := fault("\n".join(lines))) is not None:
        line = min(wrong.lineno or 1, len(lines))
        stands = lines[line - 1].lstrip()
        if not stands.startswith("raise ") or len(found) == _MOST_RAISES:
            do = f"mend it, then convert it again: {wrong.msg}"
            return (*found, Left(line, "not Python 3", do))
        found.append(Left(line, _cut(stands), _RAISE))
        # What else is left is found without it.
        lines[line - 1] = lines[line - 1].removesuffix(stands) + "pass"
    look = _Look(floors=floors)
    look.visit(ast.parse("\n".join(lines)))
    return tuple(sorted({*found, *look.found}, key=lambda one: (one.line, one.what)))


class _Look(ast.NodeVisitor):
    def __init__(self, *, floors: bool) -> None:
        self.found: set[Left] = set()
        self._floors = floors
        self._java: dict[str, str] = {}  # names of Java classes, by what they are called here
        self._bytes: set[str] = set()  # names that something of bytes was given to
        self._streams: set[str] = set()

    def _say(self, node: ast.AST, what: str, do: str) -> None:
        self.found.add(Left(getattr(node, "lineno", 1), what, do))

    def visit_Import(self, node: ast.Import) -> None:
        for one in node.names:
            self._imported(node, one.name, None)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        for one in node.names:
            if one.name == "*" and module.partition(".")[0] in _ROOTS and module not in _STAND_INS:
                self._say(node, f"from {module} import *", "name the classes: from ... import A, B")
                continue
            self._imported(node, module, one.name)
            if _is_java(module):
                self._java[one.asname or one.name] = one.name

    def _imported(self, node: ast.AST, module: str, name: str | None) -> None:
        full = f"{module}.{name}" if name else module
        if module in _STAND_INS or full in _STAND_INS:
            if module == "org.python.core.util" and name not in (None, "StringUtil"):
                self._say(node, full, "is a part of Jython: write it in Python")
        elif _below(full, ("org.python", "com.ziclix.python")):
            self._say(node, full, "is a part of Jython: write it in Python")
        elif _below(full, ("org.apache.nifi.distributed.cache",)):
            self._say(
                node, full, "the embedded ExecuteScript does not see it: keep state in "
                "context.getStateManager(), or use the processors of the map cache",
            )  # fmt: skip
        elif _is_java(module):
            if _below(full, (*_JAVA, *_NIFI)):
                return
            if _below(full, ("org.apache.nifi",)):
                do = "is not in NiFi's API: the embedded ExecuteScript does not see it"
            else:
                do = (
                    "is no class of the JDK or of NiFi's API: put its jar into the Module "
                    "Directory, or use a package of Python"
                )
            self._say(node, full, do)
        elif module.partition(".")[0] in _GONE:
            self._say(node, full, f"is gone: {_GONE[module.partition('.')[0]]}")
        elif module.partition(".")[0] not in sys.stdlib_module_names:
            self._say(
                node, full, "is no module of Python 3 itself: install the package in the engine's "
                "Python, or convert the module in the Module Directory as well",
            )  # fmt: skip

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            name = _name(base)
            java = self._java.get(name)
            if name in _PROCESSORS or java in _PROCESSORS:
                self._say(
                    node, f"class {node.name}({name})",
                    "is for InvokeScriptedProcessor: write it as a script for ExecuteScript",
                )  # fmt: skip
            elif java is not None and java not in _INTERFACES:
                self._say(
                    node, f"class {node.name}({name})",
                    f"if {java} is a Java class and no interface, keep one of it in a field "
                    "instead: only interfaces can be implemented",
                )  # fmt: skip
            elif java in ("OutputStreamCallback", "StreamCallback"):
                self._writes(node, java)
        for one in node.body:
            if isinstance(one, ast.FunctionDef) and one.name in _METHODS:
                self._say(one, f"def {one.name}", f"is never called: {_METHODS[one.name]}")
        self.generic_visit(node)

    def _writes(self, node: ast.ClassDef, kind: str) -> None:
        """The parameter of ``process`` that is the FlowFile's stream."""
        for one in node.body:
            if isinstance(one, ast.FunctionDef) and one.name == "process":
                names = [argument.arg for argument in one.args.args[1:]]
                self._streams.update(names[1:] if kind == "StreamCallback" else names)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = {one.id for one in node.targets if isinstance(one, ast.Name)}
        if self._is_bytes(node.value):
            self._bytes |= names
        else:
            self._bytes -= names
        if isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "session.write":
            self._streams |= names if len(node.value.args) == 1 else set()
        if "processor" in names and isinstance(node.value, ast.Call):
            self._say(
                node, "processor = ...",
                "is for InvokeScriptedProcessor: write it as a script for ExecuteScript",
            )  # fmt: skip
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        sides = (node.left, node.right)
        if self._floors and isinstance(node.op, ast.Div) and not any(map(_is_fraction, sides)):
            self._say(
                node, _short(node),
                "of whole numbers it gives a fraction now: // where it was to be rounded down",
            )  # fmt: skip
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if self._floors and isinstance(node.op, ast.Div) and not _is_fraction(node.value):
            self._say(node, _short(node), "//= where whole numbers were to be rounded down")
        self.generic_visit(node)

    def visit_With(self, node: ast.With) -> None:
        for one in node.items:
            if isinstance(one.optional_vars, ast.Name) and "session.write" in ast.unparse(
                one.context_expr
            ):
                self._streams.add(one.optional_vars.id)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        for one in ast.walk(node):
            if isinstance(one, ast.Attribute) and _short(one) == f"{node.name}.message":
                self._say(
                    one, _short(one), f"str({node.name}); of Java's: {node.name}.getMessage()"
                )
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if _name(node.value) == "sys" and node.attr == "setdefaultencoding":
            self._say(node, _short(node), "is gone: text is Unicode; leave it out")
        if _name(node.value) == "types" and node.attr.endswith(("Type", "Types")):
            self._say(node, _short(node), "is gone: the type itself, such as str, list, dict")
        if _name(node.value) == "string" and node.attr in _OF_TEXT:
            self._say(
                node, f"string.{node.attr}",
                "is gone: a method of the text itself, or string.ascii_letters",
            )  # fmt: skip
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        if isinstance(node.exc, ast.Constant):
            self._say(node, _short(node), _RAISE)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        if isinstance(called, ast.Name):
            if called.id in _OTHER_IN_PYTHON_3:
                self._say(node, _short(node), _OTHER_IN_PYTHON_3[called.id])
            elif called.id == "bytearray" and len(node.args) == 1 and _is_text(node.args[0]):
                self._say(node, _short(node), _ENCODE)
            elif called.id == "print" and any(
                one.arg == "file" and not ast.unparse(one.value).startswith("sys.")
                for one in node.keywords
            ):
                self._say(node, _short(node), "prints text, which a stream of Java does not take")
            elif called.id == "map" and node.args and _is_none(node.args[0]):
                self._say(node, _short(node), "is gone: itertools.zip_longest(...)")
            elif called.id == "open" and any("b" in mode for mode in _modes(node)):
                self._say(node, _short(node), 'gives and takes bytes: for text leave the "b" out')
        elif isinstance(called, ast.Attribute):
            self._method(node, called)
        self._compares(node)
        self._bytes_wanted(node)
        self.generic_visit(node)

    def _compares(self, node: ast.Call) -> None:
        is_sort = isinstance(node.func, ast.Attribute) and node.func.attr == "sort"
        alone = 0 if is_sort else 1
        if (is_sort or _name(node.func) == "sorted") and (
            len(node.args) > alone or any(one.arg == "cmp" for one in node.keywords)
        ):
            self._say(node, _short(node), "sorts by a key: key=functools.cmp_to_key(...)")

    def _method(self, node: ast.Call, called: ast.Attribute) -> None:
        first = node.args[0] if node.args else None
        codec = str(first.value).lower() if isinstance(first, ast.Constant) else ""
        codec = codec.replace("-", "_")
        if called.attr in ("encode", "decode") and codec in _CODECS:
            self._say(node, _short(node), f'is gone: codecs.{called.attr}(bytes, "{codec}")')
        elif called.attr in ("encode", "decode") and codec == "string_escape":
            self._say(node, _short(node), 'is gone: "unicode_escape"')
        elif called.attr == "decode" and not self._is_bytes(called.value):
            self._say(node, _short(node), "a text has no decode: leave it out unless it is bytes")
        elif called.attr in ("encodestring", "decodestring"):
            self._say(node, _short(node), "is gone: encodebytes, decodebytes, of bytes")
        elif called.attr == "getVersion" and not node.args:
            self._say(node, _short(node), "of a state it is gone: getStateVersion().isEmpty()")
        elif (
            called.attr in ("urlopen", "Request")
            and len(node.args) > 1
            and not self._is_bytes(node.args[1])
        ):
            self._say(node, _short(node), f"what is sent {_ENCODE}")
        elif (
            called.attr == "write"
            and _name(called.value) in self._streams
            and first is not None
            and not self._is_bytes(first)
        ):
            self._say(node, _short(node), _ENCODE)

    def _bytes_wanted(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else _name(node.func)
        if name in _TAKES_BYTES and node.args and not self._is_bytes(node.args[0]):
            self._say(node, _short(node), _ENCODE)

    def _is_bytes(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self._bytes
        if isinstance(node, ast.Call):
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else _name(function)
            return called in _GIVES_BYTES and not _is_text_file(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._is_bytes(node.left) and self._is_bytes(node.right)
        # Of a number, `write` writes that one byte.
        return isinstance(node, ast.Constant) and isinstance(node.value, bytes | int)


def _below(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in packages)


def _is_java(name: str) -> bool:
    """Whether a module is a package of Java; ``io`` alone is Python's."""
    return name != "io" and name.partition(".")[0] in _ROOTS


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _modes(node: ast.Call) -> list[str]:
    given = [*node.args[1:2], *(one.value for one in node.keywords if one.arg == "mode")]
    return [str(one.value) for one in given if isinstance(one, ast.Constant)]


def _is_text_file(node: ast.Call) -> bool:
    """Whether a file is read that was opened as one of text, all in one expression."""
    opened = node.func.value if isinstance(node.func, ast.Attribute) else None
    return (
        isinstance(opened, ast.Call)
        and _name(opened.func) == "open"
        and not any("b" in mode for mode in _modes(opened))
    )


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_fraction(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return _name(node.func) == "float"
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


def _is_text(node: ast.expr) -> bool:
    """Whether it is a text for certain."""
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else _name(node.func)
        return called in ("dumps", "str", "format", "join", "toString", "strip", "replace")
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _short(node: ast.AST) -> str:
    return _cut(" ".join(ast.unparse(node).split()))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."

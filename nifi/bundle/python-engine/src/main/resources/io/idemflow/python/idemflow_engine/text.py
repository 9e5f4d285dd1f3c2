"""Text between Java and Python."""

import traceback


def to_java(text: str) -> str:
    """Split characters beyond U+FFFF in two, as Java has them; jpy would cut them off."""
    if text.isascii() or max(text) <= "\uffff":
        return str(text)
    units = memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")
    return "".join(map(chr, units))


def from_java(text: str) -> str:
    """Join the halves of characters beyond U+FFFF."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def summary(error: BaseException) -> str:
    """Type and message of an exception, in one line."""
    lines = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()
    if isinstance(error, SyntaxError):
        return lines[-1]
    if isinstance(error, ModuleNotFoundError) and lines:
        return (
            f"{lines[0]}: NiFi's Python lacks it: add its package to requirements.txt, then "
            "idemflow down && idemflow up (a NiFi of your own: install it in the engine's Python, "
            "restart NiFi)"
        )
    return lines[0] if lines else type(error).__name__

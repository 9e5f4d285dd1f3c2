"""A journal as JUnit XML, for CI servers."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from idemflow.prove.journal import Journal, MethodResult, SteadyState


def junit(journal: Journal) -> str:
    """A test case a method, and one for the steady state before and after."""
    suite = Xml.Element("testsuite", name=f"idemflow prove {journal.pipeline}")
    suite.set("timestamp", journal.started)
    suite.set("time", f"{journal.seconds:.1f}")
    _state(suite, "steady state before", journal.before)
    for result in journal.methods:
        _method(suite, result)
    if journal.after is not None:
        _state(suite, "steady state after", journal.after)
    for name, why in journal.not_tried.items():
        Xml.SubElement(_case(suite, name, 0.0), "skipped", message=_text(why))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"*/{tag}"))))
    suite.set("tests", str(len(suite)))
    Xml.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(suite, encoding="unicode")


def _case(suite: Xml.Element, name: str, seconds: float) -> Xml.Element:
    given = {"classname": "idemflow.prove", "name": name, "time": f"{seconds:.1f}"}
    return Xml.SubElement(suite, "testcase", given)


def _state(suite: Xml.Element, name: str, state: SteadyState) -> None:
    case = _case(suite, name, sum(one.seconds for one in state.quiet))
    for problem in state.problems:
        Xml.SubElement(case, "failure", message=_text(problem))


def _method(suite: Xml.Element, result: MethodResult) -> None:
    case = _case(suite, result.name, sum(one.seconds for one in result.tries))
    why = "; ".join(one.why for one in result.tries if one.verdict == result.verdict)
    if result.verdict == "failed":
        Xml.SubElement(case, "failure", message=_text(why))
    elif result.verdict == "inconclusive":  # it says nothing, and so has not passed
        Xml.SubElement(case, "error", message=_text(f"inconclusive: {why}"))


def _text(text: str) -> str:
    """A text without what XML has no form for."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)

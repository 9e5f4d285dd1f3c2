"""The journal of a proof: what it comes to, and that it can be written, read and drawn."""

from __future__ import annotations

import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner

from idemflow.cli import main
from idemflow.errors import UsageError
from idemflow.prove import journal as journals
from idemflow.prove import report
from idemflow.prove.journal import MethodResult, SteadyState
from idemflow.prove.methods import METHODS
from tests.unit.prove.journals import SOUND, attempt, journal

ROOT = Path(__file__).parents[3]


def test_verdicts() -> None:
    found = journal()
    assert (found.verdict, found.why) == ("failed", "rerun: 1 lost")
    del found.methods[1]
    found.conclude()
    assert (found.verdict, found.why) == ("inconclusive", "run-once did not come to pass")
    del found.methods[1]
    found.conclude()
    assert found.verdict == "passed"
    found.after = SteadyState(["another id"])
    found.conclude()
    assert (found.verdict, found.why) == ("failed", "another id")
    found.after, found.stopped = None, "stopped with Ctrl-C"
    found.conclude()
    assert (found.verdict, found.why) == ("inconclusive", "stopped with Ctrl-C")


def test_what_did_not_happen_has_not_passed() -> None:
    missed, passed = attempt("inconclusive", "not within 60 s"), attempt("passed", outcome=SOUND)
    assert MethodResult("a", "", []).verdict == "inconclusive"
    assert MethodResult("a", "", [missed]).verdict == "inconclusive"
    assert MethodResult("a", "", [missed, passed]).verdict == "passed"
    assert MethodResult("a", "", [passed, attempt("failed", "1 lost")]).verdict == "failed"


def test_a_method_without_a_moment_is_not_tried_unless_a_try_has_failed() -> None:
    short = attempt("inconclusive", "too short", moment=False)
    assert not MethodResult("a", "", [short, short]).possible
    assert MethodResult("a", "", [short, attempt("inconclusive", "no answer")]).possible
    for verdict in ("passed", "failed"):
        assert MethodResult("a", "", [short, attempt(verdict)]).possible


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    report.write(journal(), tmp_path)
    file = tmp_path / report.JOURNAL
    assert journals.read(file) == journal()
    assert {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("text", ["", "[]", '{"pipeline": 1}', "\ufeff", "[" * 10_000])
def test_what_is_no_journal(tmp_path: Path, text: str) -> None:
    file = tmp_path / "journal.json"
    with pytest.raises(UsageError, match="cannot be read"):
        journals.read(file)
    file.write_text(text)
    with pytest.raises(UsageError, match="is no journal of a proof"):
        journals.read(file)


def test_a_field_that_is_wrong_is_named(tmp_path: Path) -> None:
    report.write(journal(), tmp_path)
    file = tmp_path / report.JOURNAL
    file.write_text(json.dumps(json.loads(file.read_text()) | {"seed": "x"}))
    with pytest.raises(UsageError, match=r"is no journal of a proof: seed: .* integer"):
        journals.read(file)


def test_one_of_another_format(tmp_path: Path) -> None:
    report.write(journal(), tmp_path)
    file = tmp_path / report.JOURNAL
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 9}))
    with pytest.raises(UsageError, match="it has the format 9"):
        journals.read(file)


def test_junit(tmp_path: Path) -> None:
    report.write(journal(), tmp_path)
    suite = Xml.parse(tmp_path / report.JUNIT).getroot()
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6", "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip
    ends = {case.get("name"): [child.tag for child in case] for case in suite}
    assert ends["rerun"] == ["failure"]
    assert ends["run-once"] == ["error"]
    assert ends["stop-nifi"] == ["skipped"]
    assert ends["kill-elasticsearch-bulk"] == []


def test_show_draws_it_again(tmp_path: Path) -> None:
    report.write(journal(), tmp_path)
    narrow = {"COLUMNS": "80"}
    done = CliRunner().invoke(main, ["prove", "show", str(tmp_path)], env=narrow)
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["kill-elasticsearch-bulk", "passed", "1", "0", "0", "0", "0", "0", "14.2", "s"] in rows
    assert ["rerun", "failed", "1", "0", "1", "2", "0", "0"] in rows
    assert "not tried: stop-nifi: --no-kill" in done.stdout
    assert "people: failed, rerun: 1 lost." in done.stdout
    plain = CliRunner().invoke(main, ["prove", "show", str(tmp_path / report.JOURNAL), "--json"])
    assert json.loads(plain.stdout)["methods"][0]["tries"][0]["recovery"] == 14.2


def test_each_method_is_documented() -> None:
    page = (ROOT / "docs" / "prove.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| (?:(yes) )?\|", page, re.MULTILINE)
    documented = {name: quick for name, quick in rows if name in {one.name for one in METHODS}}
    assert documented == {one.name: "yes" * one.quick for one in METHODS}


def test_each_method_tests_something_that_is_guaranteed() -> None:
    page = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    tested = "".join(re.findall(r"^Tested by .*", page, re.MULTILINE))
    assert set(re.findall(r"`([\w-]+)`", tested)) == {one.name for one in METHODS}


def test_each_field_of_the_journal_is_documented() -> None:
    page = (ROOT / "docs" / "prove.md").read_text(encoding="utf-8")
    for kind in (journals.Journal, journals.SteadyState, MethodResult, journals.Try,
                 journals.Event, journals.Sample, type(SOUND)):  # fmt: skip
        for name in vars(kind)["__dataclass_fields__"]:
            assert f"`{name}`" in page, name


class _Page(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {"src", "href", "onclick"} & {name for name, _ in attrs}
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.cell = True

    def handle_endtag(self, tag: str) -> None:
        self.cell = self.cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.cell:
            self.rows[-1][-1] += data


def test_the_page_has_all_and_loads_nothing(tmp_path: Path) -> None:
    report.write(journal(), tmp_path)
    text = (tmp_path / report.PAGE).read_text(encoding="utf-8")
    found = _Page()
    found.feed(text)
    assert {"script", "link", "img", "b"}.isdisjoint(found.tags)
    assert "&lt;b&gt;7" in text
    assert found.rows[1][:5] == ["kill-elasticsearch-bulk", "passed", "0", "0", "0"]
    assert found.rows[2] == ["rerun", "failed", "1", "2", "0", "0", "", "1", "0"]
    # Of the try with samples: documents, throughput and queue, each with its fault behind it.
    assert found.tags.count("svg") == 3
    assert found.tags.count("rect") == 3
    # Where a server did not answer, or nobody looked for a while, the line is broken.
    lines = re.findall(r' d="([^"]+)"', text)
    assert [(line.count("M"), line.count("L")) for line in lines] == [(3, 1), (1, 0), (2, 1)]


def test_several_proofs_make_one_page(tmp_path: Path) -> None:
    first, second = journal(), journal()
    second.pipeline, second.seed, second.methods = "orders", 8, first.methods[:1]
    second.conclude()
    for number, one in enumerate((first, second)):
        (tmp_path / str(number)).mkdir()
        report.write(one, tmp_path / str(number))
    file = tmp_path / "all.html"
    folders = [str(tmp_path / "0"), str(tmp_path / "1")]
    done = CliRunner().invoke(main, ["prove", "show", *folders, "--page", str(file)])
    assert done.exit_code == 0, done.output
    assert [line.split()[:3] for line in done.stdout.splitlines()[1:3]] == [
        ["people", "failed", "7"], ["orders", "passed", "8"],
    ]  # fmt: skip
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "2 proofs: " in text
    assert "http" not in re.sub(r"http-equiv|<code>.*?</code>", "", text)
    assert len(re.findall(r'<details id="\d"', text)) == 2
    # Over both: the method that both have has a try of each.
    summed = re.search(r"<tr><td>kill-elasticsearch-bulk</td>.*?</tr>", text)
    assert summed
    assert "<td>2</td>" in summed[0]
    shown = CliRunner().invoke(main, ["prove", "show", *folders, "--json"])
    assert [one["seed"] for one in json.loads(shown.stdout)["proofs"]] == [7, 8]
    refused = CliRunner().invoke(main, ["prove", "show", folders[0], "--page", "/nowhere/page"])
    assert (refused.exit_code, "--page /nowhere/page" in refused.stderr) == (2, True)

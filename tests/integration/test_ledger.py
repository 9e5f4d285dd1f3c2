"""The ledger is compacted: `verify` and dead letters find the same, whatever happens meanwhile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from idemflow.commands import _pruning
from idemflow.commands._turn import lock
from idemflow.config.project_id import project_id
from idemflow.dead_letters.reconcile import Records, reconcile
from idemflow.dead_letters.store import Letters
from idemflow.elasticsearch import last_prune, search
from idemflow.elasticsearch.last_prune import last_prunes
from idemflow.elasticsearch.ledger import DEAD_LETTERS, RUNS, Ledger
from idemflow.elasticsearch.manifests import MANIFESTS
from idemflow.errors import IdemflowError
from idemflow.steps.rules.identity import canonical, content_hash
from tests.integration.book import Book, deploy_ledger, room
from tests.integration.tools import REFUSED, ROOT, Idemflow, Project, wait_until
from tests.integration.year import simulate

SCRIPT = """
    def records():
        for number in range(50):
            yield {"id": number}
"""
PEOPLE = {f"p{number}": f"first {number}" for number in range(300)}


@pytest.fixture
def ledger(idemflow: Idemflow) -> Iterator[Ledger]:
    made = idemflow.ledger()
    deploy_ledger(made, idemflow.settings())
    yield made
    made.close()


@pytest.fixture
def book(ledger: Ledger) -> Iterator[Book]:
    name = f"book-{uuid4().hex[:8]}"
    made = Book(ledger, name, name)
    yield made
    for index in ledger.client.indices.get(index=f"{name}*", features="aliases"):
        ledger.client.indices.delete(index=index)


def names(book: Book) -> list[str]:
    """The ids of what is kept of the index' manifests, sorted: Elasticsearch gives no order."""
    return sorted(
        document["_id"]
        for document in book.stored()
        if document.get("pipeline") == book.pipeline
        or document.get("baseline", document["_id"][9:]).startswith(book.index)
    )


def reconciled(book: Book) -> int:
    book.ledger.refresh(book.index)
    with room() as made:
        records = Records(book.ledger, book.ledger.manifests, book.ledger, made)
        return reconcile(Letters(book.ledger, book.pipeline), records)


def test_verify_finds_the_same_before_and_after(book: Book) -> None:
    for number in range(5):
        book.run(PEOPLE | {f"p{number}": f"changed {number}"})
    before = book.verify()
    assert before.equal
    assert before.runs == 5

    pruned = book.prune()

    assert (pruned.folded, pruned.manifests, pruned.waiting) == (5, 5, 0)
    assert astuple(book.verify()) == astuple(before)
    assert all(name.startswith("baseline:") for name in names(book))
    assert book.prune().folded == 0
    book.run({"p1": "again", "p2": None})
    after = book.verify()
    assert after.equal
    assert (after.runs, after.documents) == (6, 299)
    assert book.prune().folded == 1
    assert astuple(book.verify()) == astuple(after)


def test_what_is_missing_extra_or_different_is_found_afterwards(book: Book) -> None:
    book.run(PEOPLE)
    book.run(PEOPLE | {"p7": "changed"})
    book.prune()
    client = book.ledger.client
    client.delete(index=book.index, id="p1")
    client.index(index=book.index, id="p2", document={"value": "another"})
    client.index(index=book.index, id="p7", document={"value": "first 7"})
    client.index(index=book.index, id="stranger", document={"value": "x"})

    found = book.verify()

    assert found.missing == ["p1"]
    assert found.extra == ["stranger"]
    assert found.different == ["p2", "p7"]


def test_many_entries_are_folded_on_disk(book: Book) -> None:
    first = {f"key-{number:06d}": str(number) for number in range(6_000)}
    book.run(first)
    for part in range(3):
        book.run(dict.fromkeys(list(first)[part::7], str(part)))
    before = book.verify()
    assert before.equal
    book.prune(memory=1024 * 1024)
    assert astuple(book.verify()) == astuple(before)


def test_ids_that_the_last_run_had_twice_are_told_afterwards(book: Book) -> None:
    def sent(value: str) -> tuple[str, str, None]:
        return "p1", content_hash(canonical({"value": value})), None

    book.run(PEOPLE)
    run = book.run({"p1": "a"})
    book.write(book.chunk(run, [sent("a"), sent("b"), sent("a")], taken=3))
    before = book.verify()
    assert before.equal
    assert (before.repeated, before.collisions) == (3, 1)
    assert [len(one.records) for one in before.examples] == [2]
    book.prune()
    after = book.verify()
    assert (after.equal, after.repeated, after.collisions) == (True, 3, 1)
    book.run({"p2": "c"})
    assert book.verify().repeated == 0


def test_of_what_a_run_sent_twice_the_last_counts(book: Book) -> None:
    run = book.run({"p1": "first"})
    (first,) = [one for one in book.stored() if one.get("run") == run]
    last = book.run({"p1": "last"})
    (chunk,) = [one for one in book.stored() if one.get("run") == last]
    again = {name: value for name, value in chunk.items() if name != "_id"} | {"run": run}
    book.ledger.client.delete(index=MANIFESTS, id=chunk["_id"])
    book.ledger.client.delete(index=RUNS, id=last)
    book.write([{"index": {"_index": MANIFESTS, "_id": f"{first['_id']}-again"}}, again])
    book.run({"p2": "x"})
    assert book.verify().equal
    book.prune()
    assert book.verify().equal


def test_a_run_that_is_not_accounted_for_waits_and_decides_in_its_place(book: Book) -> None:
    book.run(PEOPLE)
    open_run = book.run({"p1": "second"}, arrived=False)
    book.run({"p1": "third", "p2": "third"})
    assert book.prune().waiting == 1
    assert book.verify().equal

    (late,) = [one for one in book.stored() if one.get("run") == open_run]
    late_id = late.pop("_id")
    book.write([{"index": {"_index": MANIFESTS, "_id": late_id}}, late | {"taken": 1}])
    assert book.verify().equal
    assert book.prune().folded == 1
    assert book.verify().equal


def test_nothing_is_folded_while_records_are_on_their_way_or_a_command_may_look(book: Book) -> None:
    book.run(PEOPLE)
    book.run(PEOPLE)
    before = names(book)
    assert book.prune(idle=False).busy
    book.now = book.now.replace(year=2025)
    assert book.prune().waiting == 2
    assert names(book) == before


def test_a_refusal_that_comes_late_uncovers_the_state_before(book: Book) -> None:
    book.run(PEOPLE)
    refused = book.run(PEOPLE | {"p3": "does not fit", "new": "does not fit"})
    again = book.run({"p4": PEOPLE["p4"]})
    book.prune()
    client = book.ledger.client
    client.index(index=book.index, id="p3", document={"value": PEOPLE["p3"]})
    client.delete(index=book.index, id="new")
    assert book.verify().different == ["p3"]

    book.write(book.chunk(refused, [], given_up=[("p3", None), ("new", None), ("p5", None)]))
    book.write(book.chunk(again, [], given_up=[("p4", None)]))

    assert book.verify().equal
    assert book.prune().folded == 2
    assert book.verify().equal
    assert book.verify().runs == 3


def test_an_older_version_that_comes_late_is_stale(book: Book) -> None:
    book.run(PEOPLE, version=5)
    book.run({"p1": None, "p2": "newer"}, version=7)
    book.prune()
    book.run({"p1": "old", "p2": "old"}, version=6, stale=["p1", "p2"])
    assert book.verify().equal
    book.prune()
    assert book.verify().equal
    # A delete is remembered for the retention time: without it, this record would be missing.
    late = book.chunk(book.runs[0], [("p1", "0" * 31 + "1", 4)])
    book.write(late)
    assert book.verify().equal


def test_a_delete_is_forgotten_after_the_retention_time(book: Book) -> None:
    book.run(PEOPLE, version=5)
    book.run({"p1": None}, version=7)
    book.now = book.now.replace(month=3)
    book.run({"p2": "newer"}, version=8)
    book.prune()
    assert book.verify().equal
    (pointer,) = [one for one in book.stored() if one["_id"] == f"baseline:{book.index}"]
    assert pointer["documents"] == len(PEOPLE) - 1 + 1  # p1 is forgotten, p2 has its state before


def test_dead_letters_whose_record_went_in_before_the_fold(book: Book) -> None:
    refused = book.run(PEOPLE | {"bad": "x", "worse": "x"}, given_up=["bad", "worse"])
    book.letter(refused, "bad")
    kept = book.letter(refused, "worse")
    book.run({"bad": "mended"})
    book.prune()

    assert reconciled(book) == 1
    assert book.verify().equal
    assert [letter.id for letter in Letters(book.ledger, book.pipeline).with_id()] == [kept]
    # Its run has no manifest any more, and a later run sends it: it goes.
    book.run({"worse": "mended"})
    book.run({"p1": "changed"})
    book.prune()
    assert reconciled(book) == 1


def test_an_older_state_settles_no_dead_letter_before_the_fold_or_after(book: Book) -> None:
    book.run(PEOPLE | {"a": "first", "b": "first"}, version=3)
    refused = book.run({"a": "x", "b": "x"}, version=5, given_up=["a", "b"])
    for key in ("a", "b"):
        book.letter(refused, key, version=5)
    book.run({"a": "older"}, version=4)
    book.run({"b": "stale"}, version=2, stale=["b"])
    assert reconciled(book) == 0
    book.prune()
    assert reconciled(book) == 0
    assert book.verify().equal
    book.run({"a": "mended", "b": None}, version=5)
    book.prune()
    assert reconciled(book) == 2
    assert book.verify().equal


def test_a_refused_state_hides_no_older_one_of_its_run_in_the_fold(book: Book) -> None:
    book.run(PEOPLE, version=3)
    run = book.run({"p1": "older"}, version=4)
    digest = "0" * 31 + "1"
    book.write(book.chunk(run, [("p1", digest, 6)], given_up=[("p1", 6)]))
    assert book.verify().equal
    book.prune()
    assert book.verify().equal


def test_dead_letters_of_a_replay_keep_it_from_being_folded(book: Book) -> None:
    refused = book.run(PEOPLE | {"bad": "x"}, given_up=["bad"])
    letter = book.letter(refused, "bad")
    replay = book.run({"bad": "mended"})
    page = book.chunk(replay, [], index="idemflow-dead-letters")
    page[1]["letters"] = [letter]
    book.write(page)
    book.ledger.client.update(
        index="idemflow-dead-letters", id=letter, doc={"replay": replay}, refresh=True
    )
    assert book.prune().waiting == 1
    assert reconciled(book) == 1
    assert book.prune().waiting == 0
    assert book.verify().equal
    assert not [one for one in book.stored() if one.get("run") == replay]


@pytest.mark.parametrize("phase", ["read", "written", "switched", "deleting"])
def test_killed_while_compacting(idemflow: Idemflow, book: Book, phase: str) -> None:
    for number in range(3):
        book.run(PEOPLE | {f"p{number}": f"changed {number}", "bad": "x"}, given_up=["bad"])
    book.prune()
    for number in range(3):
        book.run(PEOPLE | {f"p{number}": f"changed again {number}", "bad": "x"}, given_up=["bad"])
    before = book.verify()
    assert before.equal

    killed = subprocess.run(
        [sys.executable, "-m", "tests.integration.book", phase, book.pipeline, book.index,
         book.now.isoformat()],
        cwd=ROOT, env=idemflow.environment(), capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip

    assert killed.returncode == -9, killed.stderr
    assert astuple(book.verify()) == astuple(before)
    if phase != "read":
        book.run({"p9": "changed meanwhile"})
        before = book.verify()
        assert before.equal
    book.prune()
    assert astuple(book.verify()) == astuple(before)
    generations = {one.get("generation") for one in book.stored() if book.index in str(one)}
    assert len(generations - {None}) == 1
    assert all(name.startswith("baseline:") for name in names(book))


def test_of_two_at_once_one_throws_its_work_away(book: Book) -> None:
    for number in range(3):
        book.run(PEOPLE | {f"p{number}": f"changed {number}"})
    before = book.verify()
    winners: list[int] = []

    def overtaken(phase: str) -> None:
        if phase == "written" and not winners:
            winners.append(book.prune().folded)

    assert book.prune(reached=overtaken).folded == 0
    assert winners == [3]
    assert astuple(book.verify()) == astuple(before)
    generations = {one.get("generation") for one in book.stored() if book.index in str(one)}
    assert len(generations - {None}) == 1


def test_a_reader_is_right_while_it_is_compacted(book: Book) -> None:
    for number in range(3):
        book.run(PEOPLE | {f"p{number}": f"changed {number}"})
    chunks = book.ledger.manifests.sent_to(book.index)
    first = next(chunks)
    book.prune()
    rest = list(chunks)
    sent = {key for chunk in [first, *rest] for key, *_ in chunk.entries}
    assert sent == set(PEOPLE)
    assert len({chunk.run for chunk in [first, *rest]}) == 3


def test_a_baseline_that_is_not_whole_is_not_replaced(book: Book) -> None:
    book.run(PEOPLE)
    book.run(PEOPLE)
    book.prune()
    (part,) = [one for one in book.stored() if one.get("baseline") == book.index]
    book.ledger.client.delete(index=MANIFESTS, id=part.pop("_id"))
    last = book.run({"p1": "changed"})
    with pytest.raises(IdemflowError, match="has 0 of 300 entries"):
        book.prune()
    assert [one for one in book.stored() if one.get("run") == last]


def test_summaries_are_forgotten_after_the_retention_time(book: Book) -> None:
    book.run(PEOPLE)
    book.run(PEOPLE)
    lost = book.run({"p1": "changed"}, arrived=False)
    book.run({})
    book.now = book.now.replace(month=2, day=20)
    young = book.run(PEOPLE)
    before = book.verify()

    pruned = book.prune()

    assert pruned.forgotten == 4
    assert lost not in book.ledger.run_ids(book.pipeline)
    assert book.ledger.run_ids(book.pipeline) == [young]
    assert astuple(book.verify()) == astuple(before)


def test_manifests_of_an_index_of_its_own_go_with_it(book: Book) -> None:
    prefix = f"{book.pipeline}-"
    book.own = lambda index: index.startswith(prefix)
    days = [f"{prefix}2026-01-0{day}" for day in (1, 2)]
    for day in days:
        book.run(PEOPLE, index=day)
        book.run(PEOPLE, index=day)
    book.prune()
    book.run({"p1": "changed"}, index=days[0])
    book.ledger.client.indices.delete(index=days[0])
    assert any(days[0] in str(one) for one in book.stored())
    book.prune()
    assert not any(days[0] in str(one) for one in book.stored())
    assert any(one.get("baseline") == days[1] for one in book.stored())
    assert book.verify(days[1]).equal
    # Without an index of its own, that it is gone is a loss, and it is told.
    book.own = None
    book.ledger.client.indices.delete(index=days[1])
    book.prune()
    assert book.verify(days[1]).missing_count == len(PEOPLE)


def test_two_pipelines_on_one_index(book: Book) -> None:
    other = Book(book.ledger, f"{book.pipeline}-other", book.index, now=book.now)
    book.run({"a": "1", "b": "1"})
    other.now = book.now
    other.run({"b": "2", "c": "2"})
    book.now = other.now
    book.run({"a": "3", "c": "3"})
    before = book.verify()
    assert before.equal
    book.prune()
    assert astuple(book.verify()) == astuple(before)
    other.run({"b": "4"})
    assert book.verify().equal
    other.now = book.now
    other.prune()
    assert book.verify().equal
    assert book.verify().runs == 4


def test_a_state_that_is_read_slowly_is_kept_until_the_end(
    ledger: Ledger, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a run or a scan of hours: Elasticsearch looks once a minute for what to let go."""
    book.run(PEOPLE)
    ledger.refresh(book.index)
    monkeypatch.setattr(search, "_KEEP_ALIVE", "1s")
    monkeypatch.setattr(search, "_EXTEND", 0.3)

    def kept() -> int:
        found = ledger.client.indices.stats(index=book.index, metric="search")
        return int(found["_all"]["total"]["search"]["open_contexts"])

    documents = ledger.documents(book.index)
    next(documents)
    with search.point_in_time(ledger, book.index) as pit:
        ledger.client.delete(index=book.index, id="p7", refresh=True)
        ledger.client.open_point_in_time(index=book.index, keep_alive="1s")
        assert kept() >= 3
        wait_until(lambda: kept() < 3, "a state that nobody keeps is let go", seconds=100)
        assert len(list(ledger.existing(book.index, PEOPLE, pit=pit))) == len(PEOPLE)
        assert len(list(documents)) == len(PEOPLE) - 1


def test_the_command(idemflow: Idemflow, project: Project) -> None:
    inside = idemflow.inside(project.path)
    name = project.pipeline("pruned", SCRIPT, "ledger: {keep: 2 days}")
    inside.ok("run", name, "--times", "2")
    found = inside.json("prune", name)["pipelines"]
    # A command on another machine may still be looking at runs of the last ten minutes.
    nothing = {"dead_letters": 0, "indices": [], "dry_run": False}
    assert found == [
        {"pipeline": name, "folded": 0, "manifests": 0, "forgotten": 0, "waiting": 2,
         "busy": False, **nothing}
    ]  # fmt: skip
    ledger = inside.ledger()
    for run in ledger.run_ids(name):
        ledger.client.update(
            index=RUNS, id=run, doc={"collected": "2026-01-01T00:00:00+00:00"}, refresh=True
        )
    before = inside.json("verify", name)
    (would,) = inside.json("prune", name, "--dry-run")["pipelines"]
    assert (would["folded"], would["forgotten"], would["dry_run"]) == (2, 2, True)
    assert len(ledger.run_ids(name)) == 2
    shown = inside.ok("prune").stdout
    assert "pruned" in shown
    assert inside.json("verify", name) == before
    assert ledger.run_ids(name) == []
    ledger.close()


def test_what_the_yaml_keeps_no_longer(idemflow: Idemflow, project: Project) -> None:
    """Indices of runs and dead letters, by age and by number; never what an alias points to."""
    inside = idemflow.inside(project.path)
    name = "kept"
    script = "def records():\n    yield {'id': 1}\n    yield {'name': 'no id'}\n"
    project.pipeline(name, script)
    project.change(name, f"name: {name}", f"name: {name}-{{run}}")
    inside.ok("run", name, code=7)
    (new,) = inside.ledger().client.indices.get(index=f"{name}-*")
    ages = {"aged": 700, "one": 30, "two": 20, "read": 700, "others": 900}
    made = {
        key: f"{name}-{datetime.now(UTC) - timedelta(days=age):%Y%m%dt%H%M%S000}-{number:08x}"
        for number, (key, age) in enumerate(ages.items())
    }
    with inside.elasticsearch() as elasticsearch:
        for key, index in made.items():
            alias: dict[str, dict[str, str]] = {"of-a-person": {}} if key == "read" else {}
            elasticsearch.indices.create(index=index, aliases=alias)
        elasticsearch.indices.put_mapping(index=made["others"], meta={})
        letter = elasticsearch.search(index=DEAD_LETTERS, query={"term": {"pipeline": name}})
        (hit,) = letter["hits"]["hits"]
        for number in range(3):
            old = hit["_source"] | {"time": f"2025-01-0{number + 1}T00:00:00+00:00"}
            elasticsearch.index(index=DEAD_LETTERS, id=f"old-{number}", document=old, refresh=True)

        rules = "indices: {age: 365 days, number: 2}, dead_letters: {number: 2}"
        project.change(name, "identity: id", f"identity: id\nprune: {{{rules}}}")
        expected = [made["aged"], made["one"]]
        (would,) = inside.json("prune", name, "--dry-run")["pipelines"]
        assert (would["indices"], would["dead_letters"]) == (expected, 2)
        assert elasticsearch.indices.exists(index=made["aged"])
        shown = inside.ok("prune", name).stdout
        assert all(index in shown for index in expected)
        left = set(elasticsearch.indices.get(index=f"{name}-*"))
        assert left == {new, made["two"], made["read"], made["others"]}
        letters = inside.json("dead-letters", "list", name)["letters"]
        assert {one["id"] for one in letters} == {hit["_id"], "old-2"}
        elasticsearch.indices.delete(index=[made["two"], made["read"], made["others"]])


def test_what_is_due_is_pruned_without_being_asked_for(
    idemflow: Idemflow, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of `run` and `verify`, and by `prune --due`; when it was not done for so long."""
    inside = idemflow.inside(project.path)
    rules = "prune: {every: 1 day, dead_letters: {number: 1}}"
    name = project.pipeline("daily", REFUSED, rules)
    (project.path / "flows/other.yaml").write_text("nonsense")
    settings, ledger = inside.settings(), inside.ledger()

    def letters() -> int:
        return len(inside.json("dead-letters", "list", name)["letters"])

    def last() -> datetime | None:
        return last_prunes(ledger, project_id(settings))[name]

    def long_ago(days: int = 2) -> datetime:
        last_prune.note(ledger, name, datetime.now(UTC) - timedelta(days=days))
        found = last()
        assert found
        return found

    began = datetime.now(UTC) - timedelta(seconds=1)
    inside.ok("run", name, code=7)
    assert letters() == 1
    first = last()
    assert first
    assert began < first < datetime.now(UTC)
    # Not again so soon: all that a run refuses is kept.
    inside.ok("run", name, code=7)
    assert (letters(), last()) == (3, first)
    assert "Nothing was due." in inside.ok("prune", name, "--due").stdout

    before = long_ago()
    inside.ok("verify", name)
    assert letters() == 1
    assert last() != before
    # By hand it is done whenever it is asked for, and counts; what did not happen does not.
    for arguments, idle, counts in (
        (["--dry-run"], True, False),
        ([], False, False),
        ([], True, True),
    ):
        before = long_ago()
        with monkeypatch.context() as patch:
            patch.setattr(_pruning, "_idle", lambda *_, idle=idle: idle)
            (pruned,) = inside.json("prune", name, *arguments)["pipelines"]
        assert pruned["busy"] is not idle
        assert (last() != before) is counts, arguments
    # A clock that was wrong once keeps nothing from being pruned.
    long_ago(days=-2)
    with lock(settings, name):
        assert inside.json("prune", name, "--due") == {"pipelines": [], "left": []}
    done = inside.json("prune", "--due", code=2)
    assert [one["pipeline"] for one in done["pipelines"]] == [name]
    (left,) = done["left"]
    assert left["pipeline"] == "other"
    assert "flows/other.yaml:1" in left["reason"]
    # One whose file is gone is told as long as it is on the canvas.
    (project.path / "flows/other.yaml").unlink()
    (project.path / f"flows/{name}.yaml").unlink()
    gone = inside.fail("prune", "--due")
    assert (gone.code, f"flows/{name}.yaml is gone" in gone.stderr) == (2, True)
    inside.ok("remove", name, "--yes")
    assert "Nothing was due." in inside.ok("prune", "--due").stdout
    ledger.close()


def test_a_year_of_runs_leaves_verify_as_fast_as_on_its_first_day(book: Book) -> None:
    """A small year, of ten days; ``python -m tests.integration.year`` is a whole one."""
    first, last = simulate(book, days=[1, 10])
    assert first.equal
    assert last.equal
    assert last.runs == 2881
    # Not folded yet are the runs of the last ten minutes.
    assert last.documents <= first.documents < 20
    assert last.seconds < 3 * first.seconds + 1

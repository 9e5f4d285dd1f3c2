"""Dead letters on the running servers: kept, read, fixed, sent again, dropped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from idemflow.canvas import client, control, monitoring, process_groups
from idemflow.canvas.flow import KEEP
from idemflow.canvas.replay import ASK
from idemflow.elasticsearch.ledger import DEAD_LETTERS
from tests.integration.letters import exported, listed, write
from tests.integration.tools import Idemflow, Project, wait_until

pytestmark = pytest.mark.timeout(300)

SOURCE = """\
def records():
    for number in range(20):
        yield {"id": f"r-{number}", "day": "no day" if number == 7 else "2026-01-02", "n": 1.5}
"""
SOUND = SOURCE.replace('"no day" if number == 7 else ', "")


def test_a_refused_record_is_listed_mended_and_sent_again(
    idemflow: Idemflow, project: Project, tmp_path: Path
) -> None:
    name = project.pipeline("letters-fixed", SOURCE, day="date")
    command = idemflow.inside(project.path)
    assert command.json("run", name, code=7)["runs"][0]["dead_letters"] == 1

    (letter,) = listed(command, name)
    assert letter["record_id"] == "r-7"
    assert letter["step"] == "Load"
    assert letter["position"] == "8"
    assert letter["attempts"] == 1
    shown = command.ok("dead-letters", "list", name).stdout
    assert letter["id"][:12] in shown
    assert "failed to parse field [day] of type [date]" in shown
    alone = command.json()
    assert alone["dead_letters"] == {name: 1}
    assert alone["next_command"] == f"idemflow dead-letters list {name}"
    for wanted in ("failed to parse field [day]", '"day": "no day"', "r-7", letter["run"]):
        assert wanted in command.ok("dead-letters", "show", name, letter["id"][:8]).stdout
    assert command.json("dead-letters", "show", name, letter["id"])["content"] == (
        '{"id":"r-7","day":"no day","n":1.5}'
    )

    file = tmp_path / "letters.ndjson"
    (line,) = exported(command, name, file)
    line["record"]["day"] = "2026-05-06"
    write(file, [line])
    report = command.json("dead-letters", "replay", name, "--file", str(file))
    assert (report["sent"], report["went_in"], report["dead_letters"]) == (1, 1, 0)
    assert report["lost"] == report["left"] == 0
    assert listed(command, name) == []
    assert dict(idemflow.ledger().documents(name))["r-7"]["day"] == "2026-05-06"
    assert command.json("verify", name)["equal"] is True
    assert command.json("deploy", name, "--dry-run")["changes"] == []


def test_letters_of_several_days_go_to_their_own_indices(
    idemflow: Idemflow, project: Project, tmp_path: Path
) -> None:
    bad = SOURCE.replace("number == 7", "number in (7, 8)")
    name = project.pipeline("letters-days", bad, day="date")
    project.change(name, f"name: {name}", f"name: {name}-{{day}}")
    command = idemflow.inside(project.path)
    assert command.json("run", name, code=7)["runs"][0]["dead_letters"] == 2
    # As if one of them was of an earlier day, whose index has an older document of that id.
    earlier = f"{name}-2026-01-01"
    elasticsearch = idemflow.elasticsearch()
    elasticsearch.index(index=earlier, id="r-7", document={"id": "r-7"}, refresh=True)
    (letter,) = (one for one in listed(command, name) if one["record_id"] == "r-7")
    elasticsearch.update(index=DEAD_LETTERS, id=letter["id"], doc={"index": earlier}, refresh=True)

    file = tmp_path / "letters.ndjson"
    lines = exported(command, name, file)
    for line in lines:
        line["record"]["day"] = "2026-05-06"
    write(file, lines)
    report = command.json("dead-letters", "replay", name, "--file", str(file))
    assert (report["sent"], report["went_in"], report["dead_letters"]) == (2, 2, 0)
    assert report["lost"] == report["left"] == 0
    assert dict(idemflow.ledger().documents(earlier))["r-7"]["day"] == "2026-05-06"
    assert len(dict(idemflow.ledger().documents(f"{name}-2*"))) == 20
    assert listed(command, name) == []


def test_what_is_still_bad_stays_one_letter(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline(
        "letters-still-bad",
        SOURCE + '    yield {"name": "without an id"}\n    yield ["no", "record"]\n',
        day="date",
    )
    command = idemflow.inside(project.path)
    command.json("run", name, code=7)
    before = listed(command, name)
    assert len(before) == 3
    for _ in range(2):
        report = command.json("dead-letters", "replay", name, code=7)
        assert (report["sent"], report["went_in"], report["dead_letters"]) == (3, 0, 3)
        assert sum(reason["count"] for reason in report["reasons"]) == 3
        assert any("'id' is missing" in reason["reason"] for reason in report["reasons"])
    after = listed(command, name)
    assert {letter["attempts"] for letter in after} == {3}
    assert {letter["id"] for letter in after} == {letter["id"] for letter in before}
    assert {letter["reason"] for letter in after} == {letter["reason"] for letter in before}
    assert all(letter["replay"] is None for letter in after)
    assert "3 dead letters again" in command.ok("dead-letters", "replay", name, code=7).stdout


def test_only_the_letters_that_are_meant_are_sent(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline(
        "letters-filters", SOURCE + '    yield {"name": "without an id"}\n', day="date"
    )
    command = idemflow.inside(project.path)
    run = command.json("run", name, code=7)["runs"][0]["run"]
    assert [one["step"] for one in listed(command, name, "--step", "identify")] == ["Identify"]
    assert [one["record_id"] for one in listed(command, name, "--record", "r-7")] == ["r-7"]
    assert len(listed(command, name, "--reason", "FIELD [DAY]", "--since", "1h")) == 1
    assert len(listed(command, name, "--run", run[:15])) == 2
    assert listed(command, name, "--since", "2100-01-01") == []
    limited = command.json("dead-letters", "list", name, "--limit", "1")
    assert (len(limited["letters"]), limited["total"]) == (1, 2)
    assert "1 more of them" in command.ok("dead-letters", "list", name, "--limit", "1").stdout
    again = command.json("dead-letters", "replay", name, "--step", "Identify", code=7)
    assert again["sent"] == 1
    nothing = command.json("dead-letters", "replay", name, "--record", "r-8")
    assert (nothing["sent"], nothing["run"], nothing["left"]) == (0, "", 2)


def test_a_file_with_a_mistake_sends_nothing(
    idemflow: Idemflow, project: Project, tmp_path: Path
) -> None:
    name = project.pipeline("letters-mistakes", SOURCE, day="date")
    command = idemflow.inside(project.path)
    command.json("run", name, code=7)
    file = tmp_path / "letters.ndjson"
    (line,) = exported(command, name, file)
    line["record"]["day"] = "2026-05-06"
    good = json.dumps(line)
    for bad, problem in (
        ("{oops", "not JSON"),
        (json.dumps({**line, "letter": "unknown"}), "has no dead letter 'unknown'"),
        (good, "is in line 1 already"),
    ):
        file.write_text(f"{good}\n{bad}\n")
        result = command.fail("dead-letters", "replay", name, "--file", str(file))
        assert result.code == 2
        assert "letters.ndjson:2: " in result.stderr
        assert problem in result.stderr
    assert len(listed(command, name)) == 1
    assert "r-7" not in dict(idemflow.ledger().documents(name))
    both = command.fail("dead-letters", "replay", name, "--file", str(file), "--step", "Load")
    assert both.code == 2


def test_a_record_that_a_later_run_got_in_is_no_dead_letter(
    idemflow: Idemflow, project: Project
) -> None:
    name = project.pipeline("letters-later", SOURCE, day="date")
    command = idemflow.inside(project.path)
    command.json("run", name, code=7)
    assert len(listed(command, name)) == 1
    command.json("run", name, code=7)
    assert len(listed(command, name)) == 1
    assert command.json("verify", name)["equal"] is True
    project.pipeline(name, SOUND, day="date")
    command.json("deploy", name)
    assert command.json("run", name)["documents"] == 20
    assert listed(command, name) == []


def test_drop_asks_and_needs_to_know_which(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline(
        "letters-dropped", SOURCE + '    yield {"name": "without an id"}\n', day="date"
    )
    command = idemflow.inside(project.path)
    command.json("run", name, code=7)
    refused = command.fail("dead-letters", "drop", name, "--yes")
    assert refused.code == 2
    assert "--all" in refused.stderr
    # Without a terminal nobody can answer.
    assert command.fail("dead-letters", "drop", name, "--all").code != 0
    assert len(listed(command, name)) == 2
    dropped = command.json("dead-letters", "drop", name, "--step", "Load", "--yes")
    assert dropped == {"pipeline": name, "found": 1, "dropped": 1}
    (left,) = listed(command, name)
    assert left["step"] == "Identify"
    command.ok("dead-letters", "drop", name, "--letter", left["id"][:6], "--yes")
    assert listed(command, name) == []
    assert command.json("verify", name)["equal"] is True
    assert "nothing to do" in command.ok("dead-letters", "drop", name, "--all", "--yes").stdout


def test_a_record_that_was_given_another_id(
    idemflow: Idemflow, project: Project, tmp_path: Path
) -> None:
    name = project.pipeline("letters-renamed", SOURCE, day="date")
    command = idemflow.inside(project.path)
    command.json("run", name, code=7)
    file = tmp_path / "letters.ndjson"
    (line,) = exported(command, name, file)
    # Still bad, and under another id: the letter stays the same one.
    line["record"]["id"] = "renamed"
    write(file, [line])
    again = command.json("dead-letters", "replay", name, "--file", str(file), code=7)
    assert again["dead_letters"] == 1
    (letter,) = listed(command, name)
    assert (letter["id"], letter["record_id"]) == (line["letter"], "renamed")
    line["record"]["day"] = "2026-05-06"
    write(file, [line])
    assert command.json("dead-letters", "replay", name, "--file", str(file))["left"] == 0
    assert command.json("verify", name)["equal"] is True
    documents = dict(idemflow.ledger().documents(name))
    assert "renamed" in documents
    assert "r-7" not in documents


def test_a_letter_that_becomes_several_records(idemflow: Idemflow, project: Project) -> None:
    """Of the records that a transform makes of a letter, each that is refused is kept."""
    transform = "def split(record):\n    raise ValueError('not today')\n"
    name = project.pipeline(
        "letters-split",
        'def records():\n    yield {"id": "a"}\n',
        "transform: {script: scripts/split.py, function: split}\n",
        day="date",
    )
    (project.path / "scripts/split.py").write_text(transform)
    command = idemflow.inside(project.path)
    assert command.json("run", name, code=7)["runs"][0]["dead_letters"] == 1
    (letter,) = listed(command, name)
    assert (letter["step"], letter["stage"]) == ("Transform", "collected")
    days = '["2026-01-02", "no day", "never", "2026-01-03"]'
    (project.path / "scripts/split.py").write_text(
        "def split(record):\n"
        f"    return [{{'id': f'a-{{n}}', 'day': day}} for n, day in enumerate({days})]\n"
    )
    command.json("deploy", name)
    report = command.json("dead-letters", "replay", name, code=7)
    assert (report["sent"], report["dead_letters"], report["left"]) == (1, 2, 2)
    after = listed(command, name)
    assert {letter["record_id"] for letter in after} == {"a-1", "a-2"}
    assert {letter["stage"] for letter in after} == {"document"}
    # Sent again they are not transformed again.
    again = command.json("dead-letters", "replay", name, code=7)
    assert (again["dead_letters"], again["left"]) == (2, 2)
    assert sorted(dict(idemflow.ledger().documents(name))) == ["a-0", "a-3"]
    assert command.json("verify", name)["equal"] is True


def test_more_letters_than_a_page(idemflow: Idemflow, project: Project) -> None:
    bad = (
        'def records():\n    for n in range(1100):\n        yield {"id": n, "day": f"no day {n}"}\n'
    )
    name = project.pipeline("letters-pages", bad, day="date")
    command = idemflow.inside(project.path)
    assert command.json("run", name, code=7)["runs"][0]["dead_letters"] == 1100
    report = command.json("dead-letters", "list", name, "--limit", "5")
    assert report["total"] == 1100
    assert len(report["reasons"]) == 1
    again = command.json("dead-letters", "replay", name, code=7)
    assert (again["sent"], again["dead_letters"], again["left"]) == (1100, 1100, 1100)
    assert len(listed(command, name, "--limit", "5000")) == 1100


def test_a_replay_whose_command_was_killed_is_finished_by_the_next_one(
    idemflow: Idemflow, project: Project, tmp_path: Path
) -> None:
    name = project.pipeline("letters-killed", SOURCE, day="date")
    command = idemflow.inside(project.path)
    command.json("run", name, code=7)
    file = tmp_path / "letters.ndjson"
    (line,) = exported(command, name, file)
    line["record"]["day"] = "2026-05-06"
    write(file, [line])

    # The letter waits at a stopped step until the command is dead.
    client.connect(idemflow.target().nifi)
    group = process_groups.find_id(name)
    elasticsearch = idemflow.elasticsearch()
    elasticsearch.indices.put_settings(index=name, settings={"index.blocks.write": True})
    process = command.start("dead-letters", "replay", name, "--file", str(file))
    try:
        ledger = idemflow.ledger()
        wait_until(lambda: len(ledger.run_ids(name)) == 2, "the flow takes the letter", seconds=90)
    finally:
        process.kill()
        process.communicate()
    (marked,) = listed(command, name)
    assert marked["replay"] == ledger.run_ids(name)[-1]
    # What Elasticsearch does not show yet has arrived all the same.
    open_again = {"index.blocks.write": False, "index.refresh_interval": "1h"}
    elasticsearch.indices.put_settings(index=name, settings=open_again)
    wait_until(lambda: monitoring.activity(group).queued == 0, "the letter arrives", seconds=90)
    assert listed(command, name) == []
    assert dict(ledger.documents(name))["r-7"]["day"] == "2026-05-06"


def test_a_letter_that_is_refused_waits_with_pauses_and_says_why(
    idemflow: Idemflow, project: Project
) -> None:
    name = project.pipeline("letters-refused", SOURCE, "load: {retry_after: 1 s}\n", day="date")
    command = idemflow.inside(project.path)
    command.json("run", name, code=7)
    client.connect(idemflow.target().nifi)
    group = process_groups.find_id(name)
    bulletin = monitoring.last_bulletin()

    def told() -> list[str]:
        found = monitoring.bulletins(group, after=bulletin)
        return [one.message for one in found if one.name == KEEP]

    with idemflow.elasticsearch() as elasticsearch:
        elasticsearch.indices.close(index=DEAD_LETTERS)
        try:
            control.run_once(group)
            wait_until(lambda: any("index_closed" in one for one in told()), "a bulletin says why")
            first = len(told())
            wait_until(lambda: len(told()) > first, "it is tried again", seconds=20)
        finally:
            elasticsearch.indices.open(index=DEAD_LETTERS, wait_for_active_shards="1")
    # Without a pause there were hundreds by now; NiFi shows five of a step.
    status = monitoring.status(group)
    (keep,) = [
        one
        for one in monitoring.snapshots(status, "processor_status_snapshots")
        if one.name == KEEP
    ]
    assert keep.task_count < 20
    wait_until(lambda: monitoring.activity(group).idle, "it is kept", seconds=40)
    assert len(listed(command, name)) == 1


def test_started_by_hand_the_replay_does_nothing(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("letters-by-hand", SOURCE, day="date")
    command = idemflow.inside(project.path)
    command.json("run", name, code=7)
    client.connect(idemflow.target().nifi)
    group = process_groups.find_id(name)
    bulletins = len(monitoring.bulletins(group))
    control.run_once(group, "Start a replay")
    wait_until(lambda: monitoring.activity(group).queued == 0, "the trigger ends")
    assert len(monitoring.bulletins(group)) == bulletins
    assert len(idemflow.ledger().run_ids(name)) == 1
    assert len(listed(command, name)) == 1


def test_nifi_may_read_the_dead_letters_and_nothing_else(idemflow: Idemflow) -> None:
    loader = idemflow.elasticsearch(idemflow.target().loader)
    assert loader.search(index=DEAD_LETTERS, size=0)["hits"]["total"]["value"] >= 0
    for index in ("idemflow-runs", "idemflow-manifests"):
        with pytest.raises(Exception, match="security_exception"):
            loader.search(index=index)
    with pytest.raises(Exception, match="security_exception"):
        loader.indices.delete(index=DEAD_LETTERS)


def test_the_password_is_not_in_what_the_canvas_shows(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("letters-secret", SOURCE, day="date")
    idemflow.inside(project.path).json("deploy", name)
    client.connect(idemflow.target().nifi)
    (ask,) = [
        one
        for one in process_groups.processors(process_groups.find_id(name))
        if one.component.name == ASK
    ]
    assert idemflow.target().loader.password not in str(ask)


def test_mistakes_have_one_clear_error(idemflow: Idemflow, project: Project) -> None:
    command = idemflow.inside(project.path)
    unknown = command.fail("dead-letters", "list", "poeple")
    assert unknown.code == 2
    name = project.pipeline("letters-none", SOUND)
    command.json("deploy", name)
    assert "no such dead letters" in command.ok("dead-letters", "list", name).stdout
    for arguments, words in (
        (("show", name, "3f8a"), "has no dead letter '3f8a'"),
        (("list", name, "--since", "often"), "neither an age"),
        (("list", name, "--step", ""), "--step is empty"),
        (("export", name, "-o", str(project.path / "none" / "file")), "cannot be written"),
    ):
        result = command.fail("dead-letters", *arguments)
        assert result.code == 2
        assert words in result.stderr

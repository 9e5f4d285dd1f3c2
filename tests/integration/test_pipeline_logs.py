"""``logs PIPELINE``: what NiFi says of one pipeline, and of no other."""

from __future__ import annotations

import signal

import pytest

from idemflow.canvas import client, control, process_groups
from tests.integration.tools import Idemflow, Project

pytestmark = pytest.mark.timeout(300)

LOUD = """
    import sys

    def records(step):
        print("loud \\x1b[31m[red]\\x07 " + str(step))
        if step > 1:
            raise ValueError("no step " + str(step))
        print("a warning", file=sys.stderr)
        yield {"id": 1}
"""
QUIET = """
    def records():
        print("quiet, and not loud")
        yield {"id": 1}
"""


def test_what_is_said_of_one_pipeline(idemflow: Idemflow, project: Project) -> None:
    loud, quiet = project.pipeline("loud", LOUD), project.pipeline("quiet", QUIET)
    project.change(loud, "function: records", "function: records\n  arguments: {step: 1}")
    command = idemflow.inside(project.path)
    assert "is not on the canvas" in command.fail("logs", loud).stderr
    unknown = command.fail("logs", "lout")
    assert (unknown.code, "did you mean 'loud'?" in unknown.stderr) == (2, True)
    command.json("run", quiet)
    command.ok("deploy", loud)
    silent = command.ok("logs", loud)
    assert (silent.stdout, f"next: idemflow logs {loud} --all" in silent.stderr) == ("", True)
    command.json("run", loud)

    entries = command.json("logs", loud)["entries"]
    prints = [one for one in entries if one["message"].startswith("loud")]
    (said,) = prints
    assert (said["level"], said["component"]) == ("INFO", "Collect records")
    assert said["message"] == "loud \x1b[31m[red]\x07 1"
    (warning,) = [one for one in entries if one["message"] == "a warning"]
    assert warning["level"] == "WARN"
    assert not any("quiet" in one["message"] for one in entries)
    assert len(command.json("logs", loud, "-n", "1")["entries"]) == 1
    assert not any("Stopping" in one["message"] for one in entries)
    everything = command.json("logs", loud, "--all", "-n", "500")["entries"]
    assert any("Stopping" in one["message"] for one in everything)
    assert [
        one["message"] for one in command.json("logs", quiet)["entries"] if "loud" in one["message"]
    ] == ["quiet, and not loud"]

    following = command.start("logs", loud, "--follow", "-n", "1")
    try:
        assert following.stdout
        followed = [following.stdout.readline()]
        client.connect(command.target().nifi)
        project.change(loud, "step: 1", "step: 2")
        command.json("deploy", loud)
        control.run_once(process_groups.find_id(loud))
        while "no step 2" not in followed[-1]:
            followed.append(following.stdout.readline())
            assert followed[-1], "it has ended"
    finally:
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=30)
    assert following.returncode == 130
    # The log has what the bulletin says, too: it is told once.
    assert sum("a warning" in line for line in followed) <= 1
    assert any("loud \\x1b[31m[red]\\x07 2" in line for line in followed)
    assert not any("quiet" in line for line in followed)
    command.json("cancel", loud, "--yes")

    shown = command.ok("logs", loud, "-n", "200").stdout
    assert all(one.isprintable() or one in "\n\t" for one in shown)
    assert "Collect records: loud \\x1b[31m[red]\\x07 2" in shown
    failure = next(
        one for one in reversed(command.json("logs", loud, "-n", "400")["entries"])
        if one["level"] == "ERROR"
    )  # fmt: skip
    assert "ValueError: no step 2" in failure["message"]
    assert any("line 7, in records" in line for line in failure["more"]), failure

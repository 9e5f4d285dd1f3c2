"""What ``prune --due`` says in the end of pipelines that it left as they are."""

from __future__ import annotations

import pytest

from idemflow.commands.prune import DuePruned, Left
from idemflow.errors import CanvasError, IdemflowError, PipelineError, PipelineErrors

BAD = PipelineError("flows/bad.yaml", "is not YAML", line=3)
GONE = CanvasError("the canvas is busy", next_command="idemflow status")


def test_nothing_is_wrong() -> None:
    DuePruned().check()


def test_one_is_the_error_itself() -> None:
    done = DuePruned(wrong={"other": GONE})
    assert done.left == [Left("other", "the canvas is busy", "idemflow status")]
    with pytest.raises(CanvasError) as caught:
        done.check()
    assert caught.value is GONE


def test_files_are_told_as_prune_tells_them() -> None:
    assert DuePruned(wrong={"bad": BAD}).left[0].next_command == "idemflow check bad"
    with pytest.raises(PipelineErrors, match=r"^2 mistakes:"):
        DuePruned(wrong={"bad": BAD, "worse": BAD}).check()


def test_several_are_named() -> None:
    with pytest.raises(IdemflowError) as caught:
        DuePruned(wrong={"bad": BAD, "other": GONE}).check()
    assert caught.value.message.splitlines() == [
        "2 pipelines were not pruned:",
        "bad: flows/bad.yaml:3: is not YAML",
        "other: the canvas is busy",
    ]
    assert caught.value.next_command == "idemflow check bad; idemflow status"

"""Random runs, edits, deletes, dead letters, replays, kills and restarts on the real servers.

    SOAK_SECONDS   how long new steps are taken; 60 by default
    SOAK_SEED      take the steps of this seed alone, all of them

Each seed begins with empty servers, so a failure is replayed by its own seed alone.
"""

from __future__ import annotations

import math
import os
import random
import time

import click
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.tools import (
    Idemflow,
    empty_canvas,
    empty_elasticsearch,
    readable_folder,
)
from tests.soak.machine import EXAMPLES, Journal, Soak
from tests.soak.pipeline import Pipeline

SECONDS = float(os.environ.get("SOAK_SECONDS") or 60)
SEED = os.environ.get("SOAK_SEED") or None
ONE_SEED = settings(
    max_examples=EXAMPLES,
    stateful_step_count=16,
    phases=[Phase.generate],  # on real servers a shorter failure would take hours to find
    database=None,
    deadline=None,
    derandomize=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(SECONDS + 1200)
def test_the_servers_hold_what_the_model_says(idemflow: Idemflow) -> None:
    until = time.monotonic() + SECONDS if SEED is None else math.inf
    # Of a failed test the logs below the home go to test-results/.
    journals = idemflow.settings().home / "soak/logs"
    journals.mkdir(parents=True, exist_ok=True)
    while True:
        number = random.randrange(1_000_000) if SEED is None else int(SEED)
        _take_steps(number, Journal(idemflow, journals / f"{number}.log", until))
        if SEED is not None or time.monotonic() > until:
            return


def _take_steps(number: int, made: Journal) -> None:
    @seed(number)
    class Seeded(Soak):
        journal = made

    try:
        with pytest.MonkeyPatch.context() as patch:
            # Hypothesis draws numbers that it finds in the modules that happen to be imported.
            patch.setattr(HypothesisProvider, "_maybe_draw_constant", lambda *_, **__: None)
            run_state_machine_as_test(Seeded, settings=ONE_SEED)
    except Exception as error:
        error.add_note(f"To take the same steps: make soak SEED={number}")
        error.add_note(made.file.read_text())
        raise
    click.echo(f"seed {number}: {made.steps} steps, {made.faults} faults")
    made.file.unlink()


def test_a_document_that_is_lost_or_from_elsewhere_is_seen(idemflow: Idemflow) -> None:
    """What judges the servers can fail."""
    empty_canvas(idemflow)
    empty_elasticsearch(idemflow)
    with readable_folder() as folder:
        pipeline = Pipeline(idemflow, folder, "plain", 5000, lambda _: None)
        pipeline.run()
        elasticsearch = pipeline.ledger.client
        elasticsearch.delete(index=pipeline.name, id="c7")
        with pytest.raises(AssertionError, match="1 documents differ: c7: None, not"):
            pipeline.check()
        del pipeline.model.documents["c7"]
        pipeline.run()
        elasticsearch.index(
            index="idemflow-runs", id="other", document={"pipeline": pipeline.name, "run": "other"}
        )
        with pytest.raises(AssertionError, match="not 2 runs"):
            pipeline.check()
        pipeline.ledger.close()

"""What became of each state of a document that was sent, and how the index compares with them.

Everything that is known is given; nothing is asked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from idemflow.dead_letters.store import Letter
from idemflow.elasticsearch.held import Held
from idemflow.elasticsearch.history import PastRun, run_time
from idemflow.elasticsearch.trace import Sending

State = Literal[
    "as_sent", "deleted", "different", "missing", "on_its_way", "unknown_sender", "absent", "gone"
]
Outcome = Literal[
    "in_index", "deleted", "sent_again", "overwritten", "stale", "dead_letter", "on_its_way",
    "missing", "different", "index_gone",
]  # fmt: skip
Fate = Literal["waits", "went_in", "stale", "dropped"]

_OUTCOMES: dict[State, Outcome] = {
    "as_sent": "in_index",
    "deleted": "deleted",
    "different": "different",
    "missing": "missing",
    "on_its_way": "on_its_way",
    "gone": "index_gone",
}


@dataclass(frozen=True)
class Now:
    """What an index has under the id, compared with what was sent to it.

    Attributes:
        index: its name.
        current: whether the pipeline's readers look at it.
        state: ``as_sent``; ``deleted``, as was sent; ``different`` or ``missing``, unlike what was
            sent; ``on_its_way`` where that may still change; ``unknown_sender`` where no known run
            sent what is there; ``absent`` where none sent anything that went in; ``gone`` where the
            index is not there.
        version: the document's version, or that of its delete.
        content: the hash of its content.
        document: the document.
        sent_by: the run whose state counts.
        sent_content: the hash of that; empty for a delete.
        sent_version: its version, where the pipeline has versions.
    """

    index: str
    current: bool
    state: State
    version: int | None = None
    content: str | None = None
    document: Mapping[str, Any] | None = None
    sent_by: str | None = None
    sent_content: str | None = None
    sent_version: int | None = None

    @property
    def equal(self) -> bool | None:
        """Whether it is what was sent last; ``None`` where that cannot be told."""
        if self.state in ("as_sent", "deleted"):
            return True
        return False if self.state in ("different", "missing") else None


@dataclass(frozen=True)
class Step:
    """A run that sent something under the id.

    Attributes:
        run: the run's id.
        pipeline: the pipeline's name.
        index: the index that it was meant for; ``None`` where that is not known.
        trigger: what started the run; ``None`` where that is not known.
        started: when, as ISO 8601 has it.
        source: the file that the record comes from, if it comes from one.
        position: its place in the source.
        operation: ``index`` or ``delete``; ``None`` where that is not known.
        version: the record's version, where the pipeline has versions.
        content: the content hash; empty for a delete, ``None`` where it is not known.
        records: how many records of the run have the id; ``None`` where that is not known.
        collisions: those of them beyond the first that have another content.
        outcome: what became of the one that counts.
        folded: whether this is from a baseline, which has the states that count alone.
        last: of a folded one the last run that sent the id, in this state or an older one.
        letter: the dead letter that it became, or that another record of the run did.
        fate: what became of that: it ``waits``, its record ``went_in`` with a later run, was found
            ``stale``, or it was ``dropped``.
        fate_run: the later run.
        reason: why it became a dead letter, where that is still known.
        refused_by: the step that refused it, where that is still known.
    """

    run: str
    pipeline: str
    index: str | None
    trigger: str | None
    started: str | None
    source: str | None
    position: str | None
    operation: str | None
    version: int | None
    content: str | None
    records: int | None
    collisions: int
    outcome: Outcome
    folded: bool = False
    last: str = ""
    letter: str | None = None
    fate: Fate | None = None
    fate_run: str | None = None
    reason: str | None = None
    refused_by: str | None = None


def counting(sendings: Iterable[Sending]) -> dict[str, Sending]:
    """Of each index the state that counts: the newest version, of equal ones the later.

    Args:
        sendings: the newest runs first.
    """
    found: dict[str, Sending] = {}
    for one in sendings:
        if one.refused is None and _newer(one, found.get(one.index)):
            found[one.index] = one
    return found


def compared(held: Held, counts: Sending | None, *, current: bool, busy: bool) -> Now:
    """Compare what an index has with what was sent to it.

    Args:
        held: what it has.
        counts: the state that counts of what was sent; ``None`` where nothing is known.
        current: whether the pipeline's readers look at it.
        busy: whether records are on their way.
    """
    contents = held.contents
    state: State
    if not held.there:
        state = "gone"
    elif counts is None:
        state = "absent" if held.document is None else "unknown_sender"
    elif not counts.digest:
        state = "deleted" if held.document is None else "different"
    elif held.document is None:
        state = "missing"
    else:
        state = "as_sent" if counts.digest in contents else "different"
    if busy and state in ("different", "missing", "unknown_sender"):
        state = "on_its_way"
    known = counts.digest if counts and counts.digest in contents else None
    return Now(
        index=held.index,
        current=current,
        state=state,
        version=held.version,
        content=known or next(iter(contents), None),
        document=held.document,
        sent_by=counts.run if counts else None,
        sent_content=counts.digest if counts else None,
        sent_version=counts.version if counts else None,
    )


def steps(
    sendings: Sequence[Sending],
    runs: Mapping[str, PastRun],
    letters: Sequence[Letter],
    now: Mapping[str, Now],
) -> list[Step]:
    """What became of each state that was sent, the newest runs first.

    Args:
        sendings: what runs sent, the newest first.
        runs: what the ledger knows of these runs.
        letters: the dead letters of the id that wait.
        now: what each index has.
    """
    counts = counting(sendings)
    found = [
        _step(one, sendings, runs.get(one.run), letters, counts.get(one.index), now.get(one.index))
        for one in sendings
    ]
    told = {one.letter for one in found}
    # Identify refuses before anything is noted of an id: such a letter is all that is known.
    found += (_of_letter(one, runs.get(one.run)) for one in letters if one.id not in told)
    return sorted(found, key=lambda one: one.run, reverse=True)


def time_of(run: str) -> str | None:
    """When a run was triggered, as its id tells; ``None`` of an id of another form."""
    found, thousandths = run_time(run), run[15:18]
    if found is None or run[18:19] != "-" or not (thousandths.isascii() and thousandths.isdigit()):
        return None
    return f"{found:%Y-%m-%dT%H:%M:%S}.{thousandths}Z"


def _step(
    one: Sending,
    sendings: Sequence[Sending],
    run: PastRun | None,
    letters: Sequence[Letter],
    counts: Sending | None,
    now: Now | None,
) -> Step:
    letter = _letter(one, letters) if one.given_up else None
    fate, fate_run = _fate(one, sendings, letter) if one.given_up else (None, None)
    position = None if one.position is None else str(one.position)
    return Step(
        run=one.run,
        pipeline=one.pipeline,
        index=one.index,
        trigger=run.trigger if run else None,
        started=(run.started if run else None) or time_of(one.run),
        source=one.source,
        position=position,
        operation=None if not (one.records or one.last) else "index" if one.digest else "delete",
        version=one.version,
        content=one.digest if one.records or one.last else None,
        records=None if one.last else one.records,
        collisions=one.collisions,
        outcome=_outcome(one, counts, now),
        folded=bool(one.last),
        last=one.last,
        letter=letter.id if letter else None,
        fate=fate,
        fate_run=fate_run,
        reason=letter.reason if letter else None,
        refused_by=letter.step if letter else "Load" if one.given_up else None,
    )


def _outcome(one: Sending, counts: Sending | None, now: Now | None) -> Outcome:
    if one.refused is not None:
        return "dead_letter" if one.refused == "given_up" else "stale"
    if now is None or now.state == "gone":
        return "index_gone"
    if counts is None or one is counts:
        return _OUTCOMES.get(now.state, "missing")
    if counts.run < one.run:
        return "stale"  # an earlier run had sent a newer version
    same = (one.digest, one.version) == (counts.digest, counts.version)
    return "sent_again" if same else "overwritten"


def _letter(one: Sending, letters: Sequence[Letter]) -> Letter | None:
    """The dead letter of a run's refusal: it has the last run that was refused."""
    fitting = [
        # Where the one that counts went in, it was another record of the run.
        letter
        for letter in letters
        if one.refused is None or letter.version == one.version
    ]
    of_run = (letter for letter in fitting if letter.run == one.run)
    later = (letter for letter in fitting if letter.run > one.run)
    return next(of_run, None) or next(later, None)


def _fate(
    one: Sending, sendings: Sequence[Sending], letter: Letter | None
) -> tuple[Fate, str | None]:
    refused = max(one.run, letter.run) if letter else one.run
    later = [
        other
        for other in reversed(sendings)
        if max(other.run, other.last) > refused
        and other.index == one.index
        and (None in (other.version, one.version) or other.version >= one.version)  # type: ignore[operator]
    ]
    for other in later:
        if other.refused is None:  # what is left of the letter goes with the next look at them
            return "went_in", max(other.run, other.last)
    if letter is not None:
        return "waits", None if letter.run == one.run else letter.run
    for other in later:
        if other.refused == "stale":
            return "stale", other.run
    return "dropped", None


def _of_letter(letter: Letter, run: PastRun | None) -> Step:
    return Step(
        run=letter.run,
        pipeline=letter.pipeline,
        index=None,
        trigger=run.trigger if run else None,
        started=(run.started if run else None) or time_of(letter.run) or letter.time,
        source=letter.source,
        position=letter.position,
        operation="delete" if letter.delete else "index",
        version=letter.version,
        content=None,
        records=None,
        collisions=0,
        outcome="dead_letter",
        letter=letter.id,
        fate="waits",
        reason=letter.reason,
        refused_by=letter.step,
    )


def _newer(one: Sending, known: Sending | None) -> bool:
    """Whether a state counts rather than that of a later run."""
    if known is None:
        return True
    return None not in (one.version, known.version) and one.version > known.version  # type: ignore[operator]

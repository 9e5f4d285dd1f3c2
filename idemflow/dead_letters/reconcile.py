"""Deletes the dead letters whose record has gone in since.

Both rules read Elasticsearch alone, so they may be applied at any time, by any command: what a
killed command left undone, the next one does. A letter that is deleted while its record is still
on its way is not lost: it waits in NiFi's queues, and becomes a dead letter again if it must.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from idemflow.dead_letters import store as dead_letters
from idemflow.dead_letters.store import Letter, letter_of
from idemflow.elasticsearch.ledger import CHUNKS, DEAD_LETTERS, RUNS, Ledger
from idemflow.elasticsearch.manifests import MANIFESTS
from idemflow.steps.rules.manifest import unpack


def reconcile(ledger: Ledger, pipeline: str) -> int:
    """Delete the letters of a pipeline whose record went in: by a replay, or by a later run.

    Args:
        ledger: the ledger.
        pipeline: the pipeline's name.

    Returns:
        How many were deleted.
    """
    query = {"term": {"pipeline": pipeline}}
    fields = ["run", "record_id", "replay", "checked"]
    letters = [letter_of(hit) for hit in ledger.hits(DEAD_LETTERS, query, source=fields)]
    if not letters:
        return 0
    gone = _sent_again(ledger, letters)
    rest = [letter for letter in letters if letter.id not in gone]
    gone |= _arrived(ledger, pipeline, rest)
    return dead_letters.delete(ledger, (letter for letter in letters if letter.id in gone))


def _sent_again(ledger: Ledger, letters: Iterable[Letter]) -> set[str]:
    """The letters that a replay sent and that did not come back: the flow writes a letter anew,
    without the mark, when its record is refused again."""
    marked = sorted((one for one in letters if one.replay), key=lambda one: str(one.replay))
    gone: set[str] = set()
    for replay, sent in groupby(marked, key=lambda one: str(one.replay)):
        gone |= {letter.id for letter in sent} & _accounted(ledger, replay)
    return gone


def _accounted(ledger: Ledger, replay: str) -> set[str]:
    """The letters that a replay has sent; none until each of their records has come to an end."""
    summaries = list(ledger.hits(RUNS, {"term": {"run": replay}}, source=["records"]))
    if not summaries:
        return set()
    taken = 0
    sent: set[str] = set()
    ended: set[str] = set()
    ids: dict[str, set[str]] = defaultdict(set)
    for hit in ledger.hits(MANIFESTS, {"term": {"run": replay}}, page=CHUNKS):
        chunk = hit["_source"]
        taken += _taken(chunk)
        sent.update(chunk.get("letters", ()))
        ended |= _ended(chunk, "stale") | _ended(chunk, "given_up")
        # An entry without a content hash is a delete: there is nothing to look for.
        ids[chunk["index"]].update(entry[0] for entry in unpack(chunk["entries"]) if entry[1])
    if taken < summaries[0]["_source"]["records"]:
        return set()
    for index, wanted in ids.items():
        missing = wanted - ended
        if ledger.existing(index, missing) != missing:
            return set()
    return sent


def _arrived(ledger: Ledger, pipeline: str, letters: Iterable[Letter]) -> set[str]:
    """The letters whose record a later run has sent and got in, as its id is in the index.

    That the index has a newer version of the record already counts as well.
    """
    waiting = [letter for letter in letters if letter.record_id]
    if not waiting:
        return set()
    since = min(_checked(letter) for letter in waiting)
    later = _later(ledger, pipeline, since, {str(letter.record_id) for letter in waiting})
    gone: set[str] = set()
    asked: dict[str, list[Letter]] = defaultdict(list)
    for letter in waiting:
        found = [sent for sent in later.sent[str(letter.record_id)] if sent[0] > letter.run]
        if found:
            _, index, digest = max(found)
            if digest:
                asked[index].append(letter)
            else:
                gone.add(letter.id)
    pending: set[str] = set()
    for index, ones in asked.items():
        there = ledger.existing(index, {str(letter.record_id) for letter in ones})
        for letter in ones:
            (gone if letter.record_id in there else pending).add(letter.id)
    # A note costs a write a letter: it pays where far more was read than that.
    if later.complete and later.read > 10 * len(waiting):
        known = gone | pending
        behind = [one for one in waiting if one.id not in known and _checked(one) < later.complete]
        dead_letters.note_checked(ledger, behind, later.complete)
    return gone


@dataclass(frozen=True)
class _Later:
    """What runs after a certain one sent.

    Attributes:
        sent: for each id that was asked for: run, index and content hash, of each time it was
            sent and not refused.
        complete: the last run up to which all manifests are whole; empty if there is none.
        read: how many entries were read.
    """

    sent: Mapping[str, list[tuple[str, str, str]]]
    complete: str
    read: int


def _later(ledger: Ledger, pipeline: str, since: str, wanted: Set[str]) -> _Later:
    query = {
        "bool": {"filter": [{"term": {"pipeline": pipeline}}, {"range": {"run": {"gt": since}}}]}
    }
    records = {
        hit["_id"]: int(hit["_source"]["records"])
        for hit in ledger.hits(RUNS, query, source=["records"])
    }
    sent: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    refused: set[tuple[str, str]] = set()
    taken: dict[str, int] = defaultdict(int)
    read = 0
    for hit in ledger.hits(MANIFESTS, query, page=CHUNKS):
        chunk = hit["_source"]
        run = chunk["run"]
        taken[run] += _taken(chunk)
        entries = unpack(chunk["entries"])
        read += len(entries)
        for identifier, digest, _ in entries:
            if identifier in wanted:
                sent[identifier].append((run, chunk["index"], digest))
        refused.update((run, identifier) for identifier in _ended(chunk, "given_up") & wanted)
    for identifier, times in sent.items():
        sent[identifier] = [one for one in times if (one[0], identifier) not in refused]
    return _Later(sent, _complete(records, taken), read)


def _ended(chunk: Mapping[str, Any], how: str) -> set[str]:
    """The ids of a chunk that ended in another way than in the index."""
    return {identifier for identifier, *_ in unpack(chunk[how])} if how in chunk else set()


def _checked(letter: Letter) -> str:
    return max(letter.run, letter.checked or "")


def _complete(records: Mapping[str, int], taken: Mapping[str, int]) -> str:
    """The last run up to which all manifests are whole; empty if there is none.

    Args:
        records: how many records each run collected, as far as that is known.
        taken: for how many of them the manifests account.
    """
    last = ""
    for run in sorted(records.keys() | taken.keys()):
        if run not in records or taken.get(run, 0) < records[run]:
            break
        last = run
    return last


def _taken(chunk: Mapping[str, Any]) -> int:
    """How many of the collected records a chunk of a manifest accounts for."""
    return int(chunk["taken"])

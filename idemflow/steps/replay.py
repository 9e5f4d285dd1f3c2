"""The Unpack step of a replay: a page of dead letters in, a FlowFile a letter out.

Runs inside NiFi: standard library only. ``idemflow dead-letters replay`` and the flow share
nothing but Elasticsearch: the command marks letters with the replay's run id and a page number,
the flow asks for page after page until one is empty. Which letters it sent stands in the ledger,
written in the same session as the letters themselves: only those are ever deleted.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from idemflow.steps import flow_file
from idemflow.steps.chunks import send_summary
from idemflow.steps.ledger_entry import EMPTY, TOMBSTONE, attributes_of

# The value of the parameter while no replay is started.
NONE = "none"
COMPRESSED = "zlib+base64"
# Letters of a page, at most; and the size of their contents unless one alone is larger.
PAGE_LETTERS = 1000
PAGE_BYTES = 10 * 1024 * 1024
# A letter comes from Elasticsearch: it is not trusted to be small. More than this could not be
# sent back to Elasticsearch either (its http.max_content_length is 100 MB).
_MAX_BYTES = 256 * 1024 * 1024


def content_of(letter: Mapping[str, Any]) -> str:
    """The record that a dead letter keeps, as it was sent.

    Args:
        letter: the letter's document; ``content``, and ``content_encoding`` if it is compressed.

    Raises:
        ValueError: the content cannot be unpacked.
    """
    content, encoding = letter.get("content"), letter.get("content_encoding")
    if not isinstance(content, str):
        raise ValueError("the letter has no content")
    if encoding is None:
        return content
    if encoding != COMPRESSED:
        raise ValueError(f"the letter's content has an unknown encoding: {encoding!r}")
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(base64.b64decode(content, validate=True), _MAX_BYTES)
    except (zlib.error, ValueError) as error:
        raise ValueError(f"the letter's content cannot be unpacked: {error}") from error
    if not inflater.eof:
        raise ValueError("the letter's content is cut off or too large")
    return data.decode("utf-8", "backslashreplace")


def as_line(text: str) -> str | None:
    """A JSON object as one line, every character of its values kept; ``None`` if it is none."""
    try:
        if not isinstance(json.loads(text), dict):
            return None
    except (ValueError, RecursionError):
        return None
    # Inside a JSON text a line break can only be white space: in strings it must be escaped.
    return text.replace("\r", " ").replace("\n", " ").strip()


def describe(letter: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """What goes through the pipeline again for a letter.

    Args:
        letter: the letter's document.

    Returns:
        The record's text, and the attributes of its FlowFile.

    Raises:
        ValueError: the content cannot be unpacked.
    """
    text = content_of(letter)
    position = str(letter.get("position") or "1")
    attributes = {
        "idemflow.position": position,
        "idemflow.positions": position,
        "idemflow.attempts": str(int(letter.get("attempts") or 1) + 1),
    }
    for name in ("source", "modified", "index"):
        if letter.get(name):
            attributes[f"idemflow.{name}"] = str(letter[name])
    if letter.get("stage") == "document":
        attributes["idemflow.transformed"] = "true"
    if letter.get("version") is not None:
        attributes["idemflow.letter.version"] = str(letter["version"])
    line = as_line(text)
    if line is not None and letter.get("delete") and json.loads(line) == json.loads(TOMBSTONE):
        # There is no record that it could be made of again.
        attributes["idemflow.tombstone"] = str(letter.get("record_id"))
    if line is None or letter.get("replaced"):
        # Not a record, or not as it was: it cannot go in. Back to where it was, for the same
        # reason.
        if letter.get("replaced"):
            attributes["idemflow.replaced"] = "true"
        attributes["idemflow.reason"] = str(letter.get("reason") or "not a JSON object")
        attributes["idemflow.step"] = str(letter.get("step") or "Identify")
    return text if line is None else line, attributes


def unpack_letters(session: Any, success: Any, failure: Any, *, pipeline: str) -> None:
    """Turn one answer of Elasticsearch into the letters of a page and the question for the next.

    Args:
        success: the relationship of letters, of the manifest, and of the run's summary at the end.
        failure: the relationship of the next question, or of the same one when the answer is not
            Elasticsearch's.
    """
    answer = session.get()
    if answer is None:
        return
    run = answer.getAttribute("idemflow.replay")
    if not run or run == NONE:
        # Somebody started the trigger on the canvas: no letters are marked for that.
        session.remove(answer)
        return
    try:
        hits = json.loads(flow_file.read(session, answer))["hits"]["hits"]
        letters = [(str(hit["_id"]), dict(hit["_source"])) for hit in hits]
    except (ValueError, LookupError, TypeError):
        session.transfer(session.penalize(answer), failure)
        return

    def queue(relationship: Any, content: str, attributes: dict[str, str]) -> None:
        data = content.encode("utf-8", "backslashreplace")
        session.transfer(flow_file.create(session, answer, data, attributes), relationship)

    sent = int(answer.getAttribute("idemflow.sent") or 0)
    page = int(answer.getAttribute("idemflow.page"))
    if letters:
        taken = []
        for identifier, letter in letters:
            try:
                text, attributes = describe(letter)
            except ValueError:
                continue  # It stays a dead letter: only what is sent is ever deleted.
            known = {"idemflow.run": run, "idemflow.letter": identifier}
            queue(success, text, attributes | known)
            taken.append(identifier)
        # It accounts for no record, but names what was sent.
        manifest = {"index": "idemflow-dead-letters", **EMPTY, "letters": taken}
        text = json.dumps({"pipeline": pipeline, "run": run, **manifest})
        queue(success, text, attributes_of("manifest", run, f"{run}:page-{page}"))
        following = {"idemflow.page": str(page + 1), "idemflow.sent": str(sent + len(taken))}
        queue(failure, "", following)
    else:
        send_summary(
            session, success, answer, pipeline=pipeline, records=sent, arguments="{}", replay=True
        )
    session.remove(answer)

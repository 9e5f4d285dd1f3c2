"""A request that is refused whatever is in it is told from an outage by its status."""

from __future__ import annotations

import pytest

from idemflow.canvas import monitoring
from idemflow.canvas.monitoring import Activity, Bulletin
from idemflow.commands._refused import RefusedRequests, refuses
from idemflow.errors import RequestRefused

OURS = (
    "PutElasticsearchJson[id=0189] 20 FlowFiles go to retry. Elasticsearch at https://es:9200 "
    "refuses every request of this processor (HTTP 400), whatever documents are in it: "
    "illegal_argument_exception: request [/_bulk] contains unrecognized parameter: [frehs]"
)
OFFICIAL = (
    "PutElasticsearchJson[id=0189] Encountered a server-side problem: method [POST], host "
    "[https://es:9200], URI [/_bulk?frehs=true], status line [HTTP/1.1 400 Bad Request]"
)
WAITING = Activity(
    queued=1, queued_bytes=1, active=0, running=5, stopped=0, invalid=0, queues={"retry": 1}
)


@pytest.mark.parametrize(
    ("level", "message", "refused"),
    [
        ("ERROR", OURS, True),
        ("ERROR", OFFICIAL, True),
        ("WARNING", OURS, False),
        ("ERROR", "Elasticsearch at https://es:9200 answers HTTP 429: busy", False),
        ("ERROR", "status line [HTTP/1.1 503 Service Unavailable]", False),
        ("ERROR", "HTTP 4000", False),
        ("ERROR", 'a document is refused: {"status":400}', False),
    ],
)
def test_the_status_of_a_whole_request_is_read(level: str, message: str, refused: bool) -> None:
    assert refuses(Bulletin(1, level, "Put documents", message)) is refused


def test_the_second_refusal_of_a_step_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [
        Bulletin(7, "ERROR", "Put documents", OURS),
        Bulletin(8, "ERROR", "Keep dead letters", OURS),
        Bulletin(9, "ERROR", "a step of the user's", OURS),
        Bulletin(10, "ERROR", "a step of the user's", OURS),
    ]
    monkeypatch.setattr(
        monitoring, "bulletins", lambda _group, after: [one for one in told if one.id > after]
    )
    RefusedRequests("people", "group", 6).check(WAITING)
    told.append(Bulletin(11, "ERROR", "Put documents", OURS))
    RefusedRequests("people", "group", 7).check(WAITING)
    with pytest.raises(RequestRefused) as raised:
        RefusedRequests("people", "group", 6).check(WAITING)
    assert "'Put documents'" in raised.value.message
    assert "unrecognized parameter: [frehs]" in raised.value.message
    assert "[id=" not in raised.value.message
    assert raised.value.exit_code == 1

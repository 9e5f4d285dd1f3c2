"""Messages: a second run sends them again."""

from __future__ import annotations

from collections.abc import Iterator

from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Flow, Path
from idemflow.audit.rules import shaping
from idemflow.audit.rules.rule import Rule
from idemflow.audit.state import From, evaluate

SENT_AGAIN = Rule(
    "message-sent-again", Effect.DUPLICATES, Sure.CERTAIN,
    "Each run sends all messages again.",
    "send an id that comes from the record along, and have the receiver drop what it knows",
)  # fmt: skip
KAFKA_AGAIN = Rule(
    "kafka-sent-again", Effect.DUPLICATES, Sure.CERTAIN,
    "Each run publishes all records again; a topic keeps both.",
    "set Kafka Key (or Message Key Field) to the record's id and compact the topic, or have the "
    "consumer drop what it knows",
)  # fmt: skip
KAFKA_KEYED = Rule(
    "kafka-keyed", Effect.DUPLICATES, Sure.DEPENDS,
    "Each run publishes all records again: a compacted topic keeps the last of each key, any other "
    "keeps all.",
    "compact the topic (cleanup.policy=compact), or have the consumer drop what it knows",
)  # fmt: skip
KAFKA_PARTLY = Rule(
    "kafka-no-transactions", Effect.DUPLICATES, Sure.LIKELY,
    "Where publishing fails halfway, what is out already is published again with the rest.",
    "set Transactions Enabled to true, and consumers to read_committed",
)  # fmt: skip
RULES = (SENT_AGAIN, KAFKA_AGAIN, KAFKA_KEYED, KAFKA_PARTLY)

KAFKA = ("PublishKafka", "PublishKafka_2_6", "PublishKafkaRecord_2_6")
TYPES = {
    "PublishJMS", "PublishAMQP", "PublishMQTT", "PublishGCPubSub", "PublishSlack", "PutSQS",
    "PutSNS", "PutKinesisStream", "PutKinesisFirehose", "PutEmail", "PutSyslog", "PutTCP", "PutUDP",
    "PutWebSocket", "PutSplunk", "PutSplunkHTTP", "PutAzureEventHub", "PutAzureQueueStorage_v12",
    "PutZendeskTicket", "PutCloudWatchMetric", "SendTrapSNMP", "PutLambda",
}  # fmt: skip


def check(flow: Flow) -> Iterator[Finding]:
    """The findings of this family."""
    for path in flow.paths:
        sure = shaping.sure_of(path, Sure.CERTAIN, frozenset())
        if path.sink.type in TYPES:
            why = f"{path.sink.type} has no id to tell a message that was sent before"
            yield SENT_AGAIN.found(path.sink, why, path, sure=sure)
        elif path.sink.type in KAFKA:
            yield from _kafka(path, sure)


def _kafka(path: Path, sure: Sure) -> Iterator[Finding]:
    node = path.sink
    key = node.get("Kafka Key")
    field = node.get("Message Key Field")
    found = evaluate(key, path.state, node.id) if key else path.state.field(f"/{field}")
    if not (key or field):
        yield KAFKA_AGAIN.found(node, "neither Kafka Key nor Message Key Field is set", path,
                                sure=sure)  # fmt: skip
    elif all(item.kind is From.RECORD for item in found):
        yield KAFKA_KEYED.found(node, f"the key is {key or field}", path)
    else:
        why = min(item.why for item in found if item.kind is not From.RECORD)
        yield KAFKA_AGAIN.found(node, f"the key {key or field}: {why}", path, sure=sure)
    if node.get("Transactions Enabled", "true").lower() == "false":
        yield KAFKA_PARTLY.found(node, "Transactions Enabled is false", path)

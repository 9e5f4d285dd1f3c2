"""The processors of Apache NiFi that the audit knows, and what each does to a FlowFile.

What is not here is unknown, and said to be so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from idemflow.audit.graph import Node


class Role(StrEnum):
    """What a processor does to a FlowFile."""

    SOURCE = "source"
    READ = "reads from outside"
    PASS = "leaves it as it is"
    CHANGE = "changes its content"
    EXTRACT = "makes attributes of its content"
    SPLIT = "makes several of it"
    MERGE = "makes one of several"
    SCRIPT = "runs a script"
    SINK = "writes outside"


class Again(StrEnum):
    """What a source gives in a second run."""

    ALL = "all of it again"
    STATE = "what is new, by its state"
    TAKES = "what is left: it takes away what it read"
    SENT = "what somebody sends"


@dataclass(frozen=True)
class Kind:
    """A type of processors.

    Attributes:
        role: what it does.
        made: relationships whose FlowFiles are made anew: children of a split, a merged one.
        again: what a source gives in a second run.
        names: patterns of attributes that it sets, the same in each run.
        chance: patterns of attributes that it sets, different in each run.
        named: whether the filename that it sets is that of something outside.
    """

    role: Role
    made: frozenset[str] = frozenset()
    again: Again | None = None
    names: tuple[str, ...] = ()
    chance: tuple[str, ...] = ()
    named: bool = False


def _all(text: str, kind: Kind) -> dict[str, Kind]:
    return dict.fromkeys(text.split(), kind)


_FILE = (
    "path",
    "absolute.path",
    "file.*",
    "*.bucket",
    "s3.*",
    "gcs.*",
    "azure.*",
    "hdfs.*",
    "size",
)
_SPLIT = frozenset({"split", "splits", "success", "matched"})
# Patterns; a split and a query number what they make.
_PIECES = ("fragment.index", "fragment.count", "segment.original.filename", "record.count",
           "mime.type", "tablename", "text.line.count")  # fmt: skip
_PIECES_CHANCE = ("fragment.identifier", "*.duration", "executesql.query.*", "input.flowfile.uuid")

KINDS: Mapping[str, Kind] = {
    "GenerateFlowFile": Kind(Role.SOURCE, again=Again.ALL, names=("mime.type",)),
    "GenerateRecord": Kind(Role.SOURCE, again=Again.ALL, names=("record.count", "mime.type")),
    **_all(
        "ListFile ListSFTP ListFTP ListS3 ListHDFS ListGCSBucket ListSmb ListDropbox ListBoxFile "
        "ListAzureBlobStorage_v12 ListAzureDataLakeStorage ListGoogleDrive",
        Kind(Role.SOURCE, again=Again.STATE, names=_FILE, named=True),
    ),
    **_all(
        "QueryDatabaseTable QueryDatabaseTableRecord",
        Kind(Role.SOURCE, again=Again.STATE, names=(*_PIECES, "maxvalue.*"), chance=_PIECES_CHANCE),
    ),
    "GenerateTableFetch": Kind(
        Role.SOURCE, again=Again.STATE, names=("generatetablefetch.*", *_PIECES),
        chance=_PIECES_CHANCE,
    ),
    **_all(
        "ListDatabaseTables GetHubSpot GetShopify GetZendesk QuerySalesforceObject "
        "QueryAirtableTable ConsumeElasticsearch ConsumeBoxEvents ConsumeBoxEnterpriseEvents "
        "TailFile GetAsanaObject GetWorkdayReport GetHDFSEvents",
        Kind(Role.SOURCE, again=Again.STATE, names=("mime.type", "record.count", "db.table.*")),
    ),
    **_all(
        "GetMongo GetMongoRecord PaginatedJsonQueryElasticsearch JsonQueryElasticsearch "
        "SearchElasticsearch ExecuteProcess GetSNMP QueryAzureDataExplorer",
        Kind(Role.READ, again=Again.ALL, names=("mime.type", "hit.count", "page.number")),
    ),
    **_all(
        "GetFile GetSFTP GetFTP GetSmbFile GetHDFS GetHDFSSequenceFile",
        Kind(Role.SOURCE, again=Again.TAKES, names=_FILE, named=True),
    ),
    **_all(
        "ConsumeKafka ConsumeKafka_2_6 ConsumeKafkaRecord_2_6 ConsumeKinesis ConsumeKinesisStream "
        "ConsumeAzureEventHub GetAzureEventHub",
        Kind(Role.SOURCE, again=Again.STATE,
             names=("kafka.*", "aws.kinesis.*", "eventhub.*", "mime.type", "record.count")),
    ),
    **_all(
        "ConsumeJMS ConsumeAMQP ConsumeMQTT ConsumeGCPubSub GetSQS ConsumeIMAP ConsumePOP3 "
        "GetAzureQueueStorage_v12 CaptureChangeMySQL ConsumeSlack",
        Kind(Role.SOURCE, again=Again.TAKES,
             names=("jms_messageID", "amqp$messageId", "gcp.pubsub.messageId", "sqs.message.id",
                    "hash.value", "mime.type")),
    ),
    **_all(
        "HandleHttpRequest ListenHTTP ListenTCP ListenUDP ListenUDPRecord ListenSyslog ListenFTP "
        "ListenOTLP ListenSlack ListenTrapSNMP ListenWebSocket ConnectWebSocket ConsumeTwitter",
        Kind(Role.SOURCE, again=Again.SENT, names=("http.*", "restlistener.*", "tcp.*", "syslog.*"),
             chance=("http.context.identifier",)),
    ),
    **_all(
        "ExecuteSQL ExecuteSQLRecord",
        Kind(Role.READ, made=frozenset({"success"}), again=Again.ALL, names=_PIECES,
             chance=_PIECES_CHANCE),
    ),
    "InvokeHTTP": Kind(
        Role.SINK, made=frozenset({"Response"}), again=Again.ALL,
        names=("invokehttp.status.*", "invokehttp.request.url", "mime.type"),
        chance=("invokehttp.tx.id", "invokehttp.request.duration"),
    ),
    **_all(
        "FetchFile FetchSFTP FetchFTP FetchS3Object FetchHDFS FetchGCSObject FetchSmb FetchDropbox "
        "FetchAzureBlobStorage_v12 FetchAzureDataLakeStorage FetchBoxFile FetchGoogleDrive "
        "FetchGridFS FetchParquet FetchDistributedMapCache LookupRecord LookupAttribute "
        "GetDynamoDB GetElasticsearch GetCouchbase",
        Kind(Role.READ, names=(*_FILE, "mime.type")),
    ),
    **_all(
        "RouteOnAttribute RouteOnContent RouteText ControlRate DistributeLoad LogAttribute "
        "LogMessage UpdateCounter UpdateGauge MonitorActivity Wait Notify EnforceOrder "
        "DetectDuplicate ValidateJson ValidateXml ValidateCsv CountText CalculateRecordStats "
        "ScanAttribute ScanContent RetryFlowFile HandleHttpResponse "
        "IdentifyMimeType CountFlowFiles",
        Kind(Role.PASS, names=("RouteOnAttribute.Route", "mime.type", "*.count")),
    ),
    "DuplicateFlowFile": Kind(Role.PASS, names=("copy.index",)),
    **_all(
        "ConvertRecord ValidateRecord ConvertCharacterSet CompressContent ModifyCompression "
        "ModifyBytes ReplaceText ReplaceTextWithMapping JoltTransformJSON JoltTransformRecord "
        "JSLTTransformJSON FlattenJson TransformXml AttributesToJSON AttributesToCSV EncodeContent "
        "QueryRecord RemoveRecordField RenameRecordField ConvertAvroToParquet JsonTransform "
        "DecryptContentPGP DecryptContentAge UpdateRecord DeduplicateRecord",
        Kind(Role.CHANGE, names=("mime.type", "record.count", "JSONAttributes", "CSVData")),
    ),
    **_all(
        "EvaluateJsonPath EvaluateXPath EvaluateXQuery ExtractText ExtractGrok ExtractAvroMetadata "
        "ExtractRecordSchema ExtractHL7Attributes ExtractEmailHeaders ExtractImageMetadata "
        "ExtractMediaMetadata CryptographicHashContent",
        Kind(Role.EXTRACT),
    ),
    **_all(
        "SplitJson SplitText SplitRecord SplitXml SplitAvro SplitContent SplitExcel ForkRecord "
        "PartitionText UnpackContent ExtractEmailAttachments SplitPCAP",
        Kind(Role.SPLIT, made=_SPLIT | {"fork"}, names=_PIECES, chance=_PIECES_CHANCE),
    ),
    "PartitionRecord": Kind(
        Role.SPLIT, made=frozenset({"success"}), names=_PIECES, chance=_PIECES_CHANCE
    ),
    **_all(
        "MergeContent MergeRecord PackageFlowFile",
        Kind(Role.MERGE, made=frozenset({"merged", "success"}),
             names=("merge.count", "record.count", "mime.type"),
             chance=("merge.bin.age", "merge.uuid")),
    ),
    "UpdateAttribute": Kind(Role.PASS),
    **_all(
        "ExecuteScript ExecuteGroovyScript InvokeScriptedProcessor ScriptedTransformRecord "
        "ScriptedFilterRecord ScriptedPartitionRecord ScriptedValidateRecord ExecuteStreamCommand",
        Kind(Role.SCRIPT),
    ),
    **_all(
        "PutElasticsearchJson PutElasticsearchRecord PutDatabaseRecord PutSQL PutMongo "
        "PutMongoRecord PutMongoBulkOperations PutDynamoDB PutDynamoDBRecord PutRecord "
        "PutAzureCosmosDBRecord PutIcebergRecord PutBigQuery PutRedisHashRecord PutCouchbase "
        "PutSalesforceObject PutSnowflakeInternalStage PutIoTDBRecord PutAzureDataExplorer "
        "DeleteByQueryElasticsearch UpdateByQueryElasticsearch UpdateDatabaseTable "
        "DeleteMongo DeleteDynamoDB DeleteFile DeleteS3Object DeleteSFTP DeleteHDFS "
        "DeleteGCSObject DeleteAzureBlobStorage_v12 DeleteAzureDataLakeStorage DeleteGridFS "
        "PutFile PutS3Object PutGCSObject PutAzureBlobStorage_v12 PutAzureDataLakeStorage PutHDFS "
        "PutSFTP PutFTP PutSmbFile PutDropbox PutGoogleDrive PutBoxFile PutGridFS PutParquet "
        "PutDistributedMapCache "
        "PublishKafka PublishKafka_2_6 PublishKafkaRecord_2_6 PublishJMS PublishAMQP PublishMQTT "
        "PublishGCPubSub PublishSlack PutSQS PutSNS PutKinesisStream PutKinesisFirehose PutEmail "
        "PutSyslog PutTCP PutUDP PutWebSocket PutSplunk PutSplunkHTTP PutAzureEventHub "
        "PutAzureQueueStorage_v12 PutZendeskTicket PutCloudWatchMetric SendTrapSNMP PutLambda",
        Kind(Role.SINK),
    ),
}  # fmt: skip

# Relationships on which a record leaves the flow unwritten, in lower case.
LOSING = {
    "failure", "failed", "errors", "error", "retry", "no retry", "parse failure", "parse.failure",
    "not.found", "not found", "permission.denied", "comms.failure", "retries_exceeded", "expired",
    "invalid", "reject", "timeout", "rate exceeded", "overtook", "skipped", "incompatible",
    "insufficient history", "missing",
}  # fmt: skip
# Failures of these go back with a pause: they penalize what failed.
PENALIZING = {
    "PutElasticsearchJson", "PutElasticsearchRecord", "PutDatabaseRecord", "PutSQL", "PutFile",
    "PutS3Object", "PutSFTP", "PutFTP", "PutHDFS", "PutSQS", "PutGCSObject", "PutTCP", "PublishJMS",
    "PublishAMQP", "PutAzureBlobStorage_v12", "FetchFile", "FetchSFTP", "FetchFTP", "ExecuteSQL",
    "ExecuteSQLRecord", "RetryFlowFile",
}  # fmt: skip
# Between a failure and its next try these take time, or end the tries.
DELAYING = {"ControlRate", "RetryFlowFile", "Wait", "EnforceOrder"}


def kind(node: Node) -> Kind | None:
    """What is known of a processor; ``None`` where nothing is."""
    return KINDS.get(node.type)


def losing(node: Node, relationship: str) -> bool:
    """Whether what leaves a processor by a relationship was not written, or not understood."""
    known = kind(node)
    low = relationship.lower()
    if known and known.role is Role.SCRIPT:
        return low == "failure" and "REL_FAILURE" in node.get("Script Body", "REL_FAILURE")
    return low in LOSING or (
        low == "unmatched" and known is not None and known.role is Role.EXTRACT
    )

"""What NiFi calls properties: display names, and the older internal names of the same.

Until 2.6 a flow definition has properties under internal names, from 2.7 on under display names.
Where the definition brings descriptors these are asked first; this table is for those that bring
none. Names are those of the tags ``rel/nifi-2.3.0`` to ``rel/nifi-2.9.0``.
"""

from __future__ import annotations

# Display name to internal names and to what other releases call the same.
_ALSO: dict[str, tuple[str, ...]] = {
    "Identifier Attribute": ("put-es-json-id-attr",),
    "Index Operation": ("put-es-record-index-op",),
    "Index": ("el-rest-fetch-index",),
    "Script": ("put-es-json-script", "el-rest-script"),
    "ID Record Path": ("put-es-record-id-path",),
    "Index Operation Record Path": ("put-es-record-index-op-path",),
    "Statement Type": ("put-db-record-statement-type",),
    "Update Keys": ("put-db-record-update-keys",),
    "Database Session AutoCommit": ("database-session-autocommit",),
    "SQL Statement": ("putsql-sql-statement",),
    "Custom Text": ("generate-ff-custom-text",),
    "Listing Strategy": ("listing-strategy",),
    "Merge Strategy": ("merge-strategy",),
    "Correlation Attribute Name": ("correlation-attribute-name",),
    "Delivery Guarantee": ("acks",),
    "Kafka Key": ("kafka-key",),
    "Transactions Enabled": ("use-transactions",),
    "Object Key": ("Key", "gcs-key"),
    "Bucket": ("gcs-bucket",),
    "Overwrite Object": ("gcs-overwrite-object",),
    "Blob Name": ("blob-name",),
    "File Name": ("file-name",),
    "Conflict Resolution Strategy": ("conflict-resolution-strategy", "Conflict Resolution"),
    "Update Key Fields": ("update-key-fields",),
    "Update Query": ("putmongo-update-query",),
    "Hash Algorithm": ("hash_algorithm",),
    "Partition Key Strategy": ("partition-key-strategy",),
    "Script Engine": ("Script Language",),
    "Record Reader": ("record-reader", "put-es-record-reader", "put-db-record-record-reader"),
    "Initial Load Strategy": ("initial-load-strategy",),
    "Penalize Retries": ("penalize-retries",),
    "Deduplication Strategy": ("deduplication-strategy",),
}  # fmt: skip

# Types whose dynamic properties mean something here, and all of their static ones.
_STATIC: dict[str, frozenset[str]] = {
    "UpdateAttribute": frozenset(
        {
            "Delete Attributes Expression", "Store State", "Stateful Variables Initial Value",
            "canonical-value-lookup-cache-size", "Cache Value Lookup Cache Size",
        }
    ),
    "GenerateFlowFile": frozenset(
        {
            "File Size", "Batch Size", "Data Format", "Unique FlowFiles", "generate-ff-custom-text",
            "Custom Text", "character-set", "Character Set", "mime-type", "Mime Type",
        }
    ),
    "EvaluateJsonPath": frozenset(
        {
            "Destination", "Return Type", "Path Not Found Behavior",
            "Null Value Representation", "Max String Length",
        }
    ),
    "EvaluateXPath": frozenset({"Destination", "Return Type", "Allow DTD", "Validate DTD"}),
    "EvaluateXQuery": frozenset(
        {"Destination", "Output: Method", "Output: Omit XML Declaration", "Output: Indent"}
    ),
    "ExtractText": frozenset(
        {
            "Character Set", "Maximum Buffer Size", "Maximum Capture Group Length",
            "Enable Canonical Equivalence", "Enable Case-insensitive Matching",
            "Permit Whitespace and Comments in Pattern", "Enable DOTALL Mode",
            "Enable Literal Parsing of the Pattern", "Enable Multiline Mode",
            "Enable Unicode-aware Case Folding", "Enable Unicode Predefined Character Classes",
            "Enable Unix Lines Mode", "Include Capture Group 0",
            "extract-text-enable-repeating-capture-group", "Enable repeating capture group",
            "extract-text-enable-named-groups",
            "Enable named group support",
        }
    ),
    "RouteOnAttribute": frozenset({"Routing Strategy"}),
    "PartitionRecord": frozenset(
        {"record-reader", "record-writer", "Record Reader", "Record Writer"}
    ),
    "UpdateRecord": frozenset(
        {
            "record-reader", "record-writer", "Record Reader", "Record Writer",
            "replacement-value-strategy", "Replacement Value Strategy",
        }
    ),
    "LookupAttribute": frozenset(
        {"lookup-service", "Lookup Service", "include-empty-values", "Include Empty Values"}
    ),
}  # fmt: skip


def also_called(display: str) -> tuple[str, ...]:
    """All names of a property, the display name first."""
    return (display, *_ALSO.get(display, ()))


def is_static(simple: str, key: str) -> bool:
    """Whether a property is one that the type itself has.

    Args:
        simple: the simple name of the type.
        key: what the property is called in the definition.
    """
    known = _STATIC.get(simple)
    return known is None or key in known

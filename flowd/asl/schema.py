"""Which field belongs where: the fields of machines, states and their parts, as tables. No logic.

Sources: the States Language specification, the developer guide's page per state, and answers of the service itself.
"""

from __future__ import annotations

from typing import Final

JSONPATH: Final = "JSONPath"
JSONATA: Final = "JSONata"
QUERY_LANGUAGES: Final = (JSONPATH, JSONATA)

# In the order in which the service lists them in its own message.
STATE_TYPES: Final = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")

MACHINE: Final = frozenset(
    {"Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version", "ProcessorConfig"}
)
BRANCH: Final = frozenset({"Comment", "StartAt", "States"})
PROCESSOR: Final = BRANCH | {"ProcessorConfig"}

_COMMON = frozenset({"Type", "Comment", "QueryLanguage"})
_FLOW = frozenset({"Next", "End"})
_PATHS = frozenset({"InputPath", "OutputPath"})
_RETRIED = frozenset({"Parameters", "ResultSelector", "ResultPath", "Arguments", "Output", "Assign", "Retry", "Catch"})

STATES: Final[dict[str, frozenset[str]]] = {
    "Task": _COMMON
    | _FLOW
    | _PATHS
    | _RETRIED
    | {
        "Resource",
        "Credentials",
        "TimeoutSeconds",
        "TimeoutSecondsPath",
        "HeartbeatSeconds",
        "HeartbeatSecondsPath",
    },
    "Pass": _COMMON | _FLOW | _PATHS | {"Parameters", "Result", "ResultPath", "Output", "Assign"},
    "Wait": _COMMON | _FLOW | _PATHS | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath", "Output", "Assign"},
    "Choice": _COMMON | _PATHS | {"Choices", "Default", "Output", "Assign"},
    "Succeed": _COMMON | _PATHS | {"Output"},
    "Fail": _COMMON | {"Error", "Cause", "ErrorPath", "CausePath"},
    "Parallel": _COMMON | _FLOW | _PATHS | _RETRIED | {"Branches"},
    "Map": (_COMMON | _FLOW | _PATHS | _RETRIED | {"ItemProcessor", "Iterator", "Items", "ItemsPath", "ItemSelector"})
    - {"Arguments"}
    | {
        "MaxConcurrency",
        "MaxConcurrencyPath",
        "ToleratedFailureCount",
        "ToleratedFailureCountPath",
        "ToleratedFailurePercentage",
        "ToleratedFailurePercentagePath",
        "Label",
        "ItemReader",
        "ItemBatcher",
        "ResultWriter",
    },
}

JSONPATH_ONLY: Final = frozenset(
    {
        "InputPath",
        "OutputPath",
        "Parameters",
        "ResultSelector",
        "ResultPath",
        "Result",
        "SecondsPath",
        "TimestampPath",
        "TimeoutSecondsPath",
        "HeartbeatSecondsPath",
        "ItemsPath",
        "MaxConcurrencyPath",
        "ToleratedFailureCountPath",
        "ToleratedFailurePercentagePath",
        "ErrorPath",
        "CausePath",
        "MaxItemsPath",
        "MaxItemsPerBatchPath",
        "MaxInputBytesPerBatchPath",
    }
)
JSONATA_ONLY: Final = frozenset({"Arguments", "Output", "Items", "Condition"})

# "At most one of" rows: field, its twin.
TWINS: Final = (
    ("TimeoutSeconds", "TimeoutSecondsPath"),
    ("HeartbeatSeconds", "HeartbeatSecondsPath"),
    ("Error", "ErrorPath"),
    ("Cause", "CausePath"),
    ("MaxConcurrency", "MaxConcurrencyPath"),
    ("ToleratedFailureCount", "ToleratedFailureCountPath"),
    ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
    ("ItemProcessor", "Iterator"),
    ("ItemSelector", "Parameters"),
    ("MaxItems", "MaxItemsPath"),
    ("MaxItemsPerBatch", "MaxItemsPerBatchPath"),
    ("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"),
)
WAITS: Final = ("SecondsPath", "Seconds", "TimestampPath", "Timestamp")  # in the order in which AWS names them

# Numbers: field -> (smallest, largest, whole numbers only).
MAX_SECONDS: Final = 99_999_999
NUMBERS: Final[dict[str, tuple[float, float, bool]]] = {
    "Seconds": (0, MAX_SECONDS, True),
    "TimeoutSeconds": (1, MAX_SECONDS, True),
    "HeartbeatSeconds": (1, MAX_SECONDS, True),
    "MaxConcurrency": (0, 2**31 - 1, True),
    "ToleratedFailureCount": (0, 2**31 - 1, True),
    "ToleratedFailurePercentage": (0.0, 100.0, False),
    "MaxItems": (0, 100_000_000, True),
    "MaxItemsPerBatch": (0, 100_000_000, True),
    "MaxInputBytesPerBatch": (0, 262_144, True),
    "IntervalSeconds": (0, MAX_SECONDS, True),
    "MaxAttempts": (0, MAX_SECONDS, True),
    "BackoffRate": (1.0, float("inf"), False),
    "MaxDelaySeconds": (1, 31_622_400, True),
}

#: What a call of a service cannot do without, as measured on AWS; the rest is found when it is called.
NEEDED: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("lambda", "invoke"): ("FunctionName",),
    ("sqs", "sendMessage"): ("QueueUrl", "MessageBody"),
    ("sns", "publish"): ("Message",),
    ("dynamodb", "putItem"): ("TableName", "Item"),
    ("dynamodb", "getItem"): ("TableName", "Key"),
    ("states", "startExecution"): ("StateMachineArn",),
    ("events", "putEvents"): ("Entries",),
    ("ecs", "runTask"): ("TaskDefinition",),
    ("glue", "startJobRun"): ("JobName",),
}

RETRIER: Final = frozenset(
    {
        "Comment",
        "ErrorEquals",
        "IntervalSeconds",
        "MaxAttempts",
        "BackoffRate",
        "MaxDelaySeconds",
        "JitterStrategy",
    }
)
CATCHER: Final = frozenset({"Comment", "ErrorEquals", "Next", "ResultPath", "Output", "Assign"})

_COMPARED = ("String", "Numeric", "Timestamp")
_ORDER = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")

# Data-test operator -> the kind of its operand ("path" for the ...Path twins).
OPERATORS: Final[dict[str, str]] = {
    **{f"{kind}{order}": kind for kind in _COMPARED for order in _ORDER},
    **{f"{kind}{order}Path": "path" for kind in _COMPARED for order in _ORDER},
    "BooleanEquals": "Boolean",
    "BooleanEqualsPath": "path",
    "StringMatches": "String",
    **{f"Is{kind}": "Boolean" for kind in ("Null", "Present", "Numeric", "String", "Boolean", "Timestamp")},
}
BOOLEAN_OPERATORS: Final = ("And", "Or", "Not")

ITEM_READER: Final = frozenset({"Resource", "Parameters", "Arguments", "ReaderConfig"})
READER_CONFIG: Final = frozenset(
    {
        "InputType",
        "CSVHeaderLocation",
        "CSVHeaders",
        "CSVDelimiter",
        "MaxItems",
        "MaxItemsPath",
        "ItemsPointer",
        "ManifestType",
        "Transformation",
    }
)
ITEM_BATCHER: Final = frozenset(
    {
        "MaxItemsPerBatch",
        "MaxItemsPerBatchPath",
        "MaxInputBytesPerBatch",
        "MaxInputBytesPerBatchPath",
        "BatchInput",
    }
)
READER_TRANSFORMATIONS: Final = ("NONE", "LOAD_AND_FLATTEN")
READER_ACTIONS: Final = ("getObject", "listObjectsV2")
WRITER_ACTIONS: Final = ("putObject",)
WRITER_CONFIG: Final[dict[str, tuple[str, ...]]] = {
    "OutputType": ("JSON", "JSONL"),
    "Transformation": ("NONE", "COMPACT", "FLATTEN"),
}
# What an ItemReader of AWS can do and that of flowd cannot: (field, value) -> what to do instead.
UNBUILT_READERS: Final = {
    ("InputType", "PARQUET"): "Parquet files cannot be read in flowd: use CSV, JSON or JSONL",
}
RESULT_WRITER: Final = frozenset({"Resource", "Parameters", "Arguments", "WriterConfig"})
ENUMS: Final[dict[str, tuple[str, ...]]] = {
    "QueryLanguage": QUERY_LANGUAGES,
    "JitterStrategy": ("NONE", "FULL"),
    "Version": ("1.0",),
    "Mode": ("INLINE", "DISTRIBUTED"),
    "ExecutionType": ("STANDARD", "EXPRESS"),
    "InputType": ("CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"),
    "CSVHeaderLocation": ("FIRST_ROW", "GIVEN"),
    "CSVDelimiter": ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"),
    "ManifestType": ("S3_INVENTORY", "ATHENA_DATA"),
    "OutputType": ("JSON", "JSONL"),
}

"""What SQS calls things in the Query protocol. Its model is that of the newer JSON protocol and has lost these names.

Clients from before 2023 still use them (SQS API reference of that time); error codes also go out in a header of JSON
answers, by which SDKs keep the codes that old programs compare with.
"""

from __future__ import annotations

from typing import Final

_OLD: Final = "AWS.SimpleQueueService."
#: Error class -> code of the Query protocol, where they differ.
CODES: Final[dict[str, str]] = {
    "QueueDoesNotExist": f"{_OLD}NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    **{
        name: f"{_OLD}{name}"
        for name in (
            "BatchEntryIdsNotDistinct",
            "BatchRequestTooLong",
            "EmptyBatchRequest",
            "InvalidBatchEntryId",
            "MessageNotInflight",
            "PurgeQueueInProgress",
            "QueueDeletedRecently",
            "TooManyEntriesInBatchRequest",
            "UnsupportedOperation",
        )
    },
}
#: Shape of a list or map -> what each of its entries is called.
ENTRIES: Final[dict[str, str]] = {
    "ActionNameList": "ActionName",
    "AttributeNameList": "AttributeName",
    "AWSAccountIdList": "AWSAccountId",
    "BatchResultErrorEntryList": "BatchResultErrorEntry",
    "BinaryList": "BinaryListValue",
    "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
    "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
    "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
    "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
    "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageBodyAttributeMap": "MessageAttribute",
    "MessageBodySystemAttributeMap": "MessageSystemAttribute",
    "MessageList": "Message",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "MessageSystemAttributeMap": "Attribute",
    "QueueAttributeMap": "Attribute",
    "QueueUrlList": "QueueUrl",
    "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
    "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
    "StringList": "StringListValue",
    "TagKeyList": "TagKey",
    "TagMap": "Tag",
}
#: Shape of a map -> what its keys and values are called.
PAIRS: Final[dict[str, tuple[str, str]]] = {"TagMap": ("Key", "Value")}
NAMESPACE: Final = "http://queue.amazonaws.com/doc/2012-11-05/"

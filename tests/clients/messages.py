"""Amazon SQS and Amazon SNS."""

from __future__ import annotations

import json
from typing import Any, Final

from tests.clients.rows import Calls

sqs, sns = Calls("sqs"), Calls("sns")
Q: Final = {"QueueUrl": "<queue>"}
NO_QUEUE: Final = {"QueueUrl": "<queue>-none"}
LOST: Final = "QueueDoesNotExist"
SNS: Final = "arn:aws:sns:us-east-1:000000000000"
NO_TOPIC: Final = {"TopicArn": f"{SNS}:none"}
NO_SUBSCRIPTION: Final = {"SubscriptionArn": f"{SNS}:news:00000000-0000-0000-0000-000000000000"}


def received(kept: str) -> Any:
    return sqs.good("ReceiveMessage", {**Q, "WaitTimeSeconds": 2}, "Messages[0]", **{kept: "Messages[0].ReceiptHandle"})


_QUEUES: Final = [
    sqs.good("CreateQueue", {"QueueName": "dead"}, deadqueue="QueueUrl"),
    sqs.good("GetQueueAttributes", {"QueueUrl": "<deadqueue>", "AttributeNames": ["All"]}, dead="Attributes.QueueArn"),
    sqs.good(
        "CreateQueue",
        {
            "QueueName": "jobs",
            "Attributes": {"RedrivePolicy": json.dumps({"deadLetterTargetArn": "<dead>", "maxReceiveCount": 1})},
            "tags": {"team": "a"},
        },
        queue="QueueUrl",
    ),
    sqs.bad("CreateQueue", "QueueNameExists", QueueName="jobs", Attributes={"DelaySeconds": "5"}),
    sqs.bad("CreateQueue", "InvalidAttributeName", QueueName="x", Attributes={"Colour": "red"}),
    sqs.bad("CreateQueue", "InvalidParameterValue", QueueName="x y"),
    sqs.good("GetQueueUrl", {"QueueName": "jobs"}, "ends_with(QueueUrl, 'jobs')"),
    sqs.bad("GetQueueUrl", LOST, QueueName="none"),
    sqs.good("ListQueues", {"QueueNamePrefix": "j"}, "length(QueueUrls) == `1`"),
    sqs.bad("ListQueues", "InvalidParameterValue", MaxResults=1001),
    sqs.good("SetQueueAttributes", {**Q, "Attributes": {"VisibilityTimeout": "600"}}),
    sqs.bad("SetQueueAttributes", "InvalidAttributeValue", **Q, Attributes={"VisibilityTimeout": "-1"}),
    sqs.good("GetQueueAttributes", {**Q, "AttributeNames": ["All"]}, "Attributes.VisibilityTimeout == '600'"),
    sqs.bad("GetQueueAttributes", LOST, **NO_QUEUE, AttributeNames=["All"]),
    sqs.good("ListDeadLetterSourceQueues", {"QueueUrl": "<deadqueue>"}, "length(queueUrls) == `1`"),
    sqs.bad("ListDeadLetterSourceQueues", LOST, **NO_QUEUE),
    sqs.good("TagQueue", {**Q, "Tags": {"shift": "late"}}),
    sqs.bad("TagQueue", LOST, **NO_QUEUE, Tags={"shift": "late"}),
    sqs.good("ListQueueTags", Q, "Tags.shift == 'late' && Tags.team == 'a'"),
    sqs.bad("ListQueueTags", LOST, **NO_QUEUE),
    sqs.good("UntagQueue", {**Q, "TagKeys": ["shift"]}),
    sqs.bad("UntagQueue", LOST, **NO_QUEUE, TagKeys=["shift"]),
]
_MESSAGES: Final = [
    sqs.good(
        "SendMessage",
        {
            **Q,
            "MessageBody": "one é",
            "MessageAttributes": {
                "kind": {"DataType": "String", "StringValue": "x"},
                "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
            },
        },
        "MessageId && MD5OfMessageAttributes",
    ),
    sqs.bad("SendMessage", LOST, **NO_QUEUE, MessageBody="one"),
    sqs.bad("SendMessage", "InvalidParameterValue", **Q, MessageBody="one", DelaySeconds=901),
    sqs.good(
        "ReceiveMessage",
        {**Q, "MessageAttributeNames": ["All"], "AttributeNames": ["All"], "WaitTimeSeconds": 2},
        "Messages[0].[MessageAttributes.kind.StringValue, Attributes.ApproximateReceiveCount] == ['x', '1']",
        handle="Messages[0].ReceiptHandle",
    ),
    sqs.bad("ReceiveMessage", LOST, **NO_QUEUE),
    sqs.bad("ReceiveMessage", "InvalidParameterValue", **Q, MaxNumberOfMessages=11),
    sqs.good("ChangeMessageVisibility", {**Q, "ReceiptHandle": "<handle>", "VisibilityTimeout": 60}),
    sqs.bad("ChangeMessageVisibility", "ReceiptHandleIsInvalid", **Q, ReceiptHandle="nonsense", VisibilityTimeout=60),
    sqs.good("DeleteMessage", {**Q, "ReceiptHandle": "<handle>"}),
    sqs.bad("DeleteMessage", "ReceiptHandleIsInvalid", **Q, ReceiptHandle="nonsense"),
    sqs.good(
        "SendMessageBatch",
        {**Q, "Entries": [{"Id": "a", "MessageBody": "two"}, {"Id": "b", "MessageBody": "x", "DelaySeconds": 901}]},
        "Successful[0].Id == 'a' && Failed[0].Id == 'b'",
    ),
    sqs.bad("SendMessageBatch", "EmptyBatchRequest", **Q, Entries=[]),
    sqs.bad("SendMessageBatch", "BatchEntryIdsNotDistinct", **Q, Entries=[{"Id": "a", "MessageBody": "m"}] * 2),
    sqs.bad(
        "SendMessageBatch",
        "TooManyEntriesInBatchRequest",
        **Q,
        Entries=[{"Id": f"{n}", "MessageBody": "m"} for n in range(11)],
    ),
    received("handle"),
    sqs.good(
        "ChangeMessageVisibilityBatch",
        {**Q, "Entries": [{"Id": "a", "ReceiptHandle": "<handle>", "VisibilityTimeout": 0}]},
        "Successful[0].Id == 'a'",
    ),
    sqs.bad("ChangeMessageVisibilityBatch", "EmptyBatchRequest", **Q, Entries=[]),
    # Received once already: the next one who asks makes it a dead letter.
    sqs.good("ReceiveMessage", Q, "!Messages"),
    sqs.good("ReceiveMessage", {"QueueUrl": "<deadqueue>", "VisibilityTimeout": 0}, "Messages[0].Body == 'two'"),
    sqs.good("StartMessageMoveTask", {"SourceArn": "<dead>"}, move="TaskHandle"),
    sqs.bad("StartMessageMoveTask", "ResourceNotFoundException", SourceArn="<dead>-none"),
    sqs.good("ListMessageMoveTasks", {"SourceArn": "<dead>"}, "Results[0].Status == 'COMPLETED'"),
    sqs.bad("ListMessageMoveTasks", "ResourceNotFoundException", SourceArn="<dead>-none"),
    # Here a move is over when it is answered, so there is nothing that could be cancelled.
    sqs.bad("CancelMessageMoveTask", "ResourceNotFoundException", TaskHandle="<move>"),
    received("handle"),
    sqs.good(
        "DeleteMessageBatch", {**Q, "Entries": [{"Id": "a", "ReceiptHandle": "<handle>"}]}, "Successful[0].Id == 'a'"
    ),
    sqs.bad("DeleteMessageBatch", "InvalidBatchEntryId", **Q, Entries=[{"Id": "a b", "ReceiptHandle": "<handle>"}]),
    sqs.good("PurgeQueue", Q),
    sqs.bad("PurgeQueue", "PurgeQueueInProgress", **Q),
    sqs.bad("PurgeQueue", LOST, **NO_QUEUE),
]
_TOPICS: Final = [
    sqs.good("GetQueueAttributes", {**Q, "AttributeNames": ["QueueArn"]}, queue_arn="Attributes.QueueArn"),
    sns.good("CreateTopic", {"Name": "news", "Tags": [{"Key": "team", "Value": "a"}]}, topic="TopicArn"),
    sns.bad("CreateTopic", "InvalidParameterException", Name="x y"),
    sns.good("ListTopics", {}, "Topics[0].TopicArn"),
    sns.bad("ListTopics", "InvalidParameterException", NextToken="nonsense"),
    sns.good(
        "SetTopicAttributes", {"TopicArn": "<topic>", "AttributeName": "DisplayName", "AttributeValue": "New & old"}
    ),
    sns.bad("SetTopicAttributes", "NotFoundException", **NO_TOPIC, AttributeName="DisplayName", AttributeValue="x"),
    sns.bad(
        "SetTopicAttributes",
        "InvalidParameterException",
        TopicArn="<topic>",
        AttributeName="Colour",
        AttributeValue="x",
    ),
    sns.good("GetTopicAttributes", {"TopicArn": "<topic>"}, "Attributes.DisplayName == 'New & old'"),
    sns.bad("GetTopicAttributes", "NotFoundException", **NO_TOPIC),
    sns.good("TagResource", {"ResourceArn": "<topic>", "Tags": [{"Key": "shift", "Value": "late"}]}),
    sns.bad("TagResource", "ResourceNotFoundException", ResourceArn=f"{SNS}:none", Tags=[{"Key": "a", "Value": "b"}]),
    sns.good("ListTagsForResource", {"ResourceArn": "<topic>"}, "length(Tags) == `2`"),
    sns.bad("ListTagsForResource", "ResourceNotFoundException", ResourceArn=f"{SNS}:none"),
    sns.good("UntagResource", {"ResourceArn": "<topic>", "TagKeys": ["shift"]}),
    sns.bad("UntagResource", "ResourceNotFoundException", ResourceArn=f"{SNS}:none", TagKeys=["shift"]),
    sns.good(
        "Subscribe",
        {"TopicArn": "<topic>", "Protocol": "sqs", "Endpoint": "<queue_arn>"},
        subscription="SubscriptionArn",
    ),
    sns.good("Subscribe", {"TopicArn": "<topic>", "Protocol": "http", "Endpoint": "http://127.0.0.1:1/"}),
    sns.bad("Subscribe", "InvalidParameterException", TopicArn="<topic>", Protocol="pigeon", Endpoint="x"),
    sns.bad("Subscribe", "NotFoundException", **NO_TOPIC, Protocol="sqs", Endpoint="<queue_arn>"),
    sns.good(
        "SetSubscriptionAttributes",
        {"SubscriptionArn": "<subscription>", "AttributeName": "RawMessageDelivery", "AttributeValue": "true"},
    ),
    sns.bad(
        "SetSubscriptionAttributes",
        "NotFoundException",
        **NO_SUBSCRIPTION,
        AttributeName="RawMessageDelivery",
        AttributeValue="true",
    ),
    sns.good(
        "GetSubscriptionAttributes", {"SubscriptionArn": "<subscription>"}, "Attributes.RawMessageDelivery == 'true'"
    ),
    sns.bad("GetSubscriptionAttributes", "NotFoundException", **NO_SUBSCRIPTION),
    sns.good("ListSubscriptions", {}, "length(Subscriptions) == `2`"),
    sns.bad("ListSubscriptions", "InvalidParameterException", NextToken="nonsense"),
    sns.good("ListSubscriptionsByTopic", {"TopicArn": "<topic>"}, "length(Subscriptions) == `2`"),
    sns.bad("ListSubscriptionsByTopic", "NotFoundException", **NO_TOPIC),
    sns.good(
        "Publish",
        {
            "TopicArn": "<topic>",
            "Message": "<&> é",
            "Subject": "s",
            "MessageAttributes": {"raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"}},
        },
        "MessageId",
    ),
    sns.bad("Publish", "NotFoundException", **NO_TOPIC, Message="x"),
    sns.bad("Publish", "InvalidParameterException", TopicArn="<topic>", Message=""),
    sns.good(
        "PublishBatch",
        {
            "TopicArn": "<topic>",
            "PublishBatchRequestEntries": [{"Id": "a", "Message": "x"}, {"Id": "b", "Message": ""}],
        },
        "Successful[0].Id == 'a' && Failed[0].Code",
    ),
    sns.bad(
        "PublishBatch",
        "BatchEntryIdsNotDistinctException",
        TopicArn="<topic>",
        PublishBatchRequestEntries=[{"Id": "a", "Message": "x"}] * 2,
    ),
    sns.bad("PublishBatch", "EmptyBatchRequestException", TopicArn="<topic>", PublishBatchRequestEntries=[]),
    sqs.good("ReceiveMessage", {**Q, "WaitTimeSeconds": 5}, "Messages[0].Body == '<&> é'"),
    sns.bad("ConfirmSubscription", "InvalidParameterException", TopicArn="<topic>", Token="nonsense"),
    sns.bad("ConfirmSubscription", "NotFoundException", **NO_TOPIC, Token="nonsense"),
    sns.good("Unsubscribe", {"SubscriptionArn": "<subscription>"}),
    sns.bad("Unsubscribe", "InvalidParameterException", SubscriptionArn="nonsense"),
    sns.good("DeleteTopic", {"TopicArn": "<topic>"}),
    sns.bad("DeleteTopic", "InvalidParameterException", TopicArn="nonsense"),
]
_ENDS: Final = [sqs.good("DeleteQueue", Q), sqs.bad("DeleteQueue", LOST, **Q)]
ROWS: Final = [*_QUEUES, *_MESSAGES, *_TOPICS, *_ENDS]

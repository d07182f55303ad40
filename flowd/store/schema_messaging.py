"""The tables of SQS and SNS. AWS's words as column names; attributes as the JSON object that somebody set.

This module holds no queries.
"""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel


class SqsQueue(SQLModel, table=True):
    """A queue. `dead_letter` is the name that its RedrivePolicy names."""

    __tablename__ = "sqs_queue"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    fifo: bool = False
    attributes: str = "{}"
    tags: str = "{}"
    dead_letter: str = Field(default="", index=True)
    sequence: int = 0
    created_ms: int = 0
    changed_ms: int = 0
    purged_ms: int = 0

    __table_args__ = ({"sqlite_autoincrement": True},)  # a receipt of a deleted queue must not fit a new one


class SqsMessage(SQLModel, table=True):
    """A message. It is in flight while it was received and `visible_ms` is still to come."""

    __tablename__ = "sqs_message"
    id: int | None = Field(default=None, primary_key=True)
    queue_id: int
    message_id: str
    nonce: str
    body: str
    attributes: str = "{}"
    system: str = "{}"
    sender: str = ""
    group_id: str = ""
    deduplication_id: str = ""
    sequence: str = ""
    dead_letter_source: str = ""
    sent_ms: int
    visible_ms: int
    received_ms: int = 0
    receive_count: int = 0

    __table_args__ = (
        Index("sqs_message_visible", "queue_id", "visible_ms", "id"),
        Index("sqs_message_sent", "queue_id", "sent_ms"),
        Index("sqs_message_group", "queue_id", "group_id", "visible_ms"),
        {"sqlite_autoincrement": True},
    )


class SqsDeduplication(SQLModel, table=True):
    """What a FIFO queue was sent in the last five minutes."""

    __tablename__ = "sqs_deduplication"
    id: int | None = Field(default=None, primary_key=True)
    queue_id: int
    key: str
    message_id: str
    sequence: str
    sent_ms: int

    __table_args__ = (Index("sqs_deduplication_key", "queue_id", "key", unique=True),)


class SqsAttempt(SQLModel, table=True):
    """What a FIFO queue gave to a ReceiveRequestAttemptId. `messages` is JSON: [[row, receive count, visible ms]]."""

    __tablename__ = "sqs_attempt"
    id: int | None = Field(default=None, primary_key=True)
    queue_id: int
    attempt: str
    messages: str
    at_ms: int

    __table_args__ = (Index("sqs_attempt_id", "queue_id", "attempt", unique=True),)


class SqsMoveTask(SQLModel, table=True):
    """A StartMessageMoveTask, which is over as soon as it is here."""

    __tablename__ = "sqs_move_task"
    id: int | None = Field(default=None, primary_key=True)
    handle: str
    source: str = Field(index=True)
    destination: str = ""
    moved: int = 0
    started_ms: int = 0


class SnsTopic(SQLModel, table=True):
    """A topic."""

    __tablename__ = "sns_topic"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    arn: str
    fifo: bool = False
    attributes: str = "{}"
    tags: str = "{}"
    sequence: int = 0
    created_ms: int = 0


class SnsSubscription(SQLModel, table=True):
    """Who wants what is published to a topic. It outlives its topic, as on AWS."""

    __tablename__ = "sns_subscription"
    id: int | None = Field(default=None, primary_key=True)
    arn: str = Field(unique=True)
    topic_arn: str = Field(index=True)
    protocol: str
    endpoint: str
    attributes: str = "{}"
    owner: str = ""
    token: str = Field(default="", index=True)
    confirmed: bool = True
    created_ms: int = 0


class SnsDeduplication(SQLModel, table=True):
    """What a FIFO topic was sent in the last five minutes."""

    __tablename__ = "sns_deduplication"
    id: int | None = Field(default=None, primary_key=True)
    topic_id: int
    key: str
    message_id: str
    sequence: str
    sent_ms: int

    __table_args__ = (Index("sns_deduplication_key", "topic_id", "key", unique=True),)

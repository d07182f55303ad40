"""What SNS needs of its tables; `store` implements it. A row is changed by setting its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Topic(Protocol):
    """A topic. `attributes` and `tags` are JSON objects of what somebody said."""

    id: int | None
    name: str
    arn: str
    fifo: bool
    attributes: str
    tags: str
    sequence: int
    created_ms: int


class Subscription(Protocol):
    """Who wants what a topic is sent."""

    id: int | None
    arn: str
    topic_arn: str
    protocol: str
    endpoint: str
    attributes: str
    owner: str
    token: str  # what confirms it, "" where nothing has to
    confirmed: bool
    created_ms: int


class Counts(NamedTuple):
    confirmed: int
    pending: int


class Tables(Protocol):
    """The topics of one box."""

    def topic(self, name: str) -> Topic | None: ...

    def topics(self, after: str, limit: int) -> Sequence[Topic]:
        """By name."""
        ...

    def add_topic(self, **columns: Any) -> Topic: ...

    def drop_topic(self, topic: Topic) -> None:
        """With its subscriptions."""
        ...

    def subscription(self, arn: str) -> Subscription | None: ...

    def subscription_to(self, topic_arn: str, protocol: str, endpoint: str) -> Subscription | None: ...

    def by_token(self, topic_arn: str, token: str) -> Subscription | None: ...

    def subscriptions(self, topic_arn: str | None, after: int, limit: int) -> Sequence[Subscription]:
        """In the order in which they were made, of one topic or all."""
        ...

    def add_subscription(self, **columns: Any) -> Subscription: ...

    def drop_subscription(self, subscription: Subscription) -> None: ...

    def counts(self, topic: Topic) -> Counts: ...

    def duplicate(self, topic: Topic, key: str, since_ms: int) -> tuple[str, str] | None:
        """(MessageId, SequenceNumber) of what was published under this key after `since_ms`."""
        ...

    def remember(self, topic: Topic, key: str, message_id: str, sequence: str, now_ms: int) -> None:
        """Also forgets what is older than deduplication reaches."""
        ...

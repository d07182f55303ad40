"""What SQS needs of its tables: rows by their columns, and the few questions that are asked of them.

`store` implements it. A row is changed by setting its columns within the operation's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Queue(Protocol):
    """One queue. `attributes` and `tags` are JSON objects; only what somebody said is in `attributes`."""

    id: int | None
    name: str
    fifo: bool
    attributes: str
    tags: str
    dead_letter: str  # the name of the queue that its RedrivePolicy names, or ""
    sequence: int  # the last SequenceNumber of a FIFO queue
    created_ms: int
    changed_ms: int
    purged_ms: int


class Message(Protocol):
    """One message. Who knows `nonce` was given the message; `receive_count` tells one receipt from the next."""

    id: int | None
    queue_id: int
    message_id: str
    nonce: str
    body: str
    attributes: str  # MessageAttributes as JSON, binary values in base64
    system: str  # MessageSystemAttributes, likewise
    sender: str
    group_id: str
    deduplication_id: str
    sequence: str
    dead_letter_source: str  # the ARN of the queue that gave it up
    sent_ms: int
    visible_ms: int
    received_ms: int  # for the first time; 0 = never
    receive_count: int


class Given(NamedTuple):
    """A message as a receiver got it: it was left alone as long as the message still has these values."""

    row: int
    receive_count: int
    visible_ms: int


class Counts(NamedTuple):
    """How many messages of a queue can be had now, are in somebody's hands, have yet to appear."""

    visible: int
    in_flight: int
    delayed: int


class MoveTask(Protocol):
    """A StartMessageMoveTask that is over."""

    handle: str
    source: str
    destination: str
    moved: int
    started_ms: int


class Tables(Protocol):
    """The queues of one box."""

    def queue(self, name: str) -> Queue | None: ...

    def queues(self, prefix: str = "", after: str = "", limit: int = -1) -> Sequence[Queue]:
        """By name."""
        ...

    def sources(self, dead_letter: str, after: str = "", limit: int = -1) -> Sequence[Queue]:
        """The queues whose given-up messages go to this one, by name."""
        ...

    def add_queue(self, **columns: Any) -> Queue: ...

    def drop_queue(self, queue: Queue) -> None:
        """With all that is in it."""
        ...

    def counts(self, queue: Queue, now_ms: int, since_ms: int) -> Counts:
        """Of messages that were sent after `since_ms`."""
        ...

    def add_message(self, **columns: Any) -> Message: ...

    def message(self, message_id: int) -> Message | None:
        """By its row."""
        ...

    def drop_message(self, message: Message) -> None: ...

    def purge(self, queue: Queue) -> None: ...

    def receivable(self, queue: Queue, now_ms: int, since_ms: int, limit: int) -> Sequence[Message]:
        """What can be had now. Of a FIFO queue in order, and nothing of a group of which something is not visible."""
        ...

    def duplicate(self, queue: Queue, key: str, since_ms: int) -> tuple[str, str] | None:
        """(MessageId, SequenceNumber) of what was sent under this key after `since_ms`."""
        ...

    def remember(self, queue: Queue, key: str, message_id: str, sequence: str, now_ms: int) -> None: ...

    def attempt(self, queue: Queue, attempt: str, since_ms: int) -> Sequence[Given] | None:
        """What was given to this ReceiveRequestAttemptId after `since_ms`."""
        ...

    def remember_attempt(self, queue: Queue, attempt: str, given: Sequence[Given], at_ms: int | None) -> None:
        """`at_ms` None: the time of the first attempt counts on."""
        ...

    def expire(self, queue: Queue, since_ms: int, forget_ms: int) -> None:
        """Drop what was sent up to `since_ms`, and deduplication and attempt ids from up to `forget_ms`."""
        ...

    def next_visible(self, queue: Queue, now_ms: int) -> int | None:
        """When the next message appears that cannot be had yet."""
        ...

    def oldest(self, queue: Queue) -> int | None:
        """When the oldest message was sent."""
        ...

    def move(self, source: Queue, destination: Queue, from_arn: str | None, now_ms: int) -> int:
        """All messages of `source` (those that `from_arn` gave up, if given) to another queue; how many."""
        ...

    def dead_letter_sources(self, queue: Queue) -> Sequence[str]:
        """The ARNs of the queues that gave up what lies in this one."""
        ...

    def add_move_task(self, handle: str, source: str, destination: str, moved: int, now_ms: int) -> None: ...

    def move_tasks(self, source: str, limit: int) -> Sequence[MoveTask]:
        """Newest first."""
        ...

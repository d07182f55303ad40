"""What an embedded service is: operations by AWS's names, each run whole inside one transaction of the one database.

An operation is a plain function: tables, the request's members and the call in; the answer's members out. Requests and
answers have the shape that boto3 shows (names of the service's own model, bytes for blobs, numbers for time stamps).
It does no I/O but through the tables it is handed, waits for nothing and reads no clock. Whoever runs it (the engine)
commits its rows, its deliveries and, for a Task, its outcome together, and only then answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from flowd.errors import ApiError

T = TypeVar("T")
Members = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FilePart:
    """The body of an answer that lies in a file: it is sent piece by piece, or read as a whole."""

    path: Path
    start: int
    length: int

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.length)


class ServiceError(ApiError):
    """An error of an embedded service: its code on the wire, its text, the HTTP status, further members."""

    def __init__(self, code: str, message: str, *, status: int = 400, **extras: Any) -> None:
        super().__init__(message, **extras)
        self._code = code
        self.status = status

    @property
    def code(self) -> str:
        return self._code


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something to be brought to a target after the commit, until it is taken or given up.

    `target` is the ARN of a queue, topic, function, state machine or event bus, or a URL; `body` is what the target
    gets, as its own kind of request wants it (a message, an event, an input). `options` are the target's own
    (MessageGroupId, headers), `dead_letter` the ARN of a queue that takes what was given up.
    """

    target: str
    body: str
    source: str = ""  # the ARN of what sends it; shown, and told to a function as its trigger
    options: Mapping[str, Any] = field(default_factory=dict)
    dead_letter: str = ""
    due_ms: int = 0  # 0 = at once
    tries: int = 185  # how often it may fail before it is given up, and
    age_s: int = 86_400  # how long it may take (both are EventBridge's own)
    name: str = ""  # names it for ever; "" = a fresh name


@dataclass(slots=True)
class Call:
    """One call of an operation, inside of its transaction."""

    now_ms: int
    region: str
    account: str
    new_id: Callable[[], str]  # a fresh random uuid, so that tests can repeat a run
    who: str = ""
    endpoint: str = ""  # where this box listens for SDKs, without a slash at its end; "" = nowhere
    deliveries: list[Delivery] = field(default_factory=list)
    wake: list[str] = field(default_factory=list)  # names of what pollers may wait for: "sqs:QUEUE"
    due_ms: list[int] = field(default_factory=list)  # when the service wants its `tick`
    wait: tuple[str, int] | None = (
        None  # nothing to tell yet: ask again once this name is woken, at most for so many ms
    )

    def arn(self, service: str, resource: str) -> str:
        """`arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


Operation = Callable[[T, Members, Call], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Service(Generic[T]):
    """One embedded service. `name` is botocore's (`dynamodb`); T is its port to its tables, which `store` implements.

    `reads` are the operations that change nothing: they run on a reader, beside the writer. `tick` does what time
    brings (expired items, visibility that ends) and returns when it wants to be called again, or None. `accept` takes
    what is brought to one of its resources, in the transaction that ends the delivery.
    """

    name: str
    operations: Mapping[str, Operation[T]]
    reads: frozenset[str] = frozenset()
    tick: Callable[[T, Call], int | None] | None = None
    accept: Callable[[T, Delivery, Call], None] | None = None

"""What a carrier is told of a delivery, and how it may end: values and errors that carriers and the outbox share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from flowd.errors import FlowdError
from flowd.services.ports import Delivery


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to bring a delivery to its target. `key` names the delivery for ever; tries are counted from 0."""

    key: str
    number: int = 0


#: Brings one delivery to a target outside of the database; what it returns is sent in the transaction that ends it.
Carrier = Callable[[Delivery, Attempt], Awaitable[Sequence[Delivery] | None]]
#: What is sent when a delivery is given up; None: its dead-letter queue has it, as EventBridge writes one.
LastWill = Callable[[Delivery, Attempt, Exception], Sequence[Delivery] | None]


class Refused(FlowdError):
    """The target will never take it: there is no such thing, or it refuses what it was sent."""

    def __init__(self, message: str, code: str = "SDK_CLIENT_ERROR") -> None:
        super().__init__(message)
        self.code = code


class NotNow(FlowdError):
    """The target takes nothing just now, which counts for no try. `after_ms`: it said when to come again."""

    def __init__(self, message: str, code: str, after_ms: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.after_ms = after_ms

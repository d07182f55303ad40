"""A pipe that starts a machine: what its poller brings becomes a delivery, which is on disk before it is acknowledged.

At least once, as on AWS: a daemon that ends between the delivery and the end of the batch lets the batch come again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from flowd.functions import FunctionResult
from flowd.sam.project import SamSource
from flowd.services.ports import Delivery

Deliver = Callable[[Delivery, str], Awaitable[None]]  # a delivery, and its name


class Starter:
    """Stands where a function's host stands: a call is an execution that is sure to be started."""

    def __init__(self, source: SamSource, deliver: Deliver) -> None:
        self._source = source
        self._deliver = deliver

    async def invoke(self, key: str, function: str, payload_text: str) -> FunctionResult:
        """Returns once the delivery is on disk. Raises ServiceUnavailable."""
        name = key.rpartition(":")[2]  # it becomes the execution's, where no colon may stand
        await self._deliver(Delivery(self._source.target, payload_text, self._source.arn), name)
        return FunctionResult()

    async def acknowledge(self, key: str) -> None:
        """Nothing is kept."""

"""Functions called from outside of any execution: by the Lambda API and by HTTP routes. Knows no protocol of theirs.

Such a call is heard by the one who waits for it or by nobody: if the daemon is killed meanwhile, the runner forgets the
outcome, as Lambda does when a client has gone.
"""

from __future__ import annotations

import uuid

from flowd import names
from flowd.functions import FunctionResult, Invoker
from flowd.integrations.lambda_ import resolve
from flowd.services.ports import ServiceError

#: Lambda's limit of a request, in bytes (Invoke, RequestTooLargeException).
LARGEST_REQUEST = 6_291_456


class Functions:
    """The functions of one daemon, called by name or ARN."""

    def __init__(self, host: Invoker, region: str, account: str) -> None:
        self._host = host
        self._home = names.execution_arn("", "", region, account)  # in whose region and account bare names are meant

    def named(self, name: str, qualifier: str = "") -> tuple[str, str]:
        """The function's name, and its ARN as it was called."""
        function, arn, own = resolve(name, self._home)
        used = qualifier or own
        return function, f"{arn}:{used}" if used else arn

    async def known(self, name: str, qualifier: str = "") -> tuple[str, str]:
        """As `named`; raises Lambda's ResourceNotFoundException."""
        function, arn = self.named(name, qualifier)
        if not await self._host.knows(function):
            raise ServiceError("ResourceNotFoundException", f"Function not found: {arn}", status=404, Type="User")
        return function, arn

    async def call(
        self, name: str, payload_text: str, *, qualifier: str = "", client_context: str = "", timeout_ms: int = 0
    ) -> FunctionResult:
        """Run it and wait. One who stops waiting stops it. Raises ServiceError for a call that was never made."""
        function, arn = await self.known(name, qualifier)
        if len(payload_text) > LARGEST_REQUEST or len(payload_text.encode()) > LARGEST_REQUEST:
            said = f"Request must be smaller than {LARGEST_REQUEST} bytes for the InvokeFunction operation"
            raise ServiceError("RequestTooLargeException", said, status=413, Type="User")
        key = f"call:{uuid.uuid4()}"
        try:
            result = await self._host.invoke(
                key, function, payload_text, timeout_ms, arn=arn, client_context=client_context, fleeting=True
            )
        except BaseException:
            await self._host.cancel(key)
            raise
        await self._host.acknowledge(key)
        if result.error == "Lambda.TooManyRequestsException":
            said = "Rate Exceeded."
            reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
            raise ServiceError("TooManyRequestsException", said, status=429, Type="User", Reason=reason)
        return result

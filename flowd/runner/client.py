"""What the daemon asks of the runner about functions, over a `Line`: calls by key, their outcomes, their output."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from flowd.functions import FunctionResult, FunctionSpec, Unknown
from flowd.runner import protocol
from flowd.runner.line import Line
from flowd.runner.replies import Counts, Printed, result_of


class RunnerClient(Line):
    """The line to a runner with the words for functions. Use it on one event loop."""

    def __init__(
        self, socket_path: Path, *, patience_s: float = 10.0, grace_s: float = 2.0, packages: Path | None = None
    ) -> None:
        """`grace_s`: how long an unknown function may take to appear, beyond the time a dropped file needs to settle.
        The rest as `Line` has it."""
        super().__init__(socket_path, patience_s=patience_s, packages=packages)
        self._grace_s = grace_s
        self._names: frozenset[str] = frozenset()

    # -- what the daemon asks

    async def register(self, specs: Sequence[FunctionSpec], environment: Mapping[str, str]) -> None:
        """Tell it all functions there are and the environment they get; told again to every later runner."""
        self._registration = (list(specs), dict(environment))
        self._names = frozenset(spec.name for spec in specs)
        news, self._news = self._news, asyncio.Event()
        news.set()
        if self.connected:
            await self.ask(protocol.Register(self.next_number(), *self._registration))

    async def knows(self, function: str) -> bool:
        """True if the function is registered.

        A starting daemon has not read its drop folder yet: then this waits. A file that was dropped with the machine
        that calls it takes a moment to settle: for a function that is unknown this waits for `grace_s`.
        """
        if self._registration is None:
            await self._news.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s):
                while function not in self._names:
                    await self._news.wait()
        return function in self._names

    async def invoke(
        self,
        key: str,
        function: str,
        payload_text: str,
        timeout_ms: int = 0,
        *,
        arn: str = "",
        client_context: str = "",
        detached: bool = False,
        fleeting: bool = False,
    ) -> FunctionResult:
        """Run a function once under `key` and wait for its end; never raises for what functions or runners do.

        `timeout_ms` limits it beside the function's own time limit. `detached`: return as soon as it is taken on.
        `fleeting`: if this daemon dies, nobody will ask for the outcome.
        """
        payload = payload_text.encode()
        if not await self.wait_ready():
            cause = f"{self._nobody()}. The function was not run."
            return FunctionResult(error="Lambda.SdkClientException", cause=cause)
        instance = self._instance if fleeting else ""
        request = protocol.Invoke(
            self.next_number(), key, function, payload, timeout_ms, arn, client_context, detached, instance
        )
        return result_of(await self.ask(request))

    async def attach(self, key: str) -> FunctionResult | Unknown:
        """Wait for the end of a run that somebody asked for before; as long as it takes, also for a runner to come."""
        await self.until_there()
        answer = await self.ask(protocol.Attach(self.next_number(), key))
        return Unknown() if isinstance(answer, protocol.Unheld) else result_of(answer)

    async def cancel(self, key: str) -> None:
        """Stop the run if it still goes on and forget it. Without a runner there is nothing to stop."""
        if await self.wait_there():
            await self.ask(protocol.Cancel(self.next_number(), key))

    async def acknowledge(self, key: str) -> None:
        """The outcome is on disk. Returns at once; the keys of one turn of the loop travel together."""
        if not self._acknowledged:
            asyncio.get_running_loop().call_soon(self._send_acknowledged)
        self._acknowledged.append(key)

    async def output_so_far(self, key: str) -> Printed | Unknown:
        """What the function has printed, while it runs or until it is acknowledged."""
        await self._need_there()
        answer = await self.ask(protocol.Output(self.next_number(), key))
        if isinstance(answer, protocol.Printed):
            return Printed(answer.log.decode("utf-8", "replace"), answer.truncated)
        return Unknown()

    async def counts(self) -> Counts:
        """How much is going on there."""
        await self._need_there()
        answer = await self.ask(protocol.Status(self.next_number()))
        if isinstance(answer, protocol.Counts):
            return Counts(answer.warm, answer.running, answer.held, answer.packages)
        return Counts({}, 0, 0)

    async def shutdown_when_idle(self) -> None:
        """Let it end once nothing runs and every outcome is acknowledged. A daemon that connects takes it back."""
        await self._need_there()
        await self.ask(protocol.ShutdownWhenIdle(self.next_number()))

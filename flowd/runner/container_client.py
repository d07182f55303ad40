"""The daemon's line to the runner for containers: the same connection as for functions, its own words for the end."""

from __future__ import annotations

import msgspec

from flowd.containers import ContainerEnd, ContainerSpec, Report
from flowd.functions import Unknown
from flowd.runner import protocol
from flowd.runner.client import RunnerClient
from flowd.runner.protocol import AnyAnswer

_decode = msgspec.json.Decoder(Report).decode


class ContainerClient:
    """Runs containers in the runner that `client` is connected to. Nothing here raises for what a container does."""

    def __init__(self, client: RunnerClient) -> None:
        self._client = client

    @property
    def started_ms(self) -> int:
        """Since when the runner remembers keys."""
        return self._client.started_ms

    async def run(self, key: str, spec: ContainerSpec) -> ContainerEnd:
        """Run it once under `key` and wait for its end, as long as it takes, also for a runner to come."""
        await self._client.until_there()
        if self._client.retiring:  # one that was begun there under this key makes room: it would never be idle
            await self.stop(key)
        await self._client.until_ready()
        return _end(await self._client.ask(protocol.RunContainer(self._client.next_number(), key, spec)))

    async def attach(self, key: str) -> ContainerEnd | Unknown:
        """Wait for the end of a run that was asked for before."""
        await self._client.until_there()
        answer = await self._client.ask(protocol.Attach(self._client.next_number(), key))
        return Unknown() if isinstance(answer, protocol.Unheld) else _end(answer)

    async def stop(self, key: str) -> None:
        """Ask it to end; the end itself comes to whoever waits. Without a runner there is nothing to stop."""
        if await self._client.wait_there():
            await self._client.ask(protocol.StopContainer(self._client.next_number(), key))

    async def output(self, key: str) -> str:
        """What it has printed so far; nothing of one that is not known."""
        if not self._client.connected:
            return ""
        answer = await self._client.ask(protocol.Output(self._client.next_number(), key))
        return answer.log.decode("utf-8", "replace") if isinstance(answer, protocol.Printed) else ""

    async def acknowledge(self, key: str) -> None:
        """The end is on disk."""
        await self._client.acknowledge(key)


def _end(answer: AnyAnswer) -> ContainerEnd:
    if not isinstance(answer, protocol.Finished):
        return ContainerEnd(reason=f"the runner's answer makes no sense: {type(answer).__name__}")
    log = answer.log.decode("utf-8", "replace")
    if answer.output is None:
        return ContainerEnd(reason=answer.cause or answer.error or "", log=log, truncated=answer.truncated)
    report = _decode(answer.output)
    return ContainerEnd(
        exit_code=report.exit_code,
        reason=report.reason,
        log=log,
        truncated=answer.truncated,
        started_ms=report.started_ms,
        ended_ms=report.ended_ms,
    )

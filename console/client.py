"""The console's only way to the daemon: the calls the screens need, and their implementation over flowd's client.

Everything returns plain objects of docs/api.md. Errors are `RemoteError` (the daemon said no) and `Unreachable`.
Nothing here keeps state; what must survive a reconnect lives in `link` and in the screens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from flowd.client import AsyncClient, RemoteError, Unreachable

__all__ = ["Daemon", "Item", "RemoteError", "SocketDaemon", "Unreachable"]

Item = dict[str, Any]
WATCH_S = 25
COUNTED = 10_000
PATIENCE_S = 0.15  # a list that is looked for longer comes in pieces


class Daemon(Protocol):
    """What the screens may ask for."""

    async def health(self) -> Item: ...
    async def watch(self, cursor: Any) -> Item: ...
    async def executions(self, text: str, before: int | None, limit: int, skip: int = 0) -> Item: ...
    async def count(self, text: str) -> Item: ...
    async def execution(self, arn: str) -> Item: ...
    async def history(self, arn: str, after: int) -> Item: ...
    async def task_output(self, arn: str) -> list[Item]: ...
    async def prompts(self, closed: bool) -> list[Item]: ...
    async def answer(self, prompt: str, output: str, comment: str) -> Item: ...
    async def fail(self, prompt: str, error: str, cause: str) -> Item: ...
    async def machines(self) -> list[Item]: ...
    async def machine(self, arn: str) -> Item: ...
    async def files(self) -> list[Item]: ...
    async def schedules(self) -> list[Item]: ...
    async def schedule(self, verb: str, name: str) -> Item: ...
    async def queues(self) -> list[Item]: ...
    async def start(self, machine_arn: str, document: str, name: str) -> Item: ...
    async def start_again(self, arn: str, document: str) -> Item: ...
    async def redrive(self, arn: str) -> Item: ...
    async def stop(self, arn: str, error: str, cause: str) -> Item: ...
    async def test_state(self, definition: str, members: Item) -> Item: ...
    async def validate(self, definition: str) -> Item: ...
    async def update_machine(self, arn: str, definition: str) -> Item: ...
    async def fork(self, arn: str, members: Item) -> Item: ...
    async def retry_now(self, arn: str) -> Item: ...
    async def heartbeat(self, prompt: str) -> Item: ...
    async def ask(self, operation: str, **members: Any) -> Item: ...
    async def states(self, operation: str, **members: Any) -> Item: ...
    async def close(self) -> None: ...


class SocketDaemon:
    """A daemon behind its unix socket."""

    def __init__(self, socket: Path) -> None:
        self._client = AsyncClient(socket)

    async def health(self) -> Item:
        return await self._flowd("Health")

    async def watch(self, cursor: Any) -> Item:
        """Return as soon as something is newer than the cursor, or after `WATCH_S` seconds with no changes."""
        return await self._flowd("Watch", cursor=cursor, timeoutSeconds=WATCH_S)

    async def executions(self, text: str, before: int | None, limit: int, skip: int = 0) -> Item:
        """`searched` in the answer: there may be more below `next`, which nobody has looked at yet."""
        members = {"filter": text or None, "before": before, "limit": limit, "skip": skip or None}
        return await self._flowd("ListExecutions", **members, patienceSeconds=PATIENCE_S)

    async def count(self, text: str) -> Item:
        """Exact for what counters tell; else counted up to `COUNTED`, with `more` if there may be more."""
        return await self._flowd("CountExecutions", filter=text or None, most=COUNTED)

    async def execution(self, arn: str) -> Item:
        return await self._flowd("GetExecution", executionArn=arn)

    async def history(self, arn: str, after: int) -> Item:
        return await self._flowd("GetHistory", executionArn=arn, after=after, limit=1000)

    async def task_output(self, arn: str) -> list[Item]:
        return _rows(await self._flowd("GetTaskOutput", executionArn=arn), "outputs")

    async def prompts(self, closed: bool) -> list[Item]:
        return _rows(await self._flowd("ListPrompts", closed=closed or None), "prompts")

    async def answer(self, prompt: str, output: str, comment: str) -> Item:
        return await self._flowd("AnswerPrompt", id=prompt, output=output, comment=comment or None)

    async def fail(self, prompt: str, error: str, cause: str) -> Item:
        return await self._flowd("FailPrompt", id=prompt, error=error, cause=cause or None)

    async def machines(self) -> list[Item]:
        return _rows(await self._flowd("ListMachines"), "machines")

    async def machine(self, arn: str) -> Item:
        """AWS's DescribeStateMachine; `definition` is its text."""
        return await self._states("DescribeStateMachine", stateMachineArn=arn)

    async def files(self) -> list[Item]:
        return _rows(await self._flowd("ListFiles"), "files")

    async def schedules(self) -> list[Item]:
        return _rows(await self._flowd("ListSchedules"), "schedules")

    async def schedule(self, verb: str, name: str) -> Item:
        """`verb` is Pause, Resume or Run."""
        return await self._flowd(f"{verb}Schedule", name=name)

    async def queues(self) -> list[Item]:
        return _rows(await self._flowd("ListQueues"), "queues")

    async def start(self, machine_arn: str, document: str, name: str) -> Item:
        return await self._states("StartExecution", stateMachineArn=machine_arn, input=document, name=name or None)

    async def start_again(self, arn: str, document: str) -> Item:
        """Run the same machine in its current version with an edited input."""
        return await self._flowd("StartFromInput", executionArn=arn, input=document)

    async def redrive(self, arn: str) -> Item:
        return await self._states("RedriveExecution", executionArn=arn)

    async def stop(self, arn: str, error: str, cause: str) -> Item:
        return await self._states("StopExecution", executionArn=arn, error=error or None, cause=cause or None)

    async def test_state(self, definition: str, members: Item) -> Item:
        """AWS's TestState; `members` are those beside the definition."""
        return await self._states("TestState", definition=definition, **members)

    async def validate(self, definition: str) -> Item:
        return await self._states("ValidateStateMachineDefinition", definition=definition)

    async def update_machine(self, arn: str, definition: str) -> Item:
        return await self._states("UpdateStateMachine", stateMachineArn=arn, definition=definition)

    async def fork(self, arn: str, members: Item) -> Item:
        """flowd's ForkExecution; `members` are those beside the ARN."""
        return await self._flowd("ForkExecution", executionArn=arn, **members)

    async def retry_now(self, arn: str) -> Item:
        return await self._flowd("RetryNow", executionArn=arn)

    async def heartbeat(self, prompt: str) -> Item:
        return await self._flowd("HeartbeatPrompt", id=prompt)

    async def ask(self, operation: str, **members: Any) -> Item:
        """Any other of flowd's own operations, named as in docs/api.md."""
        return await self._flowd(operation, **members)

    async def close(self) -> None:
        await self._client.close()

    async def _flowd(self, operation: str, **members: Any) -> Item:
        return await _checked(self._client.flowd(operation, **_present(members)), operation)

    async def states(self, operation: str, **members: Any) -> Item:
        """An operation of Step Functions."""
        return await self._states(operation, **members)

    async def _states(self, operation: str, **members: Any) -> Item:
        return await _checked(self._client.states(operation, **_present(members)), operation)


async def _checked(call: Any, operation: str) -> Item:
    """A daemon that is just going down may answer with something that is not JSON."""
    try:
        answer = await call
    except ValueError as error:
        raise Unreachable(f"the answer to {operation} is not JSON: {error}") from error
    if not isinstance(answer, dict):
        raise Unreachable(f"the answer to {operation} is not an object")
    return answer


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _rows(answer: Item, member: str) -> list[Item]:
    return list(answer.get(member) or [])

"""A daemon's engine and API without runner and drop folder, on a clock that a test moves; asked with boto3 over TCP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from flowd.api.backends import EmbeddedBackend
from flowd.api.operations import Services, operations
from flowd.api.server import Addresses, Server
from flowd.api.wire.protocols.front import Front
from flowd.client import AsyncClient, RemoteError
from flowd.config import Config
from flowd.decisions import Pattern
from flowd.engine.machines import Machines
from flowd.functions import FunctionSpec
from flowd.runner.replies import Counts
from flowd.store.schema_projects import ProjectResource
from tests.api.lent import Lent, lend
from tests.engine.world import World

ROLE = "arn:aws:iam::000000000000:role/flowd"
PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"Arg1": "argument1"}, "End": True}}})
WAIT = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}})


def activity_machine(arn: str, **members: Any) -> str:
    state = {"Type": "Task", "Resource": arn, "End": True, **members}
    return json.dumps({"StartAt": "Ask", "States": {"Ask": state}})


class Runner:
    """The line to a runner, as far as the API looks at it."""

    connected = True
    problem = ""

    async def counts(self) -> Counts:
        return Counts({"charge": 2}, 0, 0, {"charge": "installing"})


class Folder:
    problem: str | None = None


class Registrar:
    functions: tuple[FunctionSpec, ...] = ()

    def __init__(self) -> None:
        self.projects: list[ProjectResource] = []

    async def project_resources(self) -> list[ProjectResource]:
        return self.projects


def refuse(service: str, action: str, pattern: Pattern) -> str | None:
    return "the integration glacier is not built in flowd" if service == "aws-sdk:glacier" else None


class Box:
    """One daemon after another on the same files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World(folder)
        self.runner = Runner()
        self.registrar = Registrar()
        self.dropfolder = Folder()
        self.services: Services
        self.server: Server
        self._sdks: dict[str, Lent] = {}
        self.own: AsyncClient

    async def start(self) -> None:
        await self.world.boot()
        await self._serve()

    async def _serve(self) -> None:
        core = self.world.core
        socket = self.folder / "s"
        self.services = Services(
            config=Config(workflows=self.folder / "w", data=self.folder, socket=socket, listen=("127.0.0.1", 0)),
            clock=self.world.clock,
            core=core,
            machines=Machines(core.db, self.world.clock, refuse),
            registrar=self.registrar,
            runner=self.runner,
            dropfolder=self.dropfolder,
        )
        self.server = Server(
            operations(self.services),
            Addresses(unix=socket, tcp=("127.0.0.1", 0)),
            self.world.clock,
            None,
            on_drain=self._drain,
            front=Front(dict.fromkeys(core.embedded.services, EmbeddedBackend(core.embedded))),
        )
        await self.services.desk.start()
        await self.server.start()
        self.own = AsyncClient(socket)

    def _sdk(self, service: str, **settings: Any) -> Any:
        """A boto3 client of this daemon, while it runs."""
        if service not in self._sdks:
            self._sdks[service] = lend(service, self.server.url, **settings)
        return self._sdks[service].client

    @property
    def sdk(self) -> Any:
        return self._sdk("stepfunctions", inject_host_prefix=False, max_pool_connections=20)

    @property
    def swf_sdk(self) -> Any:
        return self._sdk("swf", max_pool_connections=20)

    def _drain(self) -> None:
        self.world.core.waiters.stop()
        self.world.core.embedded.drain()

    def aws(self, service: str) -> Any:
        """A boto3 client of an embedded service."""
        return self._sdk(service, parameter_validation=False)

    async def stop(self) -> None:
        await self.own.close()
        for sdk in self._sdks.values():
            await asyncio.to_thread(sdk.back)
        self._sdks.clear()
        await self.server.stop()
        await self.services.desk.stop()
        await self.world.core.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def call(self, operation: str, **members: Any) -> Any:
        """A boto3 call by its Python name; the answer without its metadata."""
        answer = await asyncio.to_thread(getattr(self.sdk, operation), **members)
        del answer["ResponseMetadata"]
        return answer

    async def refused(self, operation: str, **members: Any) -> tuple[str, str]:
        """Code and message of a call that must fail."""
        with pytest.raises(ClientError) as caught:
            await self.call(operation, **members)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    async def swf(self, operation: str, **members: Any) -> Any:
        """As `call`, of SWF."""
        answer = await asyncio.to_thread(getattr(self.swf_sdk, operation), **members)
        del answer["ResponseMetadata"]
        return answer

    async def swf_refused(self, operation: str, **members: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            await self.swf(operation, **members)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    async def raw_swf(self, operation: str, body: Any, prefix: str = "SimpleWorkflowService") -> tuple[int, Any]:
        """An SWF request that boto3 would not send; status and body."""
        async with httpx.AsyncClient() as client:
            headers = {"X-Amz-Target": f"{prefix}.{operation}", "Content-Type": "application/x-amz-json-1.0"}
            answer = await client.post(self.server.url or "", headers=headers, content=json.dumps(body))
        return answer.status_code, answer.json() if answer.content else None

    async def flowd(self, operation: str, **members: Any) -> Any:
        """One of flowd's own operations over the unix socket."""
        return await self.own.flowd(operation, **members)

    async def flowd_refused(self, operation: str, **members: Any) -> RemoteError:
        with pytest.raises(RemoteError) as caught:
            await self.flowd(operation, **members)
        return caught.value

    async def machine(self, definition: str = PASS, name: str = "m", **members: Any) -> str:
        """Create a machine; its ARN."""
        answer = await self.call("create_state_machine", name=name, definition=definition, roleArn=ROLE, **members)
        return str(answer["stateMachineArn"])

    async def run(self, arn: str, **members: Any) -> str:
        """Start an execution and let it go as far as it can; its ARN."""
        answer = await self.call("start_execution", stateMachineArn=arn, **members)
        await self.world.settle()
        return str(answer["executionArn"])

"""A whole engine with a drop folder for templates; functions are Python callables. What tests of projects stand on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from flowd.engine.cloud import Cloud
from flowd.engine.deliveries.carriers import to_machines
from flowd.engine.deliveries.invocations import Invocations, deliver_to_functions
from flowd.engine.dropfolder.apply import Applier
from flowd.engine.dropfolder.scan import Scanner
from flowd.engine.machines import Machines
from flowd.engine.projects import Projects
from flowd.engine.registrar import Registrar
from flowd.engine.sources.sources import Sources
from flowd.functions import AsyncSettings, FunctionResult, FunctionSpec
from flowd.integrations.registry import ROWS, Ports
from flowd.payload import Payload
from flowd.store import machines
from tests.engine.world import World

HEAD = "Transform: AWS::Serverless-2016-10-31\n"


class Host:
    """Who runs functions: by name, Python callables; a raised exception is the function's error."""

    def __init__(self) -> None:
        self.code: dict[str, Callable[[Any], Any]] = {}
        self.specs: dict[str, FunctionSpec] = {}
        self.events: list[tuple[str, Any]] = []
        self.started_ms = 0

    async def register(self, specs: Sequence[FunctionSpec], environment: Any) -> None:
        self.specs = {spec.name: spec for spec in specs}

    async def knows(self, function: str) -> bool:
        return function in self.specs

    async def invoke(self, key: str, function: str, payload_text: str, timeout_ms: int = 0, **_: Any) -> FunctionResult:
        event = json.loads(payload_text)
        self.events.append((function, event))
        try:
            return FunctionResult(output_text=json.dumps(self.code[function](event)))
        except Exception as error:
            return FunctionResult(error=type(error).__name__, cause=str(error))

    async def attach(self, key: str) -> Any:
        raise AssertionError

    async def cancel(self, key: str) -> None:
        return None

    async def acknowledge(self, key: str) -> None:
        return None


class Operations:
    """StartExecution, as a rule's target asks for it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def offers(self, operation: str, service: str = "stepfunctions") -> bool:
        return operation == "StartExecution"

    async def invoke(
        self,
        operation: str,
        members: Any,
        task: str,
        *,
        follows: bool = False,
        service: str = "stepfunctions",
    ) -> dict[str, Any]:
        machine = await self.world.core.db.read(
            lambda s: machines.by_name(s, members["stateMachineArn"].split(":")[-1])
        )
        assert machine is not None
        started = await self.world.core.executions.start(machine, members["name"], Payload.parse(members["input"]))
        return {"executionArn": started.arn}

    async def closed(self, execution_arn: str) -> None:
        return None


class Box(World):
    """A world with a drop folder: `drop` writes a template and puts it in force."""

    host: Host

    async def wire(self) -> None:
        self.host = Host()
        cloud = Cloud(self.core.embedded, {})
        ports = Ports(clock=self.clock, cloud=cloud)
        for name in ("dynamodb", "events", "sns", "sqs"):
            integration = ROWS[name](ports)
            assert integration is not None
            self.registry.rows[name] = integration
        self.invocations = Invocations(self.host, self.clock, self.settings_of)
        deliver_to_functions(self.core.deliveries, self.invocations)
        self.core.deliveries.carriers["states"] = to_machines(Operations(self))
        self.folder = self.path.parent / "workflows"
        self.folder.mkdir(exist_ok=True)
        self.sources = Sources(self.core.db, self.core.embedded, self.host, self.core.deliveries.put, pause_s=0.001)
        self.projects = Projects(self.core.db, self.core.embedded, self.clock)
        made = Machines(self.core.db, self.clock, lambda service, action, pattern: None)
        registrar = Registrar(
            self.core.db, made, self.core.schedules, self.host, {}, None, None, self.projects, self.sources
        )
        self.scanner, self.applier = Scanner(str(self.folder)), Applier(registrar, self.clock)

    def settings_of(self, name: str, qualifier: str) -> AsyncSettings:
        return self.host.specs[name].asynchronous

    async def drop(self, text: str, *functions: str, project: str = "shop") -> dict[str, str]:
        """What the resources of all templates are by now: logical id -> status, and the note behind it."""
        folder = self.folder / project
        for name in functions:
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "app.py").write_text("def handler(event, context): ...")
        folder.mkdir(exist_ok=True)
        (folder / "template.yaml").write_text(HEAD + text)
        return await self.look()

    async def look(self) -> dict[str, str]:
        await self.applier.apply(self.scanner.scan())
        await self.settle()
        rows = await self.projects.every()
        return {row.resource: f"{row.status} {row.note}".strip() for row in rows}

    async def __aexit__(self, *error: object) -> None:
        await self.sources.stop()
        await super().__aexit__(*error)

    async def settle(self) -> None:
        await super().settle()
        while self.sources.busy:
            await asyncio.sleep(0.001)
        await super().settle()

    async def ask(self, service: str, operation: str, **members: Any) -> dict[str, Any]:
        answer = await self.core.embedded.invoke(service, operation, members)
        await self.settle()
        return answer

    async def send(self, queue: str, text: str) -> None:
        await self.ask("sqs", "SendMessage", QueueUrl=f"http://h/0/{queue}", MessageBody=text)

    async def start_named(self, name: str, input: Any) -> str:
        """Start a machine of a template; how it ended."""
        machine = await self.core.db.read(lambda session: machines.by_name(session, name))
        assert machine is not None
        return (await self.execution(await self.start(machine, input))).status

    async def received(self, queue: str) -> list[str]:
        found = await self.ask("sqs", "ReceiveMessage", QueueUrl=f"http://h/0/{queue}", MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", ())]

"""A whole engine with the daemon's own operations behind `states` and `aws-sdk:sfn`, as `daemon` wires them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flowd.api.local import LocalOperations
from flowd.api.operations import Services, operations
from flowd.config import Config
from flowd.engine.machines import Machines
from flowd.integrations.registry import Ports, Registry
from tests.api.box import Registrar, Runner
from tests.engine.world import World

CHILD = "arn:aws:states:us-east-1:000000000000:stateMachine:child"
PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"Arg1": "argument1"}, "End": True}}}
WAIT: dict[str, Any] = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
FAIL: dict[str, Any] = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Boom", "Cause": "why"}}}


def task(resource: str, parameters: Any, **fields: Any) -> dict[str, Any]:
    """A machine of one Task."""
    state = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, "End": True}
    return {"StartAt": "T", "States": {"T": {**state, **fields}}}


def nested(pattern: str = "", **fields: Any) -> dict[str, Any]:
    """A machine that starts the child."""
    return task(f"states:startExecution{pattern}", {"StateMachineArn": CHILD, "Input": {"k": 1}}, **fields)


class Nest(World):
    """A World whose Tasks may call its operations."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        self.local = LocalOperations()
        self.machines: Machines

    async def boot(self) -> None:
        self.local = LocalOperations()
        registry = Registry.of(Ports(self.clock, operations=self.local))
        for service in ("states", "aws-sdk:sfn", "aws-sdk:swf"):
            found = registry.find(service)
            assert found is not None
            self.rows[service] = found
        await super().boot()

    async def wire(self) -> None:
        core = self.core
        self.machines = Machines(core.db, self.clock, lambda service, action, pattern: None)
        core.stepping.missing = self.machines.activities.missing
        await self.machines.activities.load()
        services = Services(
            config=Config(workflows=self.folder / "w", data=self.folder, socket=self.folder / "s", listen=None),
            clock=self.clock,
            core=core,
            machines=self.machines,
            registrar=Registrar(),
            runner=Runner(),
        )
        self.local.bind(operations(services), core.closings.wait)

    async def begin(self, parent: dict[str, Any], child: dict[str, Any] = PASS, input: Any = None) -> str:
        """Load both and start the parent."""
        await self.machine(child, "child")
        return await self.start(await self.machine(parent, "parent"), input)

    async def details(self, arn: str, type: str) -> dict[str, Any]:
        """The last event of a type; payloads as values."""
        event = [each for each in await self.history(arn) if each.type == type][-1]
        return {name: getattr(value, "value", value) for name, value in event.details.items()}

    async def children(self) -> list[str]:
        """ARNs of the child's executions."""
        body = await self.local.invoke("ListExecutions", {"stateMachineArn": CHILD}, "0:0:0")
        return [each["executionArn"] for each in body["executions"]]

    async def cause(self, arn: str) -> Any:
        return json.loads((await self.execution(arn)).cause or "null")

"""A registered SWF domain with an order workflow and two activities, and a decider and worker played by the test."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.api.box import Box

DOMAIN = "shop"
ORDER = {"name": "Order", "version": "1.0"}
CHARGE = {"name": "Charge", "version": "1"}
BARE = {"name": "Bare", "version": "1"}  # an activity without defaults


def decision(kind: str, **attributes: Any) -> dict[str, Any]:
    """A Decision of the wire."""
    return {"decisionType": kind, f"{kind[0].lower()}{kind[1:]}DecisionAttributes": attributes}


class Shop:
    """SWF's side of a Box."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.call = box.swf
        self.refused = box.swf_refused

    async def register(self) -> None:
        await self.call("register_domain", name=DOMAIN, workflowExecutionRetentionPeriodInDays="7")
        await self.call(
            "register_workflow_type",
            domain=DOMAIN,
            **ORDER,
            defaultTaskStartToCloseTimeout="60",
            defaultExecutionStartToCloseTimeout="3600",
            defaultTaskList={"name": "orders"},
            defaultChildPolicy="TERMINATE",
        )
        await self.call(
            "register_activity_type",
            domain=DOMAIN,
            **CHARGE,
            defaultTaskList={"name": "work"},
            defaultTaskStartToCloseTimeout="60",
            defaultTaskScheduleToStartTimeout="300",
            defaultTaskScheduleToCloseTimeout="NONE",
            defaultTaskHeartbeatTimeout="30",
        )
        await self.call("register_activity_type", domain=DOMAIN, **BARE)

    async def start(self, workflow_id: str = "order-1", **members: Any) -> str:
        answer = await self.call(
            "start_workflow_execution", domain=DOMAIN, workflowId=workflow_id, workflowType=ORDER, **members
        )
        return str(answer["runId"])

    async def poll(self, task_list: str = "orders", **members: Any) -> Any:
        """A decision task that is there."""
        return await self.call("poll_for_decision_task", domain=DOMAIN, taskList={"name": task_list}, **members)

    async def work(self, task_list: str = "work", **members: Any) -> Any:
        """An activity task that is there."""
        return await self.call("poll_for_activity_task", domain=DOMAIN, taskList={"name": task_list}, **members)

    async def decide(self, *decisions: dict[str, Any], **members: Any) -> Any:
        """Poll and answer; the task."""
        task = await self.poll()
        await self.respond(task, *decisions, **members)
        return task

    async def respond(self, task: Any, *decisions: dict[str, Any], **members: Any) -> None:
        await self.call(
            "respond_decision_task_completed", taskToken=task["taskToken"], decisions=list(decisions), **members
        )
        await self.box.world.settle()

    async def history(self, run: str, workflow_id: str = "order-1", **members: Any) -> list[Any]:
        answer = await self.call(
            "get_workflow_execution_history",
            domain=DOMAIN,
            execution={"workflowId": workflow_id, "runId": run},
            **members,
        )
        return list(answer["events"])

    async def types(self, run: str, workflow_id: str = "order-1") -> list[str]:
        return [event["eventType"] for event in await self.history(run, workflow_id)]

    async def last(self, run: str, event_type: str, workflow_id: str = "order-1") -> dict[str, Any]:
        """The attributes of the latest event of a type."""
        found = [each for each in await self.history(run, workflow_id) if each["eventType"] == event_type]
        assert found, f"there is no {event_type} in {await self.types(run, workflow_id)}"
        member = f"{event_type[0].lower()}{event_type[1:]}EventAttributes"
        return dict(found[-1][member])

    async def describe(self, run: str, workflow_id: str = "order-1") -> Any:
        return await self.call(
            "describe_workflow_execution", domain=DOMAIN, execution={"workflowId": workflow_id, "runId": run}
        )

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(0)
        await self.box.world.pass_time(seconds)

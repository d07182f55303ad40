"""Histories for tests, as boto3 shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flowd.sdk.execution import Info

INFO = Info("order-1", "run-1", "order", "v1", "lists")


class History(list[dict[str, Any]]):
    """Grows by events; ids and times by themselves, a second apart."""

    def event(self, kind: str, **attributes: Any) -> int:
        number = len(self) + 1
        self.append(
            {
                "eventId": number,
                "eventTimestamp": datetime(2030, 1, 1, 0, 0, number, tzinfo=UTC),
                "eventType": kind,
                f"{kind[0].lower()}{kind[1:]}EventAttributes": attributes,
            }
        )
        return number

    def began(self, input: str = "null") -> History:
        self.event("WorkflowExecutionStarted", input=input, childPolicy="TERMINATE", parentInitiatedEventId=0)
        return self.asked()

    def asked(self) -> History:
        """A decision task, started."""
        scheduled = self.event("DecisionTaskScheduled", taskList={"name": "lists"})
        self.event("DecisionTaskStarted", scheduledEventId=scheduled)
        return self

    def answered(self) -> int:
        """The latest decision task is completed."""
        started = max(event["eventId"] for event in self if event["eventType"] == "DecisionTaskStarted")
        return self.event("DecisionTaskCompleted", scheduledEventId=started - 1, startedEventId=started)

    def scheduled(self, name: str, activity_id: str, input: str, completed: int) -> int:
        kind = {"name": name, "version": "v1"}
        named = {"activityType": kind, "activityId": activity_id, "input": input, "taskList": {"name": "lists"}}
        return self.event("ActivityTaskScheduled", **named, decisionTaskCompletedEventId=completed)

    def completed(self, scheduled: int, result: str) -> None:
        started = self.event("ActivityTaskStarted", scheduledEventId=scheduled)
        self.event("ActivityTaskCompleted", scheduledEventId=scheduled, startedEventId=started, result=result)

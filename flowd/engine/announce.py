"""What the world is told of executions: notices for hooks, and AWS's own status events for rules that want them.

Both are rows in the batch of their cause, so none is lost and none is told of what was not committed. It delivers
nothing: `hooks` and `deliveries` do.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from flowd.engine.deciders import Interpreted
from flowd.engine.live import Live
from flowd.payload import Payload
from flowd.services.ports import Delivery
from flowd.store.steps import ExecutionWrite

SOURCE: Final = "aws.states"
KIND: Final = "Step Functions Execution Status Change"
LARGEST: Final = 248 * 1024  # of input and output together; larger ones are left out (developer guide)
_NOT_REDRIVABLE: Final = {
    "RUNNING": "Execution is RUNNING and cannot be redriven",
    "SUCCEEDED": "Execution is SUCCEEDED and cannot be redriven",
}


class Announcer:
    """`hooks` are the kinds of notices that are wanted; `bus` is the ARN of the default event bus, `wanted` tells
    whether a rule of it may want status events."""

    def __init__(
        self, hooks: frozenset[str] = frozenset(), bus: str = "", wanted: Callable[[], bool] = lambda: False
    ) -> None:
        self._hooks = hooks
        self._bus = bus
        self._wanted = wanted

    def prompted(self, live: Live, write: ExecutionWrite, state: str, short: str | None) -> bool:
        """Somebody is asked. True if there is something to be brought out, as with all of these."""
        return self._notice(live, write, "prompt", state=state, prompt=short)

    def began(self, live: Live, write: ExecutionWrite, now_ms: int) -> bool:
        """It runs, or runs again."""
        return self._event(live, write, None, now_ms)

    def closed(self, live: Live, write: ExecutionWrite, output: Payload | None, now_ms: int) -> bool:
        """It is over."""
        told = self._event(live, write, output, now_ms)
        if live.child.run:
            return told  # a child's end is told by its Map Run
        kinds = ["close", *([] if live.status == "SUCCEEDED" else ["failure"])]
        facts = {"status": live.status, "error": live.error, "cause": live.cause}
        return any([self._notice(live, write, kind, **facts) for kind in kinds]) or told

    def _notice(self, live: Live, write: ExecutionWrite, kind: str, **facts: str | None) -> bool:
        if kind not in self._hooks:
            return False
        body = {"event": kind, "executionArn": live.execution.arn, "stateMachineName": live.execution.machine_name}
        body.update({key: value for key, value in facts.items() if value is not None})
        write.hooks.append((kind, json.dumps(body), 0))
        return True

    def _event(self, live: Live, write: ExecutionWrite, output: Payload | None, now_ms: int) -> bool:
        """EXPRESS executions and children of a Map Run send none, as on AWS."""
        standard = live.execution.type == "STANDARD" and isinstance(live.decider, Interpreted)
        if not (self._wanted() and standard and not live.child.run):
            return False
        execution = live.execution
        number = uuid.uuid5(uuid.NAMESPACE_URL, f"{execution.arn}#{live.status}#{execution.redrive_count}")
        _, _, _, region, account, _ = self._bus.split(":", 5)
        event = {
            "version": "0",
            "id": str(number),
            "detail-type": KIND,
            "source": SOURCE,
            "account": account,
            "time": f"{datetime.fromtimestamp(now_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "region": region,
            "resources": [execution.arn],
            "detail": _detail(live, output),
        }
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        write.send(Delivery(self._bus, body, source=execution.arn, name=str(number)), now_ms)
        return True


def _detail(live: Live, output: Payload | None) -> dict[str, Any]:
    """The members and their order are those of the developer guide's example; dates are milliseconds."""
    execution = live.execution
    given, result = execution.input.text, None if output is None else output.text
    included = len(given.encode()) + len((result or "").encode()) <= LARGEST
    redrivable = live.status in ("FAILED", "TIMED_OUT", "ABORTED")
    detail: dict[str, Any] = {
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine_arn,
        "stateMachineVersionArn": execution.version_arn,
        "stateMachineAliasArn": execution.alias_arn,
        "name": execution.name,
        "status": live.status,
        "startDate": execution.started_ms,
        "stopDate": live.stopped_ms or None,
        "input": given if included else None,
        "output": result if included else None,
        "inputDetails": {"included": included},
        "outputDetails": None if result is None else {"included": included},
        "error": live.error,
        "cause": live.cause,
        "redriveCount": execution.redrive_count,
        "redriveDate": execution.redriven_ms or None,
        "redriveStatus": "REDRIVABLE" if redrivable else "NOT_REDRIVABLE",
        "redriveStatusReason": _NOT_REDRIVABLE.get(live.status),
    }
    return detail

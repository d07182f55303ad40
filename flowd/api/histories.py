"""GetExecutionHistory: events in AWS's form. It changes no fact, it only spells it."""

from __future__ import annotations

from functools import partial
from typing import Any

from flowd.api.services import Services
from flowd.api.wire import pages
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.errors import ExecutionDoesNotExist, InvalidArn
from flowd.history import HistoryEvent, attributes_member, details_member
from flowd.payload import Payload
from flowd.store import reads

#: Members that carry data, and the member that tells whether all of it is there (it always is).
_TRUNCATED = {
    "input": "inputDetails",
    "output": "outputDetails",
    "assignedVariables": "assignedVariablesDetails",
}
_DATA = frozenset({*_TRUNCATED, *_TRUNCATED.values(), "parameters"})


async def get_execution_history(do: Services, request: Any, caller: Caller) -> Body:
    """A page of events, ascending by id unless `reverseOrder`."""
    arn = do.execution_arn(request.executionArn)
    reverse = bool(request.reverseOrder)
    key = f"GetExecutionHistory {arn.canonical} {reverse}"
    after = do.pages.position(key, request.nextToken)
    size = pages.size(request.maxResults)
    read = partial(
        reads.events,
        arn=arn.arn,
        canonical=arn.canonical,
        after=after if isinstance(after, int) else 0,
        limit=size,
        reverse=reverse,
    )
    found = await do.core.db.read(read)
    if found is None:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{request.executionArn}'")
    row, events, more = found
    if row.type == "SWF":
        raise InvalidArn(f"Invalid Arn: '{row.arn}' is an SWF execution; use GetWorkflowExecutionHistory")
    with_data = request.includeExecutionData is not False
    token = do.pages.token(key, events[-1].id) if more else None
    return present(events=[render(event, with_data) for event in events], nextToken=token)


def render(event: HistoryEvent, with_data: bool = True) -> Body:
    """One event as GetExecutionHistory has it."""
    body: Body = {
        "timestamp": date(event.at_ms),
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous,
    }
    member = details_member(event.type)
    if member:
        body[member] = _details(event.details, with_data)
    return body


def render_swf(event: HistoryEvent) -> Body:
    """An SWF event in the frame of the others, for lists that show both: its attributes have SWF's name."""
    return {
        "timestamp": date(event.at_ms),
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous,
        attributes_member(event.type): {name: _text(value) for name, value in event.details.items()},
    }


def _details(facts: dict[str, Any], with_data: bool) -> Body:
    found: Body = {}
    for name, value in facts.items():
        if not with_data and name in _DATA:
            continue
        found[name] = _text(value)
        if name in _TRUNCATED:
            found[_TRUNCATED[name]] = {"truncated": False}
    return found


def _text(value: Any) -> Any:
    if isinstance(value, Payload):
        return value.text
    if isinstance(value, dict):
        return {name: _text(member) for name, member in value.items()}
    return value


OPERATIONS = {"GetExecutionHistory": get_execution_history}

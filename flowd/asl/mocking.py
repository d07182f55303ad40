"""What TestState accepts in place of reality: which states can be mocked, mocked results, a mocked Context object.

Pure checks in AWS's words where a recording or the service's own answers have them. Whether a result fits the API that
a Task would have called is not checked here: that needs the models of the services.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flowd.asl.faults import Failure
from flowd.asl.model import Map, Parallel, Task
from flowd.asl.teststate import Mock, Subject, names_inside
from flowd.errors import InvalidDefinition, ValidationException, invalid_input
from flowd.payload import InvalidJson, Payload

#: The types of state whose work can be mocked.
MOCKED: Final = (Task, Map, Parallel)
_NOT_WITHOUT_MOCK: Final = (
    "TestState API does not support Map or Parallel states. "
    "Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"
)
_NO_JOBS: Final = "TestState API does not support '.sync' or '.waitForTaskToken' integration patterns."
_NO_ACTIVITIES: Final = "TestState API does not support activities without a mock."


def require_runnable(subject: Subject, role_arn: str | None) -> None:
    """Raise if the state cannot be tested without a mock."""
    state = subject.state
    if isinstance(state, Map | Parallel):
        raise InvalidDefinition(_NOT_WITHOUT_MOCK)
    if not isinstance(state, Task):
        return
    if state.resource.family == "activity":
        raise InvalidDefinition(_NO_ACTIVITIES)
    if state.resource.pattern:
        raise InvalidDefinition(_NO_JOBS)
    if role_arn is None:
        raise ValidationException("RoleArn must be specified when testing a Task state")


def read_mock(subject: Subject, result: str | None, error: str | None, cause: str | None, failing: bool) -> Mock:
    """The mock of a request; `failing` if it has an errorOutput. Raises ValidationException."""
    state = subject.state
    if not isinstance(state, MOCKED):
        raise ValidationException(f"State type '{state.type}' is not supported when a mock is specified")
    if result is not None and failing:
        raise ValidationException("A test mock should have only one of the following fields: [result, errorOutput].")
    if failing:
        if error is None:
            raise ValidationException("The errorOutput of a test mock must have an error")
        return Mock(failure=Failure(error, cause, task_result=True))
    if result is None:
        raise ValidationException("A test mock must have one of the following fields: [result, errorOutput].")
    return Mock(result=_result(subject, result))


def _result(subject: Subject, text: str) -> Payload:
    try:
        result = Payload.parse(text)
    except InvalidJson:
        raise ValidationException("Mocked result must be valid JSON") from None
    state = subject.state
    if isinstance(state, Map) and "ResultWriter" in subject.source:
        if not isinstance(result.value, dict):
            raise ValidationException("Mocked result must be a JSON object.")
    elif isinstance(state, Map | Parallel) and not isinstance(result.value, list):
        raise ValidationException("Mocked result must be an array.")
    if isinstance(state, Parallel) and len(result.value) != len(state.branches):
        raise ValidationException("Mocked result must contain the same number of items as number of Parallel branches.")
    return result


def check_origin(subject: Subject, name: str | None) -> None:
    """Raise if `errorCausedByState` names no state inside of a Map or Parallel under test."""
    if name is not None and name not in names_inside(subject):
        raise ValidationException(f"errorCausedByState '{name}' is no state inside of the state under test")


def read_object(text: str, member: str) -> Payload:
    """`variables`: the text of a JSON object."""
    try:
        found = Payload.parse(text)
    except InvalidJson:
        found = None
    if found is None or not isinstance(found.value, dict):
        raise ValidationException(f"The value of '{member}' must be the text of a JSON object")
    return found


def check_reader_data(subject: Subject, text: str | None) -> str | None:
    """`mapItemReaderData`, the file of a Map with ItemReader in its own form, which nothing else has."""
    reader = subject.source.get("ItemReader") if isinstance(subject.state, Map) else None
    if reader is None:
        if text is not None:
            raise ValidationException("mapItemReaderData can only be specified for a Map with ItemReader")
        return None
    if text is None:
        raise ValidationException(
            "ItemReader data must be specified when testing a Map state with ItemReader specified."
        )
    if reader.get("ReaderConfig", {}).get("InputType") == "MANIFEST":
        raise ValidationException(
            "mapItemReaderData cannot be a MANIFEST in flowd, which names other files: give the items as JSON"
        )
    return text


def read_input(text: str | None) -> Payload:
    try:
        return Payload.parse("{}" if text is None else text)
    except InvalidJson as error:
        raise invalid_input(text or "", error) from None


# -- the Context object ---------------------------------------------------------


def read_context(subject: Subject, text: str) -> dict[str, Any]:
    """A mocked Context object; it takes the place of the real one as it is. Raises ValidationException."""
    try:
        context = Payload.parse(text).value
    except InvalidJson:
        raise _wrong("it must be valid JSON") from None
    if not isinstance(context, dict):
        raise _wrong("it must be a JSON object")
    for name, value in context.items():
        if name == "Map":
            raise _wrong("'Map' field is not supported when mocking a Context object")
        members = _MEMBERS.get(name)
        if members is None:
            raise _wrong(f"Field '{name}' is not allowed")
        if name == "Task" and not _has_token(subject):
            raise _wrong("'Task' field is only supported for '.sync' and '.waitForTaskToken' integration patterns")
        _check_members(name, value, members)
    return context


def retries(used: int | None, context: dict[str, Any] | None) -> int:
    """How often the state was tried again: what the request says, else its Context object's RetryCount."""
    if used is not None:
        return used
    return max(0, int((context or {}).get("State", {}).get("RetryCount", 0)))


def _has_token(subject: Subject) -> bool:
    return isinstance(subject.state, Task) and subject.state.resource.has_token


def _check_members(name: str, value: Any, members: dict[str, str]) -> None:
    if not isinstance(value, dict):
        raise _wrong(f"{name} must be an object")
    for member, found in value.items():
        if member not in members:
            raise _wrong(f"Field '{member}' is not allowed")
        if not _TYPES[members[member]](found):
            raise _wrong(f"{name}.{member} must be a {members[member]}")


def _wrong(what: str) -> ValidationException:
    return ValidationException(f"Invalid Context object provided: {what}")


#: The members of the Context object and their types; `value` is anything.
_MEMBERS: Final[dict[str, dict[str, str]]] = {
    "Execution": {
        "Id": "string",
        "Input": "value",
        "Name": "string",
        "RoleArn": "string",
        "StartTime": "string",
        "RedriveCount": "number",
        "RedriveTime": "string",
    },
    "State": {"EnteredTime": "string", "Name": "string", "RetryCount": "number"},
    "StateMachine": {"Id": "string", "Name": "string"},
    "Task": {"Token": "string"},
}
_TYPES: Final[dict[str, Callable[[Any], bool]]] = {
    "string": lambda found: isinstance(found, str),
    "number": lambda found: isinstance(found, int | float) and not isinstance(found, bool),
    "value": lambda found: True,
}

"""`arn:aws:states:::aws-sdk:sfn:*`: every Step Functions operation of this daemon as a Task.

Parameters and results are those of the API in PascalCase, by the service's own model. It calls the daemon's operations
and knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, Literal

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from flowd.decisions import Pattern
from flowd.errors import ApiError
from flowd.integrations import answers
from flowd.integrations.answers import Refusal
from flowd.integrations.ports import Failed, Operations, Outcome, Succeeded, TaskCall
from flowd.payload import Payload

#: A call of these that was lost cannot be repeated without running something twice; all others can: they read, say
#: what is to be, consume a token that is good once, or begin under a name or token of this attempt.
_ONCE: Final = frozenset({"StartSyncExecution"})
_LOST: Final = "The daemon ended during this call, and nobody can tell what became of it."
#: Members that make a repeated call begin nothing twice, where AWS would make up a random one.
_NAMED: Final[dict[str, str]] = {"StartExecution": "name", "RedriveExecution": "clientToken"}


class SdkSfn:
    """This daemon's API for its own executions."""

    on_restart: Literal["reattach", "fail", "again"] = "reattach"

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        operation = _upper(action)
        if action == operation or operation not in _model().operation_names:
            return f"Step Functions has no operation {action}; the name is an operation's in camelCase"
        if pattern not in ("", "waitForTaskToken"):
            return f"aws-sdk integrations have no .{pattern}; states:startExecution has"
        if not self._operations.offers(operation):
            return f"{operation} is not built in flowd yet"
        return None

    async def call(self, task: TaskCall) -> Outcome:
        """Ask the daemon."""
        operation = _upper(task.action)
        if task.recovered and operation in _ONCE:
            return Failed("Sfn.SdkClientException", _LOST, answers.stage_of(task))
        model = _model().operation_model(operation)
        try:
            members = _request(model.input_shape, task.parameters.value)
        except Refusal as refusal:
            return answers.refused(task, refusal)
        if operation in _NAMED:
            members.setdefault(_NAMED[operation], answers.name_for(task))
        try:
            body = await self._operations.invoke(operation, members, task.key)
        except ApiError as error:
            return answers.sdk_error(task, "Sfn", error, error.code in _modelled())
        return Succeeded(Payload.of(_shown(model.output_shape, body) if model.output_shape else {}))

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        return Failed("States.Runtime", "aws-sdk integrations have no .sync")

    async def cancel(self, task: TaskCall) -> None:
        return None  # a poll ends with the call; anything else is over in a moment

    async def acknowledge(self, task: TaskCall) -> None:
        return None


@cache
def _model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("stepfunctions", "service-2"), "stepfunctions")


@cache
def _modelled() -> frozenset[str]:
    """Error codes that the SDK has a class for."""
    return frozenset(shape.name for shape in _model().error_shapes)


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


# -- requests ------------------------------------------------------------------


def _request(shape: Shape | None, value: Any) -> dict[str, Any]:
    """The members of a request, for the wire. Raises Refusal."""
    if not isinstance(value, dict):
        raise Refusal("The parameters are not an object")
    if shape is None:
        return {}
    members: dict[str, Any] = _structure(shape, value, "")
    return members


def _structure(shape: Shape, value: Any, place: str) -> Any:
    assert isinstance(shape, StructureShape)
    if not isinstance(value, dict):
        raise _invalid(place)
    known = {_upper(name): name for name in shape.members}
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if name not in known:
            raise Refusal(f'The field "{name}" is not supported by Step Functions')
        if inner is not None:
            found[known[name]] = _convert(shape.members[known[name]], inner, name)
    for name in shape.required_members:
        if name not in found:
            raise Refusal(f"The field '{_upper(name)}' is required but was missing")
    return found


def _list(shape: Shape, value: Any, place: str) -> Any:
    assert isinstance(shape, ListShape)
    if not isinstance(value, list):
        raise _invalid(place)
    return [_convert(shape.member, inner, place) for inner in value]


def _map(shape: Shape, value: Any, place: str) -> Any:
    assert isinstance(shape, MapShape)
    if not isinstance(value, dict):
        raise _invalid(place)
    return {key: _convert(shape.value, inner, place) for key, inner in value.items()}


def _text(shape: Shape, value: Any, place: str) -> Any:
    """An object where text is wanted is written as JSON (recorded: test_sfn_start_execution_implicit_json...)."""
    return answers.text_member(place, value)


def _boolean(shape: Shape, value: Any, place: str) -> Any:
    if not isinstance(value, bool):
        raise _invalid(place)
    return value


def _number(shape: Shape, value: Any, place: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(place)
    if shape.type_name in ("integer", "long"):
        if value != int(value):
            raise _invalid(place)
        return int(value)
    return value


_CONVERTERS: Final[dict[str, Callable[[Shape, Any, str], Any]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _text,
    "boolean": _boolean,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
}


def _convert(shape: Shape, value: Any, place: str) -> Any:
    return _CONVERTERS[shape.type_name](shape, value, place)


def _invalid(place: str) -> Refusal:
    return Refusal(f"The value of the field '{place}' has an invalid format")


# -- answers -------------------------------------------------------------------


def _shown(shape: Shape, value: Any) -> Any:
    """An answer of the wire in PascalCase, with dates as text."""
    if isinstance(shape, StructureShape):
        return {
            _upper(name): _shown(inner, value[name])
            for name, inner in sorted(shape.members.items())
            if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [_shown(shape.member, inner) for inner in value]
    if isinstance(shape, MapShape):
        return {key: _shown(shape.value, inner) for key, inner in value.items()}
    return answers.instant(value) if shape.type_name == "timestamp" else value

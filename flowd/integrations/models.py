"""The service models that Tasks speak by: which service a Resource means, and both ways between its JSON and members.

Step Functions spells members as version 2 of the Java SDK does, with a capital. Shared by all integrations that call a
service; pure but for botocore's files.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final

from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from flowd.integrations import answers
from flowd.integrations.answers import Refusal
from flowd.names import UnknownName
from flowd.payload import dumps

#: What `aws-sdk:` Resources call a service, where that is not botocore's name without dashes.
SDK_SERVICES: Final[dict[str, str]] = {
    "applicationdiscovery": "discovery",
    "cloudwatchevents": "events",
    "cloudwatchlogs": "logs",
    "cognitoidentity": "cognito-identity",
    "cognitoidentityprovider": "cognito-idp",
    "configservice": "config",
    "costandusagereport": "cur",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "directory": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearch": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuilding": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntime": "lex-runtime",
    "lexruntimev2": "lexv2-runtime",
    "marketplaceentitlement": "marketplace-entitlement",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "pinpointsmsvoice": "sms-voice",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
    "simpledb": "sdb",
}
#: Members that the Java SDK had to call otherwise: NULL is a word of its own there.
_RENAMED: Final[dict[tuple[str, str], str]] = {("AttributeValue", "NULL"): "Nul"}


# -- names -----------------------------------------------------------------------


def service_of(resource_service: str) -> str:
    """botocore's name of `aws-sdk:NAME` or of an optimised integration."""
    name = resource_service.removeprefix("aws-sdk:")
    return SDK_SERVICES.get(name, name)


_read: set[str] = set()


async def loaded(service: str) -> ServiceModel | None:
    """As `model`, but a file that has not been read yet is read in a thread: some have megabytes."""
    return model(service) if service in _read else await asyncio.to_thread(model, service)


@cache
def names_of_services() -> frozenset[str]:
    """botocore's names of all services it knows."""
    return frozenset(Loader().list_available_services("service-2"))


@cache
def model(service: str) -> ServiceModel | None:
    """The model of a service by botocore's name, with or without its dashes; None if there is none."""
    loader = Loader()
    names = {name.replace("-", ""): name for name in loader.list_available_services("service-2")}
    try:
        name = names.get(service.replace("-", ""), service)
        found = ServiceModel(loader.load_service_model(name, "service-2"), name)
    except (DataNotFoundError, UnknownServiceError):
        found = None
    _read.add(service)
    return found


def operation(service: ServiceModel, action: str) -> OperationModel | None:
    """The operation of an action in camelCase; None if the service has none of that name."""
    name = upper(action)
    if action == name or name not in service.operation_names:
        return None
    return service.operation_model(name)


def unknown(service: str, action: str) -> UnknownName | None:
    """Why `aws-sdk:SERVICE:ACTION` is nothing that AWS has, None if it is. May read a large file."""
    found = model(service_of(service))
    if found is None:
        return UnknownName(f"{service} is no service that AWS's SDK knows")
    if operation(found, action) is None:
        return UnknownName(f"{found.service_id} has no operation {action}; the name is an operation's in camelCase")
    return None


@cache
def sdk_name(service_id: str) -> str:
    """What version 2 of the SDK calls a service: DynamoDB is `DynamoDb`, Secrets Manager `SecretsManager`."""
    spaced = re.sub(r"[^A-Za-z0-9]+", " ", service_id)
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", spaced)
    spaced = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", spaced)
    return "".join(word[:1].upper() + word[1:].lower() for word in spaced.split())


@lru_cache(maxsize=32)
def error_names(service: ServiceModel) -> frozenset[str]:
    """Error codes that the SDK has a class for."""
    codes = {str(shape.metadata.get("error", {}).get("code", shape.name)) for shape in service.error_shapes}
    return frozenset(codes | {shape.name for shape in service.error_shapes})


def upper(name: str) -> str:
    return name[:1].upper() + name[1:]


@lru_cache(maxsize=10_000)
def spelled(member: str) -> str:
    """A member in the Java SDK's spelling: of capitals in a row all but the last are lowered (`SSEKMSKeyId` is
    `SsekmsKeyId`, `ETag` stays)."""
    at = 1
    while at < len(member) and member[at].isupper() and not (at + 1 < len(member) and member[at + 1].islower()):
        at += 1
    return member[:1].upper() + member[1:at].lower() + member[at:]


def _called(shape: StructureShape, member: str) -> str:
    return _RENAMED.get((shape.name, member)) or spelled(member)


# -- requests --------------------------------------------------------------------


def request(shape: Shape | None, value: Any) -> dict[str, Any]:
    """The members of a request, as boto3 takes them. Raises Refusal."""
    if not isinstance(value, dict):
        raise Refusal("The parameters are not an object")
    if shape is None:
        return {}
    assert isinstance(shape, StructureShape)
    payload = shape.serialization.get("payload")
    found: dict[str, Any] = _structure(shape, value, "", payload if isinstance(payload, str) else "")
    return found


def _structure(shape: Shape, value: Any, place: str, payload: str = "") -> Any:
    assert isinstance(shape, StructureShape)
    if shape.is_document_type:
        return value
    if not isinstance(value, dict):
        raise _invalid(place)
    known = _spellings(shape)
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if name not in known:
            raise Refusal(f'The field "{name}" is not supported by Step Functions')
        if inner is not None:
            member = known[name]
            convert = _body if member == payload else _convert
            found[member] = convert(shape.members[member], inner, name)
    for name in shape.required_members:
        if name not in found:
            raise Refusal(f"The field '{_called(shape, name)}' is required but was missing")
    return found


def _spellings(shape: StructureShape) -> dict[str, str]:
    """How members may be spelled: as the Java SDK does, or as the API does with a capital."""
    return {upper(name): name for name in shape.members} | {_called(shape, name): name for name in shape.members}


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


def _body(shape: Shape, value: Any, place: str) -> Any:
    """The body of a request: whatever it is, as JSON; a text is in quotes (recorded: test_s3_put_object[str])."""
    return dumps(value).encode() if shape.type_name == "blob" else _convert(shape, value, place)


def _blob(shape: Shape, value: Any, place: str) -> Any:
    if not isinstance(value, str):
        raise _invalid(place)
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise _invalid(place) from None


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


def _timestamp(shape: Shape, value: Any, place: str) -> Any:
    """A date as text, as version 2 shows it, or seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError):
        raise _invalid(place) from None


_CONVERTERS: Final[dict[str, Callable[[Shape, Any, str], Any]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _text,
    "blob": _blob,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
}


def _convert(shape: Shape, value: Any, place: str) -> Any:
    return _CONVERTERS[shape.type_name](shape, value, place)


def _invalid(place: str) -> Refusal:
    return Refusal(f"The value of the field '{place}' has an invalid format")


# -- answers -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Style:
    """How a generation of the SDK shows an answer: its members' names and its dates."""

    name: Callable[[StructureShape, str], str]
    date: Callable[[float], Any]


OPTIMISED: Final = Style(lambda shape, member: upper(member), answers.epoch_ms)
SDK: Final = Style(_called, answers.instant)


def shown(shape: Shape | None, value: Any, style: Style = SDK) -> Any:
    """An answer as a Task shows it; blobs become text."""
    if shape is None:
        return {}
    if isinstance(shape, StructureShape):
        if shape.is_document_type:
            return value
        payload = shape.serialization.get("payload")
        return {
            style.name(shape, name): (_shown_body if name == payload else shown)(inner, value[name], style)
            for name, inner in sorted(shape.members.items())
            if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [shown(shape.member, inner, style) for inner in value]
    if isinstance(shape, MapShape):
        return {key: shown(shape.value, inner, style) for key, inner in value.items()}
    if shape.type_name == "timestamp":
        return style.date(value)
    if shape.type_name == "blob":
        return base64.b64encode(value).decode() if isinstance(value, bytes) else value
    return value


def _shown_body(shape: Shape, value: Any, style: Style) -> Any:
    """The body of an answer is text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else shown(shape, value, style)

"""Lambda's five operations on event source mappings: which queue or stream calls which function.

What a template says is shown, and changed there, not here. It reads no queue and no stream.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from flowd import names
from flowd.api.functions import Functions
from flowd.clock import Clock
from flowd.engine.embedded import Embedded
from flowd.engine.sources.filters import wrong_in
from flowd.engine.sources.mappings import Mapping as SourceMapping
from flowd.engine.sources.mappings import Mappings, mapping_arn
from flowd.errors import ApiError
from flowd.sam.project import SamSource
from flowd.services.ports import ServiceError

_PAGE: Final = 100
_BATCH: Final = {"sqs": 10, "dynamodb": 100}
_OTHER_SOURCES: Final = (
    *("Topics", "Queues", "SelfManagedEventSource", "SourceAccessConfigurations", "DocumentDBEventSourceConfig"),
    *("AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig", "ProvisionedPollerConfig"),
)
_OF_STREAMS: Final = (
    *("BisectBatchOnFunctionError", "DestinationConfig", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts"),
    *("ParallelizationFactor", "StartingPosition", "StartingPositionTimestamp", "TumblingWindowInSeconds"),
)
#: Members of the API that stand in a source as they are.
_PLAIN: Final = {
    "BatchSize": "batch_size",
    "MaximumBatchingWindowInSeconds": "window_s",
    "Enabled": "enabled",
    "MaximumRecordAgeInSeconds": "oldest_s",
    "MaximumRetryAttempts": "retries",
    "BisectBatchOnFunctionError": "bisect",
}
#: Taken, shown again, and not looked at: one shard has one reader, and nothing here is measured or encrypted.
_KEPT: Final = ("KMSKeyArn", "LoggingConfig", "MetricsConfig", "ParallelizationFactor")


class MappingOperations:
    """Answers for them; members are those of AWS's model."""

    def __init__(self, functions: Functions, mappings: Mappings, embedded: Embedded, clock: Clock) -> None:
        self._functions = functions
        self._mappings = mappings
        self._embedded = embedded
        self._clock = clock
        self._changing = asyncio.Lock()
        self.operations: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "CreateEventSourceMapping": partial(self._alone, self.create),
            "DeleteEventSourceMapping": partial(self._alone, self.delete),
            "GetEventSourceMapping": self.get,
            "ListEventSourceMappings": self.listed,
            "UpdateEventSourceMapping": partial(self._alone, self.update),
        }

    async def _alone(
        self, operation: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]], members: dict[str, Any]
    ) -> dict[str, Any]:
        """What one looks at, whether a mapping is there or is the second, no other changes until it is done."""
        async with self._changing:
            return await operation(members)

    async def create(self, members: dict[str, Any]) -> dict[str, Any]:
        _refuse_others(members)
        arn = members.get("EventSourceArn") or ""
        service = _service(arn)
        function, function_arn = await self._functions.known(members["FunctionName"])
        made = str(uuid.uuid4())
        source = SamSource(
            name=made,
            arn=arn,
            function=function,
            batch_size=_BATCH[service],
            latest=service == "dynamodb" and _begins(members, arn) == "LATEST",
        )
        mapping = SourceMapping(uuid=made, source=source, function_arn=function_arn)
        changed = self._changed(mapping, members)
        await self._check_there(source)
        self._refuse_second(changed)
        await self._mappings.put(changed)
        return _shown(changed, "Creating")

    async def update(self, members: dict[str, Any]) -> dict[str, Any]:
        """What is not given stays."""
        _refuse_others(members)
        mapping = self._own(members)
        if members.get("FunctionName"):
            function, arn = await self._functions.known(members["FunctionName"])
            source = msgspec.structs.replace(mapping.source, function=function)
            mapping = msgspec.structs.replace(mapping, source=source, function_arn=arn)
        before = mapping.source.enabled
        changed = self._changed(mapping, members)
        self._refuse_second(changed)
        await self._mappings.put(changed)
        after = changed.source.enabled
        return _shown(changed, "Updating" if before == after else "Enabling" if after else "Disabling")

    async def get(self, members: dict[str, Any]) -> dict[str, Any]:
        return _shown(self._found(members))

    async def delete(self, members: dict[str, Any]) -> dict[str, Any]:
        mapping = self._own(members)
        await self._mappings.delete(mapping.uuid)
        return _shown(mapping, "Deleting")

    async def listed(self, members: dict[str, Any]) -> dict[str, Any]:
        """Of a source, of a function, or all; a bare name means the function whatever its version."""
        found = self._mappings.every()
        if members.get("EventSourceArn"):
            found = [each for each in found if each.source.arn == members["EventSourceArn"]]
        if members.get("FunctionName"):
            function, arn = self._functions.named(members["FunctionName"])
            found = [each for each in found if each.source.function == function]
            if arn.count(":") == 7:
                found = [each for each in found if each.function_arn == arn]
        most = min(members.get("MaxItems") or _PAGE, _PAGE)
        rest = [each for each in found if each.uuid > (members.get("Marker") or "")]
        more = {"NextMarker": rest[most - 1].uuid} if len(rest) > most else {}
        return {"EventSourceMappings": [_shown(each) for each in rest[:most]], **more}

    # -- which -----------------------------------------------------------------------

    def _found(self, members: dict[str, Any]) -> SourceMapping:
        found = self._mappings.find(members["UUID"])
        if found is None:
            said = "The resource you requested does not exist."
            raise ServiceError("ResourceNotFoundException", said, status=404, Type="User")
        return found

    def _own(self, members: dict[str, Any]) -> SourceMapping:
        found = self._found(members)
        if found.owned:
            said = f"The template {found.source.source} has the mapping {found.source.name}; change it there."
            raise ServiceError("ResourceConflictException", said, status=409, Type="User")
        return found

    def _refuse_second(self, mapping: SourceMapping) -> None:
        """A source calls a function once (the text as users have had it from AWS)."""
        arn, function = mapping.source.arn, mapping.source.function
        for each in self._mappings.every():
            if each.uuid != mapping.uuid and each.source.pair == mapping.source.pair:
                kind = "An event source mapping with SQS" if mapping.source.service == "sqs" else "The event source"
                there = "already exists" if mapping.source.service == "sqs" else "provided mapping already exists"
                said = f'{kind} arn (" {arn} ") and function (" {function} ") {there}. '
                said += f"Please update or delete the existing mapping with UUID {each.uuid}"
                raise ServiceError("ResourceConflictException", said, status=409, Type="User")

    async def _check_there(self, source: SamSource) -> None:
        try:
            if source.service == "sqs":
                members: dict[str, Any] = {"QueueUrl": f"http://flowd/0/{source.arn.rpartition(':')[2]}"}
                await self._embedded.invoke("sqs", "GetQueueAttributes", members)
            else:
                await self._embedded.invoke("dynamodbstreams", "DescribeStream", {"StreamArn": source.arn})
        except ApiError as error:
            if source.service != "sqs":
                raise _invalid(f"Stream not found: {source.arn}") from None
            code = "AWS.SimpleQueueService.NonExistentQueue"
            said = f"Error occurred while ReceiveMessage. SQS Error Code: {code}. SQS Error Message: {error.message}"
            raise _invalid(said) from None

    # -- what it is to be -----------------------------------------------------------

    def _changed(self, mapping: SourceMapping, members: Mapping[str, Any]) -> SourceMapping:
        """With what is given of it. Raises what Lambda refuses with."""
        source = mapping.source
        given = {name: members[member] for member, name in _PLAIN.items() if members.get(member) is not None}
        if source.service == "sqs":
            _refuse_of_streams(members)
        if members.get("TumblingWindowInSeconds"):
            raise _invalid("TumblingWindowInSeconds: tumbling windows are not built in flowd")
        if members.get("FunctionResponseTypes") is not None:
            given["partial"] = bool(members["FunctionResponseTypes"])
        if members.get("FilterCriteria") is not None:
            given["filters"] = _filters(source.service, members["FilterCriteria"])
        if members.get("ScalingConfig") is not None:
            given["at_once"] = _at_once(source, members["ScalingConfig"])
        if members.get("DestinationConfig") is not None:
            given["failed_to"] = _destination(members["DestinationConfig"])
        changed = msgspec.structs.replace(source, **given)
        _check_batch(changed)
        kept = {name: members[name] for name in _KEPT if members.get(name) is not None}
        return msgspec.structs.replace(
            mapping, source=changed, changed_ms=self._clock.now_ms(), settings={**mapping.settings, **kept}
        )


def _invalid(said: str) -> ServiceError:
    return ServiceError("InvalidParameterValueException", said, Type="User")


def _refuse_others(members: Mapping[str, Any]) -> None:
    for name in _OTHER_SOURCES:
        if members.get(name):
            raise _invalid(f"{name} is not built in flowd: queues of SQS and streams of DynamoDB call functions here")


def _refuse_of_streams(members: Mapping[str, Any]) -> None:
    for name in _OF_STREAMS:
        if members.get(name) is None:
            continue
        if name.startswith("StartingPosition"):
            raise _invalid(f"{name} is not valid for SQS event sources.")
        raise _invalid(f"Unsupported {name} parameter for given event source mapping type.")


def _service(arn: str) -> str:
    parts = names.split_arn(arn)
    if parts is None:
        raise _invalid("Unrecognized event source.")
    if parts.service == "sqs" or (parts.service == "dynamodb" and "/stream/" in parts.resource):
        return parts.service
    said = "Unrecognized event source"
    raise _invalid(f"{said}: {arn} is neither a queue nor a table's stream, and only those call functions in flowd.")


def _begins(members: Mapping[str, Any], arn: str) -> str:
    start = members.get("StartingPosition")
    if start is None:
        said = "Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."
        raise _invalid(f"1 validation error detected: {said}")
    if start == "AT_TIMESTAMP":
        raise _invalid(f"Unsupported starting position for arn type: {arn}")
    return str(start)


def _filters(service: str, said: Mapping[str, Any]) -> tuple[str, ...]:
    found = tuple(str(each.get("Pattern") or "") for each in said.get("Filters") or ())
    wrong = wrong_in(service, found)
    if wrong:
        raise _invalid(f"Invalid filter pattern definition. ({wrong})")
    return found


def _at_once(source: SamSource, said: Mapping[str, Any]) -> int:
    if source.service != "sqs":
        raise _invalid("Unsupported ScalingConfig parameter for given event source mapping type.")
    return int(said.get("MaximumConcurrency") or 0)


def _destination(said: Mapping[str, Any]) -> str:
    if said.get("OnSuccess"):
        raise _invalid("Unsupported DestinationConfig parameter for given event source mapping type.")
    arn = str((said.get("OnFailure") or {}).get("Destination") or "")
    parts = names.split_arn(arn)
    if arn and (parts is None or parts.service not in ("sqs", "sns") or arn.endswith(".fifo")):
        raise _invalid(f"The destination ARN {arn} of OnFailure is invalid: queues and topics can be told here.")
    return arn


def _check_batch(source: SamSource) -> None:
    if 0 <= source.oldest_s < 60:
        raise _invalid("MaximumRecordAgeInSeconds must be -1, or from 60 to 604800.")
    if source.service != "sqs":
        return
    if source.arn.endswith(".fifo"):
        if source.window_s:
            raise _invalid("Batching window is not supported for FIFO queues.")
        if source.batch_size > 10:
            raise _invalid("The maximum batch size of a FIFO queue is 10.")
    if source.batch_size > 10 and not source.window_s:
        said = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        raise _invalid(said)


def _shown(mapping: SourceMapping, state: str = "") -> dict[str, Any]:
    """`state` is what is being done to it; once it is done it is Enabled or Disabled."""
    source = mapping.source
    shown: dict[str, Any] = {
        "UUID": mapping.uuid,
        "BatchSize": source.batch_size,
        "MaximumBatchingWindowInSeconds": source.window_s,
        "EventSourceArn": source.arn,
        "FunctionArn": mapping.function_arn,
        "State": state or ("Enabled" if source.enabled else "Disabled"),
        "StateTransitionReason": "USER_INITIATED" if source.service == "sqs" else "User action",
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if source.partial else [],
        "EventSourceMappingArn": mapping_arn(mapping),
        **mapping.settings,
    }
    if mapping.changed_ms:
        shown["LastModified"] = mapping.changed_ms / 1000
    if source.filters:
        shown["FilterCriteria"] = {"Filters": [{"Pattern": each} for each in source.filters]}
    if source.at_once:
        shown["ScalingConfig"] = {"MaximumConcurrency": source.at_once}
    if source.service == "sqs":
        return shown
    return {
        "ParallelizationFactor": 1,
        **shown,
        "StartingPosition": "LATEST" if source.latest else "TRIM_HORIZON",
        "DestinationConfig": {"OnFailure": {"Destination": source.failed_to} if source.failed_to else {}},
        "MaximumRecordAgeInSeconds": source.oldest_s,
        "BisectBatchOnFunctionError": source.bisect,
        "MaximumRetryAttempts": source.retries,
        "TumblingWindowInSeconds": 0,
    }

"""A queue that calls a function (an event source mapping): its poller, which waits without cost.

A batch that the function takes is deleted from its queue; what it fails with becomes visible again when its time is
over, and goes to the dead-letter queue in the end. At least once, as on AWS: a daemon that ends during a call lets the
messages come back. A message that the mapping's filters do not want is deleted unseen.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final, Protocol

from flowd import background
from flowd.engine.embedded import Embedded
from flowd.engine.sources.filters import wanted
from flowd.errors import FlowdError
from flowd.functions import FunctionResult
from flowd.sam.project import SamSource

log = logging.getLogger(__name__)
AT_ONCE: Final = (
    5  # calls of one function for one queue (Lambda developer guide, "Scaling and processing": it begins so)
)
_AT_MOST: Final = 10  # messages of one ReceiveMessage
_WAIT_S: Final = 20
_AGAIN_S: Final = 5.0


class Taker(Protocol):
    """Who takes a batch: a host of functions, or what starts a machine."""

    async def invoke(self, key: str, function: str, payload_text: str) -> FunctionResult: ...

    async def acknowledge(self, key: str) -> None: ...


class QueuePoller:
    """One queue and one function."""

    def __init__(self, source: SamSource, embedded: Embedded, host: Taker, region: str) -> None:
        self._source = source
        self._embedded = embedded
        self._host = host
        self._region = region
        self._calls: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """True while the function runs."""
        return bool(self._calls)

    async def stop(self) -> None:
        """Calls that are under way are let go; their messages come back."""
        await background.end(*self._calls)

    async def run(self) -> None:
        """Until the daemon stops, or who runs it does."""
        source = self._source
        room = asyncio.Semaphore(min(source.at_once or AT_ONCE, AT_ONCE))
        said = ""  # a queue that is not there is told of once, not every few seconds
        while not self._embedded.draining:
            await room.acquire()
            try:
                messages, said = await self._batch(source), ""
            except Exception as error:  # a defect of ours must not end it: the source goes on to say that it is polled
                why = error.message if isinstance(error, FlowdError) else f"{type(error).__name__}: {error}"
                if why != said:
                    log.warning("%s cannot be polled for %s: %s", source.arn, source.function, why)
                messages, said = [], why
                await asyncio.sleep(_AGAIN_S)
            if not messages:
                room.release()
                continue
            call = asyncio.create_task(self._call(source, messages), name=f"source {source.name}: a batch")
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
            call.add_done_callback(lambda _: room.release())

    async def _batch(self, source: SamSource) -> list[dict[str, Any]]:
        """Up to BatchSize messages: waits for the first, and for more as long as the window says."""
        messages = await self._receive(source, _AT_MOST, _WAIT_S)
        wait_s = min(source.window_s, _WAIT_S)
        while messages and len(messages) < source.batch_size:
            more = await self._receive(source, source.batch_size - len(messages), wait_s)
            if not more:
                break
            messages += more
        return messages

    async def _receive(self, source: SamSource, most: int, wait_s: int) -> list[dict[str, Any]]:
        members = {
            "QueueUrl": _url(source),
            "MaxNumberOfMessages": min(most, source.batch_size, _AT_MOST),
            "WaitTimeSeconds": wait_s,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        }
        while True:
            answer = await self._embedded.invoke("sqs", "ReceiveMessage", members, who=f"function {source.function}")
            messages: list[dict[str, Any]] = answer.get("Messages", [])
            kept = [each for each in messages if wanted({"body": each["Body"]}, source.filters)]
            await self._delete(source, [each for each in messages if each not in kept])
            if kept or not messages:
                return kept

    async def _call(self, source: SamSource, messages: list[dict[str, Any]]) -> None:
        key = f"source:{uuid.uuid4()}"
        records = [record(each, source, self._region) for each in messages]
        event = json.dumps(source.event(records), ensure_ascii=False)
        try:
            result = await self._host.invoke(key, source.function, event)
            await self._host.acknowledge(key)
            if result.error is not None:
                log.warning("%s failed with a batch of %s: %s", source.function, source.arn, result.error)
                return
            kept = failures(result.output_text) if source.partial else set()
            done = [] if kept is None else [each for each in messages if each["MessageId"] not in kept]
            await self._delete(source, done)
        except FlowdError as error:
            log.warning("%s could not take a batch of %s: %s", source.function, source.arn, error.message)
        except Exception:
            log.exception("%s could not take a batch of %s", source.function, source.arn)

    async def _delete(self, source: SamSource, messages: Sequence[dict[str, Any]]) -> None:
        for at in range(0, len(messages), _AT_MOST):
            entries = [
                {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
                for number, each in enumerate(messages[at : at + _AT_MOST])
            ]
            members = {"QueueUrl": _url(source), "Entries": entries}
            await self._embedded.invoke("sqs", "DeleteMessageBatch", members, who=f"function {source.function}")


def _url(source: SamSource) -> str:
    return f"http://flowd/0/{source.arn.rpartition(':')[2]}"


def record(message: dict[str, Any], source: SamSource, region: str) -> dict[str, Any]:
    """One message as a function sees it (Lambda developer guide, "Using Lambda with Amazon SQS")."""
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        "md5OfBody": message["MD5OfBody"],
        **({"md5OfMessageAttributes": message["MD5OfMessageAttributes"]} if attributes else {}),
        "eventSource": "aws:sqs",
        "eventSourceARN": source.arn,
        "awsRegion": region,
    }


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    content = (
        {"binaryValue": b64encode(value["BinaryValue"]).decode()}
        if "BinaryValue" in value
        else {"stringValue": value["StringValue"]}
    )
    return {**content, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


def failures(text: str | None) -> set[str] | None:
    """Ids of the messages that are to come back; None for all of them, when the answer is not what it should be.

    Source: Lambda developer guide, "Implementing partial batch responses".
    """
    try:
        answer = json.loads(text or "null")
    except ValueError:
        return None
    if answer is None or answer == {}:
        return set()
    listed = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if listed is None:
        return set()
    if not isinstance(listed, list):
        return None
    ids = [each.get("itemIdentifier") if isinstance(each, dict) else None for each in listed]
    return {str(each) for each in ids} if all(isinstance(each, str) and each for each in ids) else None

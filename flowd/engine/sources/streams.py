"""A table's stream that calls a function (an event source mapping): its poller, one batch after the other.

How far the stream is read is on disk once the function has taken a batch: at least once, in the order of the changes. A
batch that fails holds the rest up until it is taken, too old, or was tried often enough; then it is given up and, where
the mapping says so, told to a queue or topic. Source: Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB".
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from flowd.engine.embedded import Embedded
from flowd.engine.sources.filters import wanted
from flowd.engine.sources.queues import Taker, failures
from flowd.errors import ApiError, FlowdError
from flowd.functions import FunctionResult
from flowd.sam.project import SamSource
from flowd.services.dynamodb import streamreads
from flowd.services.dynamodb.streams import news
from flowd.services.ports import Delivery
from flowd.store import sources as rows
from flowd.store.database import Database

log = logging.getLogger(__name__)
PAUSE_S: Final = 1.0  # after a failure; it doubles up to
LONGEST_S: Final = 60.0
_LOOK_S: Final = 60.0  # without news
_AGAIN_S: Final = 5.0
_MOST_BYTES: Final = 6 << 20  # of a function's event
_PAGE: Final = 1000
_GONE: Final = ("ResourceNotFoundException", "TrimmedDataAccessException")
Records = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Positions:
    """How far one mapping has read."""

    db: Database
    name: str

    async def read(self) -> tuple[str, str] | None:
        return await self.db.read(partial(rows.position, name=self.name))

    async def save(self, stream: str, sequence: str) -> None:
        await self.db.write(partial(rows.save, name=self.name, stream=stream, sequence=sequence))


class StreamPoller:
    """One stream and one function."""

    def __init__(
        self, source: SamSource, embedded: Embedded, host: Taker, positions: Positions, pause_s: float = PAUSE_S
    ) -> None:
        self._source = source
        self._embedded = embedded
        self._host = host
        self._positions = positions
        self._pause_s = pause_s
        self._news = news(source.arn.split(":")[5].split("/")[1])
        self._seen: int | None = None  # the moment as of which there was nothing to do
        self._ended = False

    @property
    def busy(self) -> bool:
        """True while there is something to bring to the function."""
        return not self._ended and (self._seen is None or self._embedded.woken(self._news, self._seen))

    async def stop(self) -> None:
        """Nothing is left behind: what was under way is read again."""

    async def run(self) -> None:
        """Until the daemon stops, or who runs it does."""
        try:
            await self._run()
        finally:
            self._ended = True

    async def _run(self) -> None:
        said = ""  # a stream that is not there is told of once
        while not self._embedded.draining:
            seen = self._embedded.moment
            try:
                more, said = await self._look(), ""
            except FlowdError as error:
                if error.message != said:
                    log.warning("%s cannot be read for %s: %s", self._source.arn, self._source.function, error.message)
                more, said = False, error.message
            except Exception:
                log.exception("%s cannot be read for %s", self._source.arn, self._source.function)
                await asyncio.sleep(_AGAIN_S)
                continue
            if not more:
                self._seen = seen
                await self._embedded.wait(self._news, _LOOK_S, seen)
                self._seen = None

    # -- reading -----------------------------------------------------------------------

    async def _look(self) -> bool:
        """One batch, if there is one; True if there may be another."""
        stream, place = await self._place()
        records, end = await self._batch(stream, place)
        if not records:
            newest = await self._arn(self._source.arn) if end else stream
            if newest == stream:
                return False
            await self._positions.save(newest, "")  # the stream has ended, the table has another one
            return True
        last = _number(records[-1])
        chosen = [each for each in (self._told(record, stream) for record in records) if self._wanted(each)]
        if chosen:
            await self._bring(stream, chosen)
        await self._positions.save(stream, last)
        return True

    async def _place(self) -> tuple[str, str]:
        """The stream that is read, and the last of its records that is done with."""
        known = await self._positions.read()
        if known is not None:
            try:
                return await self._arn(known[0]), known[1]
            except ApiError as error:
                if error.code not in _GONE:
                    raise
        stream = await self._arn(self._source.arn)
        last = ""
        if self._source.latest and known is None:  # behind what is there now, also after a restart
            last = streamreads.sequence_of(await self._iterator(stream, "", "LATEST"))
        await self._positions.save(stream, last)
        return stream, last

    async def _arn(self, arn: str) -> str:
        told = await self._ask("DescribeStream", StreamArn=arn)
        return str(told["StreamDescription"]["StreamArn"])

    async def _iterator(self, stream: str, place: str, kind: str = "") -> str:
        told = await self._ask("DescribeStream", StreamArn=stream)
        members = {"StreamArn": stream, "ShardId": told["StreamDescription"]["Shards"][0]["ShardId"]}
        if place:
            members |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": place}
        else:
            members["ShardIteratorType"] = kind or "TRIM_HORIZON"
        return str((await self._ask("GetShardIterator", **members))["ShardIterator"])

    async def _batch(self, stream: str, place: str) -> tuple[Records, bool]:
        """Up to BatchSize records, and whether the stream has ended with them."""
        try:
            iterator: str | None = await self._iterator(stream, place)
        except ApiError as error:
            if error.code != "TrimmedDataAccessException":
                raise
            iterator = await self._iterator(stream, "")  # what lay in between was too old
        records: Records = []
        size, waited = 0, False
        while iterator is not None and len(records) < self._source.batch_size and size < _MOST_BYTES // 2:
            seen = self._embedded.moment
            limit = min(_PAGE, self._source.batch_size - len(records))
            page = await self._ask("GetRecords", ShardIterator=iterator, Limit=limit)
            records += page["Records"]
            size += sum(each["dynamodb"]["SizeBytes"] for each in page["Records"])
            iterator = page.get("NextShardIterator")
            if not page["Records"]:
                if not records or waited or not self._source.window_s:
                    break
                waited = not await self._embedded.wait(self._news, self._source.window_s, seen)
        return records, iterator is None

    async def _ask(self, operation: str, **members: Any) -> dict[str, Any]:
        return await self._embedded.invoke(
            "dynamodbstreams", operation, members, who=f"function {self._source.function}"
        )

    # -- calling -----------------------------------------------------------------------

    def _told(self, record: Mapping[str, Any], stream: str) -> dict[str, Any]:
        """A record as a function sees it: bytes as base64, and whose stream it is."""
        told: dict[str, Any] = _plain(record)
        if "userIdentity" in told:
            told["userIdentity"] = {"principalId": "dynamodb.amazonaws.com", "type": "Service"}
        return {**told, "eventSourceARN": stream}

    def _wanted(self, record: dict[str, Any]) -> bool:
        return wanted(record, self._source.filters)

    async def _bring(self, stream: str, records: Records) -> None:
        """Call the function until it has taken the records, or they are given up."""
        tries, pause_s = 0, self._pause_s
        while records:
            records = await self._drop_old(stream, records, tries)
            if not records:
                return
            result = await self._call(records)
            left = self._left(records, result)
            if not left:
                return
            if len(left) < len(records):  # it got further: the rest has its tries before it
                tries, pause_s = 0, self._pause_s
                await self._positions.save(stream, _number(records[len(records) - len(left) - 1]))
            elif self._source.bisect and len(records) > 1:
                half = len(records) // 2
                await self._bring(stream, records[:half])
                await self._positions.save(stream, _number(records[half - 1]))
                left = records[half:]
            else:
                tries += 1
                if 0 <= self._source.retries < tries:
                    await self._give_up(stream, records, "RetryAttemptsExhausted", tries, result)
                    return
            records = left
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_S)

    async def _call(self, records: Records) -> FunctionResult:
        """What became of it. A runner that is not there is waited for, and is no try."""
        event = json.dumps(self._source.event(records), ensure_ascii=False)
        while True:
            key = f"source:{uuid.uuid4()}"
            try:
                result = await self._host.invoke(key, self._source.function, event)
                await self._host.acknowledge(key)
            except FlowdError as error:
                log.warning("%s could not take records of %s: %s", self._source.function, self._source.arn, error)
                await asyncio.sleep(_AGAIN_S)
            else:
                if result.error is not None:
                    log.warning(
                        "%s failed with records of %s: %s", self._source.function, self._source.arn, result.error
                    )
                return result

    def _left(self, records: Records, result: FunctionResult) -> Records:
        """What is to be brought again: all behind the first that failed."""
        if result.error is not None:
            return records
        if not self._source.partial:
            return []
        kept = failures(result.output_text)
        if kept is None:
            return records
        places = [at for at, record in enumerate(records) if _number(record) in kept]
        if kept and not places:
            return records  # it names what it was not given
        return records[places[0] :] if places else []

    async def _drop_old(self, stream: str, records: Records, tries: int) -> Records:
        """Without those that are older than MaximumRecordAgeInSeconds, or than streams keep them once they failed."""
        most_s = min([age for age in (self._source.oldest_s, 86_400 if tries else -1) if age >= 0], default=-1)
        if most_s < 0:
            return records
        since_s = self._embedded.now_ms / 1000 - most_s
        old = [each for each in records if each["dynamodb"]["ApproximateCreationDateTime"] < since_s]
        if old:
            await self._give_up(stream, old, "RecordAgeExceeded", tries, None)
        return records[len(old) :]

    async def _give_up(
        self, stream: str, records: Records, condition: str, tries: int, result: FunctionResult | None
    ) -> None:
        first, last = records[0]["dynamodb"], records[-1]["dynamodb"]
        log.warning(
            "%s: %d records of %s are given up: %s", self._source.function, len(records), self._source.arn, condition
        )
        if not self._source.failed_to:
            return
        told: dict[str, Any] = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": f"{':'.join(stream.split(':')[:2])}:lambda:{':'.join(stream.split(':')[3:5])}"
                f":function:{self._source.function}",
                "condition": condition,
                "approximateInvokeCount": tries,
            },
            "version": "1.0",
            "timestamp": _moment(self._embedded.now_ms / 1000),
            "DDBStreamBatchInfo": {
                "shardId": (await self._ask("DescribeStream", StreamArn=stream))["StreamDescription"]["Shards"][0][
                    "ShardId"
                ],
                "startSequenceNumber": first["SequenceNumber"],
                "endSequenceNumber": last["SequenceNumber"],
                "approximateArrivalOfFirstRecord": _moment(first["ApproximateCreationDateTime"]),
                "approximateArrivalOfLastRecord": _moment(last["ApproximateCreationDateTime"]),
                "batchSize": len(records),
                "streamArn": stream,
            },
        }
        if result is not None:
            error = {"functionError": "Unhandled"} if result.error is not None else {}
            told["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST", **error}
        await self._embedded.post(Delivery(self._source.failed_to, json.dumps(told), source=stream))


def _number(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value

"""The shell around S3: its operations work on files, in threads; what they tell EventBridge follows as deliveries.

A call of a Task may be repeated after a crash, since a second time has the same effect; only the event of the first is
then told twice.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from flowd.clock import Clock
from flowd.engine.embedded import Embedded
from flowd.engine.wanted import Wanted
from flowd.errors import NotYetBuilt, ServiceUnavailable, reason
from flowd.services.objects import SERVICE, errors
from flowd.services.ports import Call, FilePart
from flowd.services.s3 import FolderBuckets, NoSuchBucket
from flowd.store import embedded as rows
from flowd.store.database import Database

LARGEST = 262_144  # of a body that becomes the result of a Task


class Objects:
    """S3 over the folders of buckets. A provider of the cloud; the API asks `call`."""

    once = True

    def __init__(
        self,
        db: Database,
        clock: Clock,
        embedded: Embedded,
        buckets: FolderBuckets,
        region: str,
        account: str,
        endpoint: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._embedded = embedded
        self._buckets = buckets
        self._region, self._account, self._endpoint = region, account, endpoint
        self.wanted = Wanted(db, embedded, "aws.s3", None)

    def offers(self, service: str, operation: str) -> bool:
        return operation in SERVICE.operations

    async def invoke(self, service: str, operation: str, members: Mapping[str, Any], task: str) -> dict[str, Any]:
        """For a Task: a body is read as a whole."""
        answer = await self.call(operation, members, f"task {task}")
        body = answer.get("Body")
        if isinstance(body, FilePart):
            if body.length > LARGEST:
                raise errors.invalid(f"the object has {body.length:,} bytes; the result of a Task may have {LARGEST:,}")
            answer["Body"] = await asyncio.to_thread(body.read)
        return answer

    async def call(self, operation: str, members: Mapping[str, Any], who: str) -> dict[str, Any]:
        """One operation, in a thread. Raises ApiError."""
        rule = SERVICE.operations.get(operation)
        if rule is None:
            raise NotYetBuilt(f"s3:{operation} is not built in flowd")
        call = self.new_call(who)
        try:
            answer = await asyncio.to_thread(rule, self._buckets, members, call)
        except NoSuchBucket:  # deleted since the rule looked for it
            raise errors.no_such_bucket(str(members["Bucket"])) from None
        except OSError as error:
            raise ServiceUnavailable(f"the folder of buckets cannot be used: {reason(error)}") from None
        await self.tell(call)
        return answer

    def new_call(self, who: str) -> Call:
        """What an operation, or a notice, knows of the daemon and of who asked."""
        return Call(
            now_ms=self._clock.now_ms(),
            region=self._region,
            account=self._account,
            new_id=lambda: str(uuid.uuid4()),
            who=who,
            endpoint=self._endpoint,
        )

    async def tell(self, call: Call) -> None:
        """Send what rules may want to hear."""
        if call.deliveries and self.wanted():
            await self._db.write(partial(rows.send, call=call))
            self._embedded.sent()

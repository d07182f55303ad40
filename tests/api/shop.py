"""A daemon's S3 with one bucket, and boto3 before it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from flowd.api.backends import EmbeddedBackend, ObjectsBackend
from flowd.api.server import Addresses, Server
from flowd.api.wire.credentials import Credentials
from flowd.api.wire.protocols.front import Front
from flowd.clock import SystemClock
from flowd.engine.objects import Objects
from flowd.services.s3 import FolderBuckets
from tests.api.lent import lend
from tests.engine.world import World

KEYS = Credentials("AKIAFLOWDEXAMPLE", "a secret")


class Shop:
    """A daemon's S3 with one bucket `box`, and its folder."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.folder = folder / "s3"

    async def start(self) -> None:
        await self.world.boot()
        core = self.world.core
        self.objects = Objects(
            core.db,
            self.world.clock,
            core.embedded,
            FolderBuckets(self.folder),
            "us-east-1",
            "000000000000",
            "http://here",
        )
        await self.objects.wanted.start()
        front = Front({"s3": ObjectsBackend(self.objects), "events": EmbeddedBackend(core.embedded)})
        self.server = Server({}, Addresses(tcp=("127.0.0.1", 0)), SystemClock(), KEYS, front=front)
        await self.server.start()
        self._lent = lend("s3", self.server.url, KEYS, parameter_validation=False)
        self._own = self._lent.client
        await self("create_bucket", Bucket="box")

    async def stop(self) -> None:
        await asyncio.to_thread(self._lent.back)
        await self.server.stop()
        await self.objects.wanted.stop()
        await self.world.core.stop()

    def client(self, service: str = "s3", **settings: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.server.url,
            region_name="us-east-1",
            aws_access_key_id=KEYS.access_key,
            aws_secret_access_key=KEYS.secret_key,
            config=Config(**{"retries": {"total_max_attempts": 1}, "parameter_validation": False, **settings}),
        )

    async def __call__(self, operation: str, **members: Any) -> Any:
        answer = await asyncio.to_thread(getattr(self._own, operation), **members)
        if "Body" in answer:
            answer["Body"] = await asyncio.to_thread(answer["Body"].read)
        status = answer.pop("ResponseMetadata")["HTTPStatusCode"]
        return {**answer, "status": status}

    async def put(self, key: str, body: bytes = b"hello", **members: Any) -> Any:
        return await self("put_object", Bucket="box", Key=key, Body=body, **members)

    async def get(self, key: str, **members: Any) -> Any:
        return await self("get_object", Bucket="box", Key=key, **members)

    async def refused(self, operation: str, **members: Any) -> tuple[str, int]:
        with pytest.raises(ClientError) as caught:
            await self(operation, **members)
        response = caught.value.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]

    async def keys(self, **members: Any) -> list[str]:
        return [found["Key"] for found in (await self("list_objects_v2", Bucket="box", **members)).get("Contents", [])]

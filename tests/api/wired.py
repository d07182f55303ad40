"""One backend behind a real listener, asked by boto3."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from botocore.exceptions import ClientError

from flowd.api.server import Addresses, Server
from flowd.api.wire.credentials import Credentials
from flowd.api.wire.protocols.front import Backend, Front
from flowd.clock import SystemClock
from tests.api.lent import Lent, lend

KEYS = Credentials("AKIAFLOWDEXAMPLE", "a secret")


class Wired:
    """A service served, and its client."""

    def __init__(self, service: str, backend: Backend) -> None:
        front = Front({service: backend})
        self._service = service
        self._server = Server({}, Addresses(tcp=("127.0.0.1", 0)), SystemClock(), KEYS, front=front)
        self._lent: Lent

    async def start(self) -> None:
        await self._server.start()
        self._lent = await asyncio.to_thread(lend, self._service, self._server.url, KEYS, parameter_validation=False)

    async def stop(self) -> None:
        await asyncio.to_thread(self._lent.back)
        await self._server.stop()

    async def call(self, operation: str, **members: Any) -> Any:
        """A boto3 call by its Python name."""
        return await asyncio.to_thread(getattr(self._lent.client, operation), **members)

    async def refused(self, operation: str, **members: Any) -> tuple[str, str]:
        """Code and message of a call that must fail."""
        with pytest.raises(ClientError) as caught:
            await self.call(operation, **members)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

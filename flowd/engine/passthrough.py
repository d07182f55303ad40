"""Calls that are passed through to AWS, or to another endpoint that speaks as AWS does. Off unless it is configured.

boto3 does the talking, in threads of its own; answers take the shape that the embedded services have.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from flowd import names
from flowd.services.ports import ServiceError

THREADS = 16
#: What boto3 searches in vain, and where it can be said.
_WAYS_OUT: Mapping[type[BotoCoreError], str] = {
    NoRegionError: "no region is set for calls that are passed through to AWS: write region into [aws] of flowd.toml, "
    "or a profile that has one, or set AWS_DEFAULT_REGION for the daemon",
    NoCredentialsError: "no credentials are found for calls that are passed through to AWS: write a profile into [aws] "
    "of flowd.toml, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for the daemon",
}
_CONFIG = Config(retries={"total_max_attempts": 3, "mode": "standard"}, max_pool_connections=THREADS)


class PassThrough:
    """`endpoints` by service: "aws" for AWS's own, else a URL. `profile` of ~/.aws gives credentials and region.

    Without a `region`, boto3's own search decides. Who is behind a URL needs none: where nothing is found, requests to
    it are signed for `own_region`.
    """

    once = False

    def __init__(
        self,
        endpoints: Mapping[str, str],
        profile: str | None = None,
        region: str | None = None,
        own_region: str = names.REGION,
    ) -> None:
        self._endpoints = dict(endpoints)
        self._profile = profile
        self._region = region
        self._own_region = own_region
        self._clients: dict[str, Any] = {}
        self._session: Any = None
        self._making = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, "aws")

    def offers(self, service: str, operation: str) -> bool:
        return service in self._endpoints

    async def invoke(self, service: str, operation: str, members: Mapping[str, Any], task: str) -> dict[str, Any]:
        """Raises ServiceError, also for what boto3 itself refuses or cannot reach."""
        call = partial(self._call, service, operation, dict(members))
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def stop(self) -> None:
        """Let go of what is under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    # -- in a thread ---------------------------------------------------------------

    def _call(self, service: str, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = getattr(self._client(service), xform_name(operation))(**members)
        except ClientError as error:
            said, meta = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
            status = int(meta.get("HTTPStatusCode", 400))
            raise ServiceError(said.get("Code", "Unknown"), said.get("Message", str(error)), status=status) from None
        except BotoCoreError as error:
            raise ServiceError("SdkClientException", _WAYS_OUT.get(type(error), str(error)), status=500) from None
        answer.pop("ResponseMetadata", None)
        found: dict[str, Any] = _plain(answer)
        return found

    def _client(self, service: str) -> Any:
        with self._making:  # a session makes one client at a time
            if service not in self._clients:
                if self._session is None:
                    self._session = boto3.Session(profile_name=self._profile, region_name=self._region)
                endpoint = self._endpoints[service]
                url = None if endpoint == "aws" else endpoint
                region = None if url is None else self._session.region_name or self._own_region
                client = self._session.client(service, endpoint_url=url, region_name=region, config=_CONFIG)
                self._clients[service] = client
        return self._clients[service]


def _plain(value: Any) -> Any:
    """boto3's answer with seconds for dates and bytes for streams."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.read() if hasattr(value, "read") else value

"""How a worker speaks to a service: boto3 against an endpoint (flowd's or AWS's), or flowd's own unix socket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import httpx

from flowd.sdk.errors import SdkError

_TARGETS = {"swf": "SimpleWorkflowService", "stepfunctions": "AWSStepFunctions"}
_POLL_S = 75  # SWF answers a poll after 60 s at the latest


class Fault(SdkError):
    """The service refused a request; `code` is AWS's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Unreachable(SdkError):
    """The service did not answer: it may be restarting."""


class Caller(Protocol):
    """One service. Called from several threads at once."""

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        """The answer. Raises Fault or Unreachable."""
        ...


def caller(service: str, socket: Path | None = None, endpoint: str | None = None) -> Caller:
    """By socket if there is one, else by boto3's own configuration."""
    return _SocketCaller(service, socket) if socket is not None else _BotoCaller(service, endpoint)


class _SocketCaller:
    def __init__(self, service: str, socket: Path) -> None:
        self._target = _TARGETS[service]
        transport = httpx.HTTPTransport(uds=str(socket), limits=httpx.Limits(max_connections=None))
        self._http = httpx.Client(transport=transport, base_url="http://flowd", timeout=_POLL_S)

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"{self._target}.{operation}"}
        try:
            response = self._http.post("/", headers=headers, json=members)
        except httpx.TransportError as error:
            raise Unreachable(str(error) or type(error).__name__) from None
        body: dict[str, Any] = response.json() if response.content else {}
        if response.status_code == 200:
            return body
        if response.status_code >= 500:
            raise Unreachable(f"HTTP {response.status_code}: {body.get('message', '')}")
        raise Fault(str(body.get("__type", "")).rpartition("#")[2], str(body.get("message", "")))


class _BotoCaller:
    def __init__(self, service: str, endpoint: str | None) -> None:
        import boto3  # heavy, and not needed by those who have a socket
        from botocore.config import Config

        config = Config(read_timeout=_POLL_S, retries={"total_max_attempts": 1}, max_pool_connections=64)
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        self._client = boto3.client(service, endpoint_url=endpoint, config=config, region_name=region)

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = self._client._make_api_call(operation, members)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
                raise Unreachable(str(error)) from None
            told = error.response["Error"]
            raise Fault(told.get("Code", ""), told.get("Message", "")) from None
        except BotoCoreError as error:
            raise Unreachable(str(error)) from None
        return answer

"""boto3 clients that one daemon after another is asked with: to make a client takes longer than most calls."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import boto3
from botocore.config import Config

from flowd.api.wire.credentials import Credentials

ANYBODY = Credentials("a", "b")
_NOWHERE = "http://127.0.0.1:1"
_idle: dict[tuple[Any, ...], list[Lent]] = defaultdict(list)


class Lent:
    """A boto3 client whose requests go to `url`, the address of whoever has it now."""

    def __init__(self, kind: tuple[Any, ...]) -> None:
        service, key, secret, settings = kind
        self._kind = kind
        self.url = ""
        self.client = boto3.client(
            service,
            endpoint_url=_NOWHERE,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}, **dict(settings)),
        )
        self.client.meta.events.register_first("before-sign", self._address)

    def _address(self, request: Any, **_: Any) -> None:
        request.url = request.url.replace(_NOWHERE, self.url, 1)

    def back(self) -> None:
        """Close its connections; the next one may have it."""
        self.client.close()
        _idle[self._kind].append(self)


def lend(service: str, url: str | None, keys: Credentials = ANYBODY, **settings: Any) -> Lent:
    """A client of the service at this address, with these settings of botocore's `Config`; nobody else has it."""
    assert url is not None
    kind = (service, keys.access_key, keys.secret_key, tuple(sorted(settings.items())))
    lent = _idle[kind].pop() if _idle[kind] else Lent(kind)
    lent.url = url
    return lent

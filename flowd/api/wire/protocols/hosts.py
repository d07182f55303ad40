"""S3's two ways to name a bucket: in the path, or in the host's name (`bucket.localhost`, `bucket.s3.localhost`)."""

from __future__ import annotations

import re
from dataclasses import replace

from flowd.api.wire.protocols.models import HttpRequest

_HOST = re.compile(
    r"(?P<bucket>[a-z0-9][a-z0-9.-]+?)(?:\.s3(?:[.-][a-z0-9-]+)?)?\.localhost(?:\.localdomain)?(?::\d+)?\.?"
)
_SERVICE = re.compile(r"s3(?:[.-][a-z0-9-]+)?\.localhost")


def path_style(request: HttpRequest) -> HttpRequest:
    """The same request with its bucket in the path."""
    host = request.headers.get("host", "").lower()
    if _SERVICE.match(host):
        return request
    found = _HOST.fullmatch(host)
    return request if found is None else replace(request, path=f"/{found['bucket']}{request.path}")

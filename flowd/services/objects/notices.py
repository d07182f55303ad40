"""What S3 tells EventBridge of its objects. The shell drops it where no rule wants it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from flowd.services.objects.facts import Facts
from flowd.services.ports import Call, Delivery

SOURCE: Final = "aws.s3"
CREATED: Final = "Object Created"
DELETED: Final = "Object Deleted"


def created(call: Call, bucket: str, key: str, facts: Facts, reason: str) -> None:
    """An object is there; `reason` is the operation that made it."""
    shown = {"key": key, "size": facts.size, "etag": facts.etag.strip('"'), "sequencer": f"{facts.mtime_ns:016X}"}
    _tell(call, CREATED, bucket, {"object": shown, "reason": reason})


def deleted(call: Call, bucket: str, key: str) -> None:
    shown = {"key": key, "sequencer": f"{call.now_ms:016X}"}
    _tell(call, DELETED, bucket, {"object": shown, "reason": "DeleteObject", "deletion-type": "Permanently Deleted"})


def _tell(call: Call, kind: str, bucket: str, more: dict[str, Any]) -> None:
    detail = {
        "version": "0",
        "bucket": {"name": bucket},
        **more,
        "request-id": call.new_id(),
        "requester": call.who,
        "source-ip-address": "127.0.0.1",
    }
    event = {
        "version": "0",
        "id": call.new_id(),
        "detail-type": kind,
        "source": SOURCE,
        "account": call.account,
        "time": f"{datetime.fromtimestamp(call.now_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": call.region,
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": detail,
    }
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    call.deliveries.append(Delivery(call.arn("events", "event-bus/default"), body, f"arn:aws:s3:::{bucket}"))

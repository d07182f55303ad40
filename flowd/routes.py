"""What an HTTP route is: the value that settings and SAM templates produce and the HTTP front obeys. Pure data."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Action = Literal["start", "startSync", "status", "function"]
Format = Literal["1.0", "2.0"]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One method and path, and what answers it.

    `target` is the name or ARN of a state machine or of a function. `input` is a payload template over the request, in
    either query language; without one a machine gets the body. `errors` are statuses by the name of an execution's
    error. `key` None: as the settings say for all.
    """

    method: str  # GET, POST, ...; ANY
    path: str  # /orders/{id}, /files/{rest+}; "$default" = whatever no other route takes
    action: Action
    target: str
    format: Format = "2.0"  # of a function's event and answer
    input: Any = None
    has_input: bool = False
    execution_name: str = ""  # a path into the request, as `$.headers.idempotency-key`
    status: int = 200
    errors: dict[str, int] = {}
    key: bool | None = None
    stage: str = "$default"  # shown to functions
    source: str = ""  # the file or template it came from
    line: int = 0

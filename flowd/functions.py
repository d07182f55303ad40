"""What a function is: the values that the drop folder and SAM templates produce and the runner obeys. Pure data."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["python", "node", "executable", "bootstrap"]


class AsyncSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How an asynchronous invocation is tried, and who is told of its end: ARNs, "" for nobody."""

    retries: int = 2
    age_s: int = 21_600
    on_success: str = ""
    on_failure: str = ""
    dead_letter: str = ""


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One Lambda function of this box (a plain executable counts as one)."""

    name: str
    kind: Kind
    path: str  # absolute: the module file, the executable, or the folder that holds `bootstrap` or the handler module
    handler: str = "handler"  # python/node: `handler` of the file `path`; in a folder `module.function` as SAM has it
    timeout_s: float = 900.0
    memory_mb: int = 512
    environment: dict[str, str] = {}
    reserved: int | None = (
        None  # ReservedConcurrentExecutions: at most so many runs at once; None = as many as there is room for
    )
    asynchronous: AsyncSettings = AsyncSettings()
    source: str = ""  # the file or template it was read from, for people


class FunctionResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one run ended: JSON text, or Lambda's error and cause. Neither: the run was accepted (InvocationType Event).

    `log` is what the function printed, its end if `truncated`.
    """

    output_text: str | None = None
    error: str | None = None
    cause: str | None = None
    log: str = ""
    truncated: bool = False
    request_id: str = ""


class Unknown(msgspec.Struct, frozen=True):
    """The runner holds no run under this key: it was never asked, or it is younger than the run."""

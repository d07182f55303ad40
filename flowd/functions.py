"""What a function is: the values that the drop folder and SAM templates produce and the runner obeys. Pure data."""

from __future__ import annotations

import math
from typing import Final, Literal, Protocol

import msgspec

Kind = Literal["python", "node", "executable", "bootstrap"]


class AsyncSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How an asynchronous invocation is tried, and who is told of its end: ARNs, "" for nobody."""

    retries: int = 2
    age_s: int = 21_600
    on_success: str = ""
    on_failure: str = ""
    dead_letter: str = ""


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """What functions share. `built`: the folder holds what a build puts below `python` or `nodejs` (SAM's BuildMethod),
    and may ask for packages."""

    folder: str  # absolute
    built: bool = False


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One Lambda function of this box (a plain executable counts as one)."""

    name: str
    kind: Kind
    path: str  # absolute: the module file, the executable, or the folder that holds `bootstrap` or the handler module
    code: str = ""  # of a function that stands in its template: the runner makes a folder of it, where it is `index`
    handler: str = "handler"  # python/node: `handler` of the file `path`; in a folder `module.function` as SAM has it
    timeout_s: float = 900.0
    memory_mb: int = 512
    environment: dict[str, str] = {}
    reserved: int | None = (
        None  # ReservedConcurrentExecutions: at most so many runs at once; None = as many as there is room for
    )
    asynchronous: AsyncSettings = AsyncSettings()
    layers: list[Layer] = []  # in the order of the template: a later one stands in front
    source: str = ""  # the file or template it was read from, for people


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run took: milliseconds, of the function's start too if it was started for this run, and megabytes; 0 is
    unknown."""

    duration_ms: float = 0.0
    init_ms: float = 0.0
    memory_mb: int = 0
    peak_mb: int = 0


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
    report: Report = Report()


class Unknown(msgspec.Struct, frozen=True):
    """The runner holds no run under this key: it was never asked, or it is younger than the run."""


class Invoker(Protocol):
    """Who runs functions. A key is run once; its outcome is held until it is acknowledged."""

    async def knows(self, function: str) -> bool:
        """True if there is such a function; waits until the host has been told which there are."""
        ...

    async def invoke(
        self,
        key: str,
        function: str,
        payload_text: str,
        timeout_ms: int = 0,
        *,
        arn: str = "",
        client_context: str = "",
        detached: bool = False,
        fleeting: bool = False,
    ) -> FunctionResult:
        """Run it and wait. `detached`: only until it is taken on. `fleeting`: nobody asks for the outcome after a
        restart."""
        ...

    async def cancel(self, key: str) -> None:
        """Stop and forget it."""
        ...

    async def acknowledge(self, key: str) -> None:
        """Forget its outcome."""
        ...


class FunctionHost(Invoker, Protocol):
    """Who keeps outcomes by key while the daemon restarts, too."""

    @property
    def started_ms(self) -> int:
        """Since when the host remembers keys."""
        ...

    async def attach(self, key: str) -> FunctionResult | Unknown:
        """Wait for a run that was asked for before."""
        ...


LOG_TAIL: Final = 4_096  # bytes of log that LogType Tail answers with


def log_tail(result: FunctionResult, version: str = "$LATEST") -> bytes:
    """The end of a run's log with the lines that Lambda writes around it (developer guide, "Sending Lambda function
    logs to CloudWatch Logs")."""
    log = result.log if result.log.endswith("\n") or not result.log else result.log + "\n"
    begin, end = f"START RequestId: {result.request_id} Version: {version}\n", f"END RequestId: {result.request_id}\n"
    return f"{begin}{log}{end}{_report(result)}\n".encode()[-LOG_TAIL:]


def _report(result: FunctionResult) -> str:
    report = result.report
    parts = [
        f"REPORT RequestId: {result.request_id}",
        f"Duration: {report.duration_ms:.2f} ms",
        f"Billed Duration: {math.ceil(report.duration_ms)} ms",
        f"Memory Size: {report.memory_mb} MB",
    ]
    if report.peak_mb:
        parts.append(f"Max Memory Used: {report.peak_mb} MB")
    if report.init_ms:
        parts.append(f"Init Duration: {report.init_ms:.2f} ms")
    if result.error == "Sandbox.Timedout":
        parts.append("Status: timeout")
    elif result.error is not None and result.error.startswith("Runtime."):
        parts.append(f"Status: error\tError Type: {result.error}")
    return "\t".join(parts)

"""ASL errors on their way through one step: raised where a field cannot be worked out, caught where a state is run.

They never leave `step`: what the world sees is a failure event, a catcher's output or a closed execution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RUNTIME: Final = "States.Runtime"
TIMEOUT: Final = "States.Timeout"
HEARTBEAT_TIMEOUT: Final = "States.HeartbeatTimeout"
DATA_LIMIT: Final = "States.DataLimitExceeded"
QUERY_EVALUATION: Final = "States.QueryEvaluationError"
INTRINSIC_FAILURE: Final = "States.IntrinsicFailure"
#: A reference path that cannot be followed; the documentation calls it by the other name, which ErrorEquals knows too.
REFERENCE_CONFLICT: Final = "States.ReferencePathConflict"
RESULT_PATH_MISMATCH: Final = "States.ResultPathMatchFailure"
TOO_MANY_FAILURES: Final = "States.ExceedToleratedFailureThreshold"
READER_FAILED: Final = "States.ItemReaderFailed"
WRITER_FAILED: Final = "States.ResultWriterFailed"

#: Bytes of UTF-8 that a state's input, output or Task result may have (AWS: "Quotas", payload size).
DATA_LIMIT_BYTES: Final = 262_144
#: What all variables of a scope may have together; those of one Assign: DATA_LIMIT_BYTES (developer guide, "Quotas").
VARIABLES_LIMIT_BYTES: Final = 10 * 1024 * 1024


class Fault(Exception):
    """A state cannot go on. `detail` follows AWS's sentence that names the state, or is all (`whole`)."""

    def __init__(self, error: str, detail: str, *, whole: bool = False) -> None:
        super().__init__(detail)
        self.error = error
        self.detail = detail
        self.whole = whole


class EvaluationFault(Fault):
    """A JSONata field cannot be worked out; AWS writes EvaluationFailed with its location before the failure."""

    def __init__(self, detail: str, location: str | None) -> None:
        super().__init__(QUERY_EVALUATION, detail)
        self.location = location


def runtime(detail: str) -> Fault:
    """The error that no Catch and no Retry ever sees."""
    return Fault(RUNTIME, detail)


def conflict(what: str, data: str) -> Fault:
    """A reference path that cannot be followed in `data`, JSON text; `what` is the path or the step it fails at.

    The error and both texts are those that users have seen on AWS, for ResultPath (aws/aws-cdk issue 29473,
    cdklabs/construct-hub pull request 459) and for an ItemsPath that leads nowhere; they do not name the state.
    """
    return Fault(REFERENCE_CONFLICT, f"Unable to apply {what} to input {data}", whole=True)


def too_large(name: str) -> Fault:
    """A result or output over DATA_LIMIT_BYTES; `name` is the state, or for a Task's result its resource."""
    text = f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
    return Fault(DATA_LIMIT, text, whole=True)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a state failed, as Retry and Catch look at it.

    `also` are further names by which ErrorEquals may know it. `task_result` marks the one DataLimitExceeded that
    States.ALL catches: that of a Task's own result (recorded; the documentation says it never does).
    """

    error: str | None
    cause: str | None = None
    also: tuple[str, ...] = ()
    task_result: bool = False

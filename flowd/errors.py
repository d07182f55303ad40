"""Every error flowd raises, in one tree.

    FlowdError
    ├── ApiError                    answered to a client; subclasses carry AWS's code
    │   ├── ValidationException, SerializationException, UnknownOperationException, NotYetBuilt
    │   ├── InvalidArn, InvalidName, InvalidDefinition, InvalidExecutionInput, InvalidOutput, InvalidToken, ...
    │   ├── StateMachineDoesNotExist, StateMachineAlreadyExists, StateMachineDeleting, ...
    │   ├── ExecutionDoesNotExist, ExecutionAlreadyExists, ExecutionNotRedrivable, ...
    │   ├── ActivityDoesNotExist, ActivityWorkerLimitExceeded, TaskTimedOut, ...
    │   ├── RequestEntityTooLargeException, AccessDeniedException, InternalFailure
    │   └── ServiceUnavailable      the disk is full or fails: nothing was accepted, try again
    ├── InvalidJson                 (payload.py)
    └── ConfigError                 a setting of the daemon cannot be used

A class's docstring is its default message. `States.*` errors are values that flow through Retry and Catch and never
appear here.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

_ERRNO = re.compile(r"^\[Errno -?\d+\] ")


def reason(error: BaseException) -> str:
    """What the system says, without the number and the path: whoever reports it names the place and the way out."""
    words = error.strerror if isinstance(error, OSError) else None
    return words or _ERRNO.sub("", str(error)) or type(error).__name__


class FlowdError(Exception):
    """Something went wrong in flowd."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message if message is not None else (type(self).__doc__ or "").strip())

    @property
    def message(self) -> str:
        return str(self)


class ConfigError(FlowdError):
    """A setting cannot be used."""


class ApiError(FlowdError):
    """An answer other than success. `extras` become further members of the answer (`reason`, `resourceName`)."""

    namespace: ClassVar[str] = "com.amazonaws.swf.service.v2.model"
    status: int = 400

    def __init__(self, message: str | None = None, **extras: Any) -> None:
        super().__init__(message)
        self.extras = extras

    @property
    def code(self) -> str:
        return type(self).__name__


class ValidationException(ApiError):
    """The request does not satisfy the constraints of the operation."""

    namespace = "com.amazon.coral.validate"


class SerializationException(ApiError):
    """The request body could not be read as JSON."""

    namespace = "com.amazon.coral.service"


class UnknownOperationException(ApiError):
    """There is no such operation."""

    namespace = "com.amazon.coral.service"


class NotYetBuilt(UnknownOperationException):
    """This operation of the service is not built in flowd yet."""

    code = "UnknownOperationException"


class MissingAuthenticationTokenException(ApiError):
    """Missing Authentication Token"""

    namespace = "com.amazon.coral.service"
    status = 403


class InvalidSignatureException(ApiError):
    """The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
and signing method. Consult the service documentation for details."""

    namespace = "com.amazon.coral.service"
    status = 403


class SignatureExpired(InvalidSignatureException):
    """Signature expired"""

    code = "InvalidSignatureException"


class UnrecognizedClientException(ApiError):
    """The security token included in the request is invalid."""

    namespace = "com.amazon.coral.service"
    status = 403


class ServiceUnavailable(ApiError):
    """The store cannot write now; nothing was accepted. Free disk space or look at `flowd doctor`, then try again."""

    namespace = "com.amazon.coral.service"
    status = 503


class RequestEntityTooLargeException(ApiError):
    """The request body is too large."""

    namespace = "com.amazon.coral.service"
    status = 413


class AccessDeniedException(ApiError):
    """This caller may not do that."""

    namespace = "com.amazon.coral.service"
    status = 403


class InternalFailure(ApiError):
    """flowd made a mistake; the daemon's log has it under this answer's x-amzn-RequestId."""

    namespace = "com.amazon.coral.service"
    status = 500


class InvalidArn(ApiError):
    """The provided Amazon Resource Name (ARN) is not valid."""


class InvalidName(ApiError):
    """The provided name is not valid."""


class InvalidDefinition(ApiError):
    """The provided Amazon States Language definition is not valid."""


class InvalidExecutionInput(ApiError):
    """Invalid State Machine Execution Input: 'Invalid execution input.'"""


def invalid_input(text: str, why: Exception) -> InvalidExecutionInput:
    """The error for an input that is no JSON, and why it is none. AWS tells the reason but of an empty text (recorded),
    in its parser's words, which no other parser has."""
    if not text.strip():
        return InvalidExecutionInput()
    return InvalidExecutionInput(f"Invalid State Machine Execution Input: '{why}'")


class InvalidOutput(ApiError):
    """The provided JSON output data is not valid."""


class InvalidToken(ApiError):
    """Invalid Token: 'Invalid token'"""


class InvalidLoggingConfiguration(ApiError):
    """The logging configuration is not valid."""


class InvalidEncryptionConfiguration(ApiError):
    """The encryption configuration is not valid."""


class MissingRequiredParameter(ApiError):
    """Request is missing a required parameter."""


class ConflictException(ApiError):
    """Updating the resource is in conflict with another change."""


class ResourceNotFound(ApiError):
    """Request references a resource that does not exist."""


class ServiceQuotaExceededException(ApiError):
    """The request would exceed a quota."""


class TooManyTags(ApiError):
    """There are too many tags: at most 50 per resource."""


class StateMachineDoesNotExist(ApiError):
    """The specified state machine does not exist."""


class StateMachineAlreadyExists(ApiError):
    """A state machine with the same name but other settings exists."""


class StateMachineDeleting(ApiError):
    """The specified state machine is being deleted."""


class StateMachineTypeNotSupported(ApiError):
    """This operation is not supported by this type of state machine"""


class ExecutionDoesNotExist(ApiError):
    """The specified execution does not exist."""


class ExecutionAlreadyExists(ApiError):
    """An execution with the same name exists."""


class ExecutionNotRedrivable(ApiError):
    """The execution cannot be redriven."""


class ActivityDoesNotExist(ApiError):
    """The specified activity does not exist."""


class ActivityAlreadyExists(ApiError):
    """An activity with the same name but other settings exists."""


class ActivityWorkerLimitExceeded(ApiError):
    """The maximum number of workers that poll for activity tasks (1,000) has been reached."""


class TaskTimedOut(ApiError):
    """Task Timed Out: 'Provided task does not exist anymore'"""

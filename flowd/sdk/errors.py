"""What can go wrong for a workflow: failures that workflow code may catch, and mistakes in code or history.

Exception
├── Failure                     something that was asked for did not work; workflow code may catch it
│   ├── ActivityFailed, ActivityTimedOut
│   ├── ChildFailed             failed, timed out, was canceled or terminated (`status`)
│   ├── ExternalFailed          a signal or cancel request found no execution
│   └── NotAccepted             SWF refused the decision (`cause`)
└── FlowdError
    └── SdkError
        ├── NotInWorkflow, MisuseError, DataError
        └── NonDeterminismError the code decides otherwise than the history says
BaseException
├── CancelledError              thrown into workflow code that is to stop; a subclass of asyncio's
├── ContinueAsNew               raised by `continue_as_new`
└── Evicted                     unwinds code whose replay is over; nobody catches it
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec

from flowd.errors import FlowdError


class CancelledError(asyncio.CancelledError):
    """This work is to stop: clean up (awaiting is allowed) and let it go on upwards."""


class ContinueAsNew(BaseException):
    """Close this run and begin a new one with this input."""

    def __init__(self, input: str, options: dict[str, object]) -> None:
        super().__init__("continue as new")
        self.input = input
        self.options = options


class Evicted(BaseException):
    """This replay has been decided; its coroutines end without a trace."""


class _LambdaError(msgspec.Struct):
    """What a Lambda function's cause says of itself."""

    errorMessage: str = ""


@dataclass(frozen=True, slots=True)
class FailureDetails:
    """What our workers and deciders write into `details`; anybody else's text is the message as it is."""

    message: str = ""
    traceback: str = ""
    permanent: bool = False

    @classmethod
    def of(cls, text: str | None) -> FailureDetails:
        if not text:
            return cls()
        try:
            found = msgspec.json.decode(text, type=cls)
            lambdas = msgspec.json.decode(text, type=_LambdaError)
        except msgspec.DecodeError:
            return cls(text)
        return found if found.message else cls(lambdas.errorMessage or text)

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


class Failure(Exception):
    """Something the workflow asked for did not work. `type` names the error as its origin did."""

    def __init__(self, what: str, type: str, message: str = "", details: str | None = None) -> None:
        """`details`: as the event has them; our own workers put message and traceback there."""
        found = FailureDetails.of(details)
        self.what = what
        self.type = type
        self.message = message or found.message
        self.traceback = found.traceback
        self.permanent = found.permanent
        super().__init__(": ".join(part for part in (what, type, self.message) if part))


class ActivityFailed(Failure):
    """The activity raised an error: `type` is its class."""


class ActivityTimedOut(Failure):
    """A timeout of the activity has passed: `type` is START_TO_CLOSE, SCHEDULE_TO_START, SCHEDULE_TO_CLOSE or
    HEARTBEAT; `message` is what the last heartbeat said."""


class ChildFailed(Failure):
    """A child workflow ended otherwise than by completing."""

    def __init__(self, what: str, status: str, type: str, message: str = "", details: str | None = None) -> None:
        super().__init__(what, type, message, details)
        self.status = status


class ExternalFailed(Failure):
    """The execution that was to be signaled or canceled could not be reached."""


class NotAccepted(Failure):
    """SWF refused the decision; `type` is its cause, such as ACTIVITY_TYPE_DOES_NOT_EXIST."""


class SdkError(FlowdError):
    """The SDK was used in a way that cannot work."""


class NotInWorkflow(SdkError):
    """This may only be called by workflow code."""


class MisuseError(SdkError):
    """Workflow code did what it must not do; the message names what to do instead."""


class DataError(SdkError):
    """A value does not fit its declared type, is no JSON, or is too large."""


class NonDeterminismError(SdkError):
    """The workflow code decides otherwise than it did when the history was made."""

    def __init__(self, event_id: int, expected: str, got: str, place: str) -> None:
        super().__init__(
            "the workflow's code is not deterministic: run again from its beginning, it decides something else than "
            "when this history was made.\n"
            f"  event {event_id} of the history is {expected}\n"
            f"  the code now decides{f' at {place}' if place else ''}: {got}\n"
            "If the code was changed, put the change behind patched() or version(). If not, something in it differs "
            "from run to run: take time, chance and ids from now(), random() and uuid4(), what else may differ from "
            "side_effect(), do what concerns the outside in activities, and decide nothing by globals or by the order "
            "of a set."
        )
        self.event_id = event_id
        self.expected = expected
        self.got = got
        self.place = place


class PermanentError(Exception):
    """Raised by an activity whose failure no retry can mend; subclasses keep their name."""

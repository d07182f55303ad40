"""What the runner's answers mean to the daemon: values of its own, so that nobody else reads the protocol."""

from __future__ import annotations

import msgspec

from flowd.functions import FunctionResult
from flowd.runner import protocol
from flowd.runner.protocol import AnyAnswer


class Printed(msgspec.Struct, frozen=True):
    """What a function has printed so far."""

    text: str
    truncated: bool


class Counts(msgspec.Struct, frozen=True):
    """Processes per function, runs that go on, outcomes that wait to be acknowledged."""

    warm: dict[str, int]
    running: int
    held: int
    packages: dict[str, str] = {}


def result_of(answer: AnyAnswer) -> FunctionResult:
    """How a run ended, or that it was taken on."""
    match answer:
        case protocol.Finished():
            return FunctionResult(
                output_text=None if answer.output is None else answer.output.decode("utf-8", "replace"),
                error=answer.error,
                cause=answer.cause,
                log=answer.log.decode("utf-8", "replace"),
                truncated=answer.truncated,
                request_id=answer.request_id,
                report=answer.report,
            )
        case protocol.Accepted():
            return FunctionResult(request_id=answer.request_id)
        case _:
            said = f"The runner's answer makes no sense: {type(answer).__name__}"
            return FunctionResult(error="Lambda.Unknown", cause=said)

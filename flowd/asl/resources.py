"""A Task's Resource ARN, taken apart: which events it makes, which integration serves it, which pattern it follows.

Pure text. Whether the resource exists, or can run here, is for `validate` and the engine to say.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from flowd.decisions import PATTERNS, Pattern
from flowd.names import split_arn

Family = Literal["lambda", "activity", "task"]

_NOT_CALLED = ("stateMachine", "execution", "express", "mapRun")


class Resource(NamedTuple):
    """One Resource. For a function ARN: lambda, invoke; for an activity: activity, ""."""

    arn: str
    family: Family
    service: str  # "lambda", "activity", "states", "aws-sdk:s3", ...
    action: str  # "invoke", "startExecution", ...; "" for activities
    pattern: Pattern

    @property
    def event_resource(self) -> str:
        """`resource` of Task events: the action with its pattern."""
        return f"{self.action}.{self.pattern}" if self.pattern else self.action

    @property
    def has_token(self) -> bool:
        """True where the Context object has Task.Token (a `.sync` Task has one as well: recorded)."""
        return self.pattern != ""


def split_resource(arn: str) -> Resource | None:
    """The parts of a Resource, or None if the text is no ARN of a function, an activity or an integration."""
    parts = split_arn(arn)
    if parts is None:
        return None
    if parts.service == "lambda" and parts.kind == "function":
        return Resource(arn, "lambda", "lambda", "invoke", "")
    if parts.service != "states":
        return None
    if parts.kind == "activity" and parts.rest:
        return Resource(arn, "activity", "activity", "", "")
    if parts.kind in _NOT_CALLED:
        return None
    # Region and account may be written down (`arn:aws:states:eu-west-1:111122223333:sqs:sendMessage`): machines that
    # run on AWS have them, and they mean nothing here.
    return _integration(arn, parts.resource)


def _integration(arn: str, text: str) -> Resource | None:
    """`sqs:sendMessage.waitForTaskToken`, `aws-sdk:s3:getObject`, `states:startExecution.sync:2`."""
    call, _, suffix = text.partition(".")
    if suffix and suffix not in PATTERNS:
        return None
    service, _, action = call.rpartition(":")
    if not service or not action:
        return None
    return Resource(arn, "task", service, action, PATTERNS[suffix])

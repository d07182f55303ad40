"""ARNs in requests: taken apart, and refused in AWS's words. Region and account never matter: names decide."""

from __future__ import annotations

from typing import NamedTuple

from flowd import names
from flowd.errors import InvalidArn, StateMachineDoesNotExist, ValidationException

_KINDS = frozenset({"stateMachine", "execution", "express", "activity", "mapRun"})


class MachineArn(NamedTuple):
    """`NAME`, `NAME:7` or `NAME:ALIAS`."""

    arn: str
    name: str
    qualifier: str

    @property
    def version(self) -> int | None:
        """The number of a version ARN."""
        return int(self.qualifier) if self.qualifier.isdecimal() else None


class ExecutionArn(NamedTuple):
    """What was asked for, and the same name in this daemon's own region and account."""

    arn: str
    canonical: str


def _split(arn: str, kind: str) -> names.Arn:
    parts = names.split_arn(arn)
    if parts is None:
        raise InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    if parts.kind != kind and parts.kind in _KINDS:
        raise InvalidArn(f"Invalid Arn: 'Resource type not valid in this context: {parts.kind}'")
    return parts


def machine(arn: str) -> MachineArn:
    """The machine an ARN names, perhaps with a version."""
    name, _, qualifier = _split(arn, "stateMachine").rest.partition(":")
    if "/" in name:
        raise ValidationException(
            f"This operation does not support labeled state machine ARNs: '{arn}'",
            reason="API_DOES_NOT_SUPPORT_LABELED_ARNS",
        )
    return MachineArn(arn, name, qualifier)


def unqualified(arn: str) -> MachineArn:
    """A machine's own ARN; a version's or alias's names no machine here."""
    found = machine(arn)
    if found.qualifier:
        raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")
    return found


def execution(arn: str, region: str, account: str) -> ExecutionArn:
    """The execution an ARN names; an EXPRESS one's is refused."""
    parts = _split(arn, "execution")
    if parts.service == "swf":
        return ExecutionArn(arn, f"arn:aws:swf:{region}:{account}:{parts.resource}")
    name, _, run = parts.rest.partition(":")
    return ExecutionArn(arn, names.execution_arn(name, run, region, account))


def any_execution(arn: str, region: str, account: str) -> ExecutionArn:
    """As `execution`, of an EXPRESS machine too: flowd's own operations show both."""
    parts = names.split_arn(arn)
    if parts is None or parts.kind != "express":
        return execution(arn, region, account)
    machine, _, rest = parts.rest.partition(":")
    name, _, run = rest.partition(":")
    return ExecutionArn(arn, names.express_arn(machine, name, run, region, account))


def map_run(arn: str, region: str, account: str) -> ExecutionArn:
    """The Map Run an ARN names."""
    parts = _split(arn, "mapRun")
    return ExecutionArn(arn, f"arn:aws:states:{region}:{account}:mapRun:{parts.rest}")


def activity(arn: str) -> str:
    """The name of the activity an ARN names."""
    return _split(arn, "activity").rest

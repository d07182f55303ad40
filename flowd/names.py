"""Names and ARNs: how they are built, taken apart and checked. Pure text; knows no store.

ARNs resolve by name, whatever region and account they carry, and stand verbatim in histories (DESIGN.md section 1).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

REGION = "us-east-1"
ACCOUNT = "000000000000"
#: The services of this daemon, by botocore's name, with what SDKs call them in `AWS_ENDPOINT_URL_...`.
ENDPOINTS: Final[dict[str, str]] = {
    "stepfunctions": "SFN",
    "ecs": "ECS",
    "lambda": "LAMBDA",
    "swf": "SWF",
    "dynamodb": "DYNAMODB",
    "dynamodbstreams": "DYNAMODB_STREAMS",
    "events": "EVENTBRIDGE",
    "sns": "SNS",
    "s3": "S3",
    "sqs": "SQS",
}

# Characters AWS refuses in names of machines, activities, executions and workers (API reference, CreateStateMachine).
_FORBIDDEN = re.compile(
    '[\\s<>{}\\[\\]?*"#%\\\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff\U0010ffff]',
)


class UnknownName(str):
    """Why a service or an operation is refused: AWS has none of that name either. Other refusals are plain texts."""

    __slots__ = ()


class Arn(NamedTuple):
    """`arn:partition:service:region:account:resource`; `resource` keeps its own colons."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @property
    def kind(self) -> str:
        """`stateMachine`, `execution`, `activity`, `function`, ..."""
        return self.resource.partition(":")[0]

    @property
    def rest(self) -> str:
        """What follows the kind: `NAME`, `NAME:7`, `NAME:EXEC`."""
        return self.resource.partition(":")[2]


def split_arn(text: str) -> Arn | None:
    """The parts of an ARN, or None if the text is none."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[1]:
        return None
    return Arn(*parts[1:])


def is_valid_name(name: str) -> bool:
    """True if AWS would accept the name of a machine, activity, execution or worker (length is checked elsewhere)."""
    return bool(name) and _FORBIDDEN.search(name) is None


def machine_arn(name: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:states:{region}:{account}:stateMachine:{name}"


def execution_arn(machine: str, name: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:states:{region}:{account}:execution:{machine}:{name}"


def express_arn(machine: str, name: str, run: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:states:{region}:{account}:express:{machine}:{name}:{run}"


def activity_arn(name: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:states:{region}:{account}:activity:{name}"


def function_arn(name: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:lambda:{region}:{account}:function:{name}"


def swf_execution_arn(domain: str, workflow_id: str, run: str, region: str = REGION, account: str = ACCOUNT) -> str:
    """Ours: SWF names executions by their two ids only. None of the three has a colon."""
    return f"arn:aws:swf:{region}:{account}:execution:{domain}:{workflow_id}:{run}"


def swf_type_arn(domain: str, name: str, version: str, region: str = REGION, account: str = ACCOUNT) -> str:
    """Ours, as above."""
    return f"arn:aws:swf:{region}:{account}:workflowType:{domain}:{name}:{version}"


def swf_domain_arn(name: str, region: str = REGION, account: str = ACCOUNT) -> str:
    """AWS's, for the tags of a domain."""
    return f"arn:aws:swf:{region}:{account}:/domain/{name}"


def role_arn(account: str = ACCOUNT) -> str:
    """The role that file-owned machines carry: AWS requires one, nothing here reads it."""
    return f"arn:aws:iam::{account}:role/flowd"

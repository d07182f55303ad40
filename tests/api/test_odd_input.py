"""Every operation of every service's model, asked by boto3 without its own checks and with members that make no sense.

The answer is an error of the sender, one that boto3 can read, and never a mistake of the daemon.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import OperationModel, Shape

from flowd import names
from tests.crash.real_box import Box

pytestmark = pytest.mark.slow
#: By type of a member: what is sent in its place.
ODD: dict[str, list[Any]] = {
    "string": ["", "x" * 300, " <&>\u00fc", "../..", "arn:aws:x:y"],
    "integer": [-5, 0, 10**12, "abc"],
    "long": [-5, 10**20],
    "boolean": ["maybe"],
    "structure": [{}, "x", []],
    "list": [[], "x", [1], ["x"] * 300],
    "map": [{"a": 5}, {"a": {"b": [1]}}, "x"],
    "timestamp": [0, "2026-13-01"],
    "blob": ["", "!!"],
}
PLAIN: dict[str, Any] = {"string": "thing", "integer": 1, "long": 1, "boolean": True, "timestamp": 0, "blob": b"{}"}
#: What cannot be built here says so with S3's own status.
NOT_BUILT = 501


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("odd"))
    (box.functions / "thing.py").write_text("def handler(event, context): ...")
    try:
        box.start()
        box.client("s3").create_bucket(Bucket="thing")
        box.client("sqs").create_queue(QueueName="thing")
        yield box
    finally:
        box.close()


def plain(shape: Shape, depth: int = 0) -> Any:
    """Something of the right shape, with what is required and nothing else."""
    if shape.type_name == "structure" and depth < 4:
        return {name: plain(shape.members[name], depth + 1) for name in shape.required_members}
    if shape.type_name == "list":
        return [plain(shape.member, depth + 1)]
    if shape.type_name == "map":
        return {"a": plain(shape.value, depth + 1)}
    return PLAIN.get(shape.type_name, {})


def requests(operation: OperationModel) -> Iterator[dict[str, Any]]:
    """The plain one, an empty one, and each with one member that makes no sense."""
    shape = operation.input_shape
    given = {} if shape is None else plain(shape)
    yield given
    yield {}
    for name, member in shape.members.items() if shape is not None else ():
        # A function that nobody knows yet is waited for, 2 s each.
        for value in ODD.get(member.type_name, []) if name != "FunctionName" else [""]:
            yield {**given, name: value}


def outcome(call: Any, given: dict[str, Any]) -> tuple[int, str]:
    """Status and code; (0, ...) where boto3 itself would not send it."""
    try:
        return int(call(**given)["ResponseMetadata"]["HTTPStatusCode"]), ""
    except ClientError as error:
        found = error.response
        return int(found["ResponseMetadata"]["HTTPStatusCode"]), str(found["Error"].get("Code"))
    except (BotoCoreError, SyntaxError, TypeError, ValueError, AttributeError, KeyError) as error:
        return 0, type(error).__name__


@pytest.mark.parametrize("service", [name for name in names.ENDPOINTS if name != "swf"])
def test_what_makes_no_sense_is_the_senders_fault(box: Box, service: str) -> None:
    client = box.client(
        service,
        retries={"total_max_attempts": 1},
        parameter_validation=False,
        inject_host_prefix=False,
        read_timeout=30,
    )
    wrong, sent = [], 0
    for name in client.meta.service_model.operation_names:
        call = getattr(client, xform_name(name), None)
        for given in requests(client.meta.service_model.operation_model(name)) if call else ():
            status, code = outcome(call, given)
            if code in ("UnknownOperationException", "NotImplemented") and given == {}:
                break
            sent += status > 0
            if (status >= 500 and status != NOT_BUILT) or code in ("ResponseParserError", "ReadTimeoutError"):
                wrong.append((name, given, status, code))
    assert wrong == []
    assert sent > 10

"""boto3's lambda client at the daemon: invocations of every kind, and what is told of functions."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from flowd.api.functions import Functions
from flowd.api.lambda_api import LambdaBackend
from flowd.api.lambda_invoke_configs import InvokeConfigOperations
from flowd.clock import ManualClock
from flowd.engine.deliveries.invocations import Invocations
from flowd.engine.deliveries.invokesettings import InvokeConfigs
from flowd.functions import AsyncSettings, FunctionResult, FunctionSpec
from flowd.payload import loads
from flowd.services.ports import Delivery
from flowd.store.database import Database
from tests.api.front.stage import Host
from tests.api.wired import Wired

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"


class Stage:
    def __init__(self, folder: Path) -> None:
        self.host = Host()
        self.host.handlers["hello"] = lambda event: {"got": event}
        (folder / "hello.py").write_text("def handler(event, context): ...\n")
        hello = FunctionSpec(
            name="hello", kind="python", path=str(folder / "hello.py"), timeout_s=7, memory_mb=256, reserved=3,
            environment={"A": "1"},
        )  # fmt: skip
        self.functions = (hello, *(FunctionSpec(name=f"z{n}", kind="node", path="/gone") for n in range(3)))
        self.posted: list[Delivery] = []
        self.packages: dict[str, str] = {}
        calls = Functions(self.host, "us-east-1", "000000000000")
        self.db = Database(folder / "flowd.db", "id")
        self.invocations = Invocations(self.host, ManualClock())
        self.configs = InvokeConfigs(self.db, lambda: self.functions)
        self.invocations.settings = self.configs.find
        operations = InvokeConfigOperations(calls, self.configs, ManualClock())
        backend = LambdaBackend(calls, self, self._post, self._states, self.invocations.delivery, operations)
        self.wired = Wired("lambda", backend)

    async def _post(self, delivery: Delivery) -> None:
        self.posted.append(delivery)

    async def _states(self) -> Mapping[str, str]:
        return self.packages


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    await made.db.start()
    await made.wired.start()
    yield made
    await made.wired.stop()
    await made.db.stop()


@pytest.mark.parametrize("name", ["hello", ARN, f"{ARN}:live", "000000000000:function:hello", "hello:7"])
async def test_a_function_is_invoked_by_any_of_its_names(stage: Stage, name: str) -> None:
    answer = await stage.wired.call("invoke", FunctionName=name, Payload=b'{"n": 1.0}')
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert loads(answer["Payload"].read()) == {"got": {"n": 1.0}}
    assert "FunctionError" not in answer
    assert len(stage.host.acknowledged) == 1


async def test_nothing_as_payload_is_an_empty_object(stage: Stage) -> None:
    answer = await stage.wired.call("invoke", FunctionName="hello")
    assert loads(answer["Payload"].read()) == {"got": {}}


async def test_a_failed_function_is_told_in_the_header_and_the_payload(stage: Stage) -> None:
    cause = '{"errorMessage":"no","errorType":"ValueError"}'
    stage.host.handlers["hello"] = lambda event: FunctionResult(error="ValueError", cause=cause, log="x" * 5_000)
    answer = await stage.wired.call("invoke", FunctionName="hello", LogType="Tail")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"].read().decode() == cause
    tail = base64.b64decode(answer["LogResult"])
    assert len(tail) == 4_096 and b"x\nEND RequestId: " in tail


async def test_the_words_of_a_plain_program_become_an_error_object(stage: Stage) -> None:
    stage.host.handlers["hello"] = lambda event: FunctionResult(error="Exit.3", cause="oops\n")
    answer = await stage.wired.call("invoke", FunctionName="hello")
    assert loads(answer["Payload"].read()) == {"errorType": "Exit.3", "errorMessage": "oops\n"}


async def test_an_event_is_kept_for_later_and_tried_three_times(stage: Stage) -> None:
    answer = await stage.wired.call("invoke", FunctionName="hello", InvocationType="Event", Payload=b"[1]")
    assert answer["StatusCode"] == 202
    assert stage.host.events == []
    [posted] = stage.posted
    assert replace(posted, name="") == Delivery(ARN, "[1]", source="lambda", tries=3, age_s=21_600)


async def test_how_an_event_is_tried_and_who_hears_of_it_is_set_changed_and_deleted(stage: Stage) -> None:
    call, queue = stage.wired.call, "arn:aws:sqs:us-east-1:000000000000:q"
    told = {"OnFailure": {"Destination": queue}}
    made = await call(
        "put_function_event_invoke_config", FunctionName="hello", MaximumRetryAttempts=0, DestinationConfig=told
    )
    assert made["FunctionArn"] == f"{ARN}:$LATEST"
    await call("update_function_event_invoke_config", FunctionName="hello", MaximumEventAgeInSeconds=60)
    found = await call("get_function_event_invoke_config", FunctionName=ARN)
    assert (found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]) == (0, 60)
    assert found["DestinationConfig"]["OnFailure"] == {"Destination": queue}
    await call("invoke", FunctionName="hello", Qualifier="live", InvocationType="Event")
    posted = stage.posted[-1]
    assert (posted.tries, posted.age_s, posted.options) == (1, 60, {"OnFailure": queue})
    again = InvokeConfigs(stage.db, lambda: ())
    await again.load()  # the next daemon
    assert again.find("hello", "").on_failure == queue
    listed = await call("list_function_event_invoke_configs", FunctionName="hello")
    assert [each["FunctionArn"] for each in listed["FunctionEventInvokeConfigs"]] == [f"{ARN}:$LATEST"]
    await call("delete_function_event_invoke_config", FunctionName="hello")
    for operation in ("get", "delete", "update"):
        code, said = await stage.wired.refused(f"{operation}_function_event_invoke_config", FunctionName="hello")
        assert (code, "doesn't have an EventInvokeConfig" in said) == ("ResourceNotFoundException", True)


async def test_destinations_that_nobody_can_tell_and_settings_of_a_template_are_refused(stage: Stage) -> None:
    for arn in ("arn:aws:s3:::bucket", "arn:aws:sqs:us-east-1:000000000000:q.fifo"):
        told = {"OnSuccess": {"Destination": arn}}
        code, said = await stage.wired.refused(
            "put_function_event_invoke_config", FunctionName="hello", DestinationConfig=told
        )
        assert (code, f"The destination ARN {arn} of OnSuccess is invalid" in said) == (
            "InvalidParameterValueException",
            True,
        )
    [hello, *others] = stage.functions
    letters = "arn:aws:sqs:us-east-1:000000000000:dead"
    stage.functions = (msgspec.structs.replace(hello, asynchronous=AsyncSettings(dead_letter=letters)), *others)
    for operation in ("put", "delete"):
        code, said = await stage.wired.refused(f"{operation}_function_event_invoke_config", FunctionName="hello")
        assert (code, "change it there" in said) == ("ResourceConflictException", True)
    found = await stage.wired.call("get_function_configuration", FunctionName="hello")
    assert found["DeadLetterConfig"] == {"TargetArn": letters}


async def test_a_dry_run_runs_nothing(stage: Stage) -> None:
    assert (await stage.wired.call("invoke", FunctionName="hello", InvocationType="DryRun"))["StatusCode"] == 204
    assert stage.host.events == []


async def test_what_cannot_be_invoked_is_refused_in_lambdas_words(stage: Stage) -> None:
    refused = stage.wired.refused
    unknown = "arn:aws:lambda:us-east-1:000000000000:function:nothing"
    assert await refused("invoke", FunctionName="nothing") == (
        "ResourceNotFoundException",
        f"Function not found: {unknown}",
    )
    code, said = await refused("invoke", FunctionName="hello", Payload=b"{oops")
    assert (code, said[:39]) == ("InvalidRequestContentException", "Could not parse request body into json:")
    code, _ = await refused("invoke", FunctionName="hello", ClientContext="%%%")
    assert code == "InvalidRequestContentException"
    code, said = await refused("invoke", FunctionName="hello", Payload=b'"' + b"x" * 6_291_456 + b'"')
    assert (code, "6291456 bytes" in said) == ("RequestTooLargeException", True)
    code, _ = await refused(
        "invoke", FunctionName="hello", InvocationType="Event", Payload=b'"' + b"x" * 1_048_576 + b'"'
    )
    assert code == "RequestTooLargeException"
    stage.host.handlers["hello"] = lambda event: FunctionResult(error="Lambda.TooManyRequestsException", cause="")
    assert await refused("invoke", FunctionName="hello") == ("TooManyRequestsException", "Rate Exceeded.")
    stage.host.handlers["hello"] = lambda event: FunctionResult(error="Lambda.Unknown", cause="lost")
    assert await refused("invoke", FunctionName="hello") == ("ServiceException", "lost")


async def test_a_functions_configuration_is_told(stage: Stage) -> None:
    found = await stage.wired.call("get_function_configuration", FunctionName="hello")
    assert (found["FunctionName"], found["FunctionArn"], found["Handler"]) == ("hello", ARN, "handler")
    assert (found["Timeout"], found["MemorySize"], found["State"]) == (7, 256, "Active")
    assert found["Environment"] == {"Variables": {"A": "1"}}
    assert found["CodeSize"] == 33
    whole = await stage.wired.call("get_function", FunctionName="hello")
    assert whole["Concurrency"] == {"ReservedConcurrentExecutions": 3}
    assert whole["Configuration"] == {k: v for k, v in found.items() if k != "ResponseMetadata"}
    assert (await stage.wired.call("get_function_concurrency", FunctionName="hello"))[
        "ReservedConcurrentExecutions"
    ] == 3


async def test_packages_that_are_not_there_yet_are_a_state(stage: Stage) -> None:
    stage.packages["hello"] = "installing what requirements.txt asks for"
    found = await stage.wired.call("get_function_configuration", FunctionName="hello")
    assert (found["State"], found["StateReason"]) == ("Pending", stage.packages["hello"])
    stage.packages["hello"] = "what requirements.txt asks for cannot be installed"
    assert (await stage.wired.call("get_function_configuration", FunctionName="hello"))["State"] == "Failed"


async def test_functions_are_listed_page_by_page(stage: Stage) -> None:
    stage.host.handlers |= dict.fromkeys(("z0", "z1", "z2"), lambda event: None)
    first = await stage.wired.call("list_functions", MaxItems=3)
    assert [each["FunctionName"] for each in first["Functions"]] == ["hello", "z0", "z1"]
    rest = await stage.wired.call("list_functions", Marker=first["NextMarker"])
    assert [each["FunctionName"] for each in rest["Functions"]] == ["z2"]
    assert "NextMarker" not in rest
    account = await stage.wired.call("get_account_settings")
    assert account["AccountUsage"]["FunctionCount"] == 4
    assert account["AccountLimit"]["UnreservedConcurrentExecutions"] == 997


@pytest.mark.parametrize("most", [-5, 0, 10_001])
async def test_a_list_of_less_than_one_or_too_many_is_refused(stage: Stage, most: int) -> None:
    for call in ({"operation": "list_functions"}, {"operation": "list_versions_by_function", "FunctionName": "hello"}):
        code, said = await stage.wired.refused(MaxItems=most, **call)
        assert (code, f"'{most}' at 'maxItems'" in said) == ("ValidationException", True)


async def test_what_is_not_built_is_named(stage: Stage) -> None:
    code, said = await stage.wired.refused("delete_function", FunctionName="hello")
    assert (code, "DeleteFunction" in said) == ("UnknownOperationException", True)

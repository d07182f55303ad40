from __future__ import annotations

import base64
from typing import Any

import pytest

from flowd.clock import ManualClock
from flowd.decisions import Pattern
from flowd.functions import FunctionResult, Unknown
from flowd.integrations.lambda_ import Lambda, resolve
from flowd.integrations.ports import Failed, Outcome, Succeeded, TaskCall
from flowd.payload import Payload, loads

EXECUTION = "arn:aws:states:eu-west-1:111122223333:execution:m:e"
DIRECT = "arn:aws:lambda:us-west-2:999999999999:function:known"
INVOKE = "arn:aws:states:::lambda:invoke"


class Host:
    """Functions `known` that answer what the test wants."""

    def __init__(self, result: FunctionResult | None = None) -> None:
        self.started_ms = 1_000
        self.result = result or FunctionResult(output_text='{"n":1.0}', request_id="r-1", log="printed")
        self.held: FunctionResult | Unknown = Unknown()
        self.calls: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.acknowledged: list[str] = []

    async def knows(self, function: str) -> bool:
        return function == "known"

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
        self.calls.append(
            {"key": key, "function": function, "payload": payload_text, "arn": arn, "timeout_ms": timeout_ms}
            | {"client_context": client_context, "detached": detached}
        )
        return self.result

    async def attach(self, key: str) -> FunctionResult | Unknown:
        return self.held

    async def cancel(self, key: str) -> None:
        self.cancelled.append(key)

    async def acknowledge(self, key: str) -> None:
        self.acknowledged.append(key)


def task(resource: str = INVOKE, parameters: Any = None, *, text: str = "", **more: Any) -> TaskCall:
    return TaskCall(
        key="7:0:1",
        execution_arn=EXECUTION,
        machine_arn="",
        state="S",
        resource=resource,
        service="lambda",
        action="invoke",
        pattern=more.pop("pattern", ""),
        parameters=Payload.parse(text) if text else Payload.of(parameters),
        token="t",
        **more,
    )


async def call(host: Host, call: TaskCall) -> Outcome:
    return await Lambda(host, ManualClock()).call(call)


async def test_a_function_arn_hands_over_the_text_as_it_is_and_takes_the_result_as_it_is() -> None:
    host = Host()
    outcome = await call(host, task(DIRECT, text='{ "a": 1.0 }'))
    assert outcome == Succeeded(Payload(text='{"n":1.0}'), "printed", False)
    (made,) = host.calls
    assert (made["key"], made["function"], made["payload"], made["arn"]) == ("7:0:1", "known", '{ "a": 1.0 }', DIRECT)
    # The engine watches TimeoutSeconds (States.Timeout); the host knows the function's own limit.
    assert made["timeout_ms"] == 0


async def test_invoke_answers_in_the_recorded_shape() -> None:
    host = Host()
    outcome = await call(host, task(parameters={"FunctionName": DIRECT + ":live", "Payload": {"a": 1}}))
    assert isinstance(outcome, Succeeded)
    answer = outcome.output.value
    assert list(answer) == ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]
    assert answer["ExecutedVersion"] == "$LATEST"
    assert answer["Payload"] == {"n": 1.0}
    assert answer["StatusCode"] == 200
    assert answer["SdkResponseMetadata"] == {"RequestId": "r-1"}
    http = answer["SdkHttpMetadata"]
    assert http["HttpStatusCode"] == 200
    assert http["HttpHeaders"].keys() == http["AllHttpHeaders"].keys()
    assert http["AllHttpHeaders"]["Content-Length"] == ["9"]
    assert http["HttpHeaders"]["x-amzn-RequestId"] == "r-1"
    assert http["HttpHeaders"]["Date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert '"Payload":{"n":1.0}' in outcome.output.text
    assert outcome.log == "printed"
    assert host.calls[0]["arn"] == DIRECT + ":live"  # the context says as what it was called


@pytest.mark.parametrize(
    ("parameters", "payload"),
    [
        ({"FunctionName": "known"}, "{}"),
        ({"FunctionName": "known", "Payload": None}, "{}"),
        ({"FunctionName": "known", "Payload": '"text"'}, '"text"'),
        ({"FunctionName": "known", "Payload": "0"}, "0"),
        ({"FunctionName": "known", "Payload": [1.0]}, "[1.0]"),
    ],
)
async def test_a_payload_is_an_object_a_list_or_the_text_of_a_body(parameters: Any, payload: str) -> None:
    host = Host()
    await call(host, task(parameters=parameters))
    assert host.calls[0]["payload"] == payload
    assert host.calls[0]["arn"] == "arn:aws:lambda:eu-west-1:111122223333:function:known"


async def test_a_payload_that_is_no_json_text_is_refused_as_lambda_does() -> None:
    host = Host()
    outcome = await call(host, task(parameters={"FunctionName": "known", "Payload": "test data"}))
    assert isinstance(outcome, Failed) and outcome.cause is not None
    assert outcome.error == "Lambda.InvalidRequestContentException"
    assert outcome.cause.startswith("Could not parse request body into json: Could not parse payload into json: ")
    assert "Status Code: 400; Error Code: InvalidRequestContentException" in outcome.cause
    assert host.calls == []


async def test_an_event_is_accepted_and_a_dry_run_runs_nothing() -> None:
    host = Host(FunctionResult(request_id="r"))
    outcome = await call(host, task(parameters={"FunctionName": "known", "InvocationType": "Event"}))
    assert isinstance(outcome, Succeeded)
    assert (outcome.output.value["StatusCode"], outcome.output.value["Payload"]) == (202, "")
    assert host.calls[0]["detached"] is True
    host.calls.clear()
    outcome = await call(host, task(parameters={"FunctionName": "known", "InvocationType": "DryRun"}))
    assert isinstance(outcome, Succeeded)
    assert outcome.output.value["StatusCode"] == 204
    assert host.calls == []


async def test_the_tail_of_the_log_is_answered_when_asked_for() -> None:
    host = Host(FunctionResult(output_text="1", log="x" * 5_000 + "end", request_id="r"))
    outcome = await call(host, task(parameters={"FunctionName": "known", "LogType": "Tail"}))
    assert isinstance(outcome, Succeeded)
    log = base64.b64decode(outcome.output.value["LogResult"])
    assert len(log) == 4096 and b"xend\nEND RequestId: r\nREPORT RequestId: r\t" in log


async def test_the_client_context_is_handed_over_decoded() -> None:
    host = Host()
    context = base64.b64encode(b'{"custom": 1}').decode()
    await call(host, task(parameters={"FunctionName": "known", "ClientContext": context}))
    assert host.calls[0]["client_context"] == '{"custom": 1}'


@pytest.mark.parametrize(
    ("resource", "cause", "shown"),
    [
        (DIRECT, '{"errorType": "Exception"}', '{"errorType": "Exception"}'),
        (INVOKE, '{"errorType": "Exception"}', '{"errorType":"Exception"}'),
        (INVOKE, "bad luck\n", "bad luck\n"),
    ],
)
async def test_an_error_of_the_function_is_the_tasks_error(resource: str, cause: str, shown: str) -> None:
    host = Host(FunctionResult(error="Exception", cause=cause, log="l", truncated=True))
    outcome = await call(host, task(resource, {"FunctionName": "known"}))
    assert outcome == Failed("Exception", shown, "run", "l", True)


async def test_invoke_shows_the_payload_compactly_and_the_length_of_what_the_function_wrote() -> None:
    outcome = await call(
        Host(FunctionResult(output_text='{"a": [1.0, 2]}')), task(parameters={"FunctionName": "known"})
    )
    assert isinstance(outcome, Succeeded)
    assert '"Payload":{"a":[1.0,2]},' in outcome.output.text
    assert outcome.output.value["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"] == "15"


async def test_an_unknown_function_is_told_in_awss_words() -> None:
    outcome = await call(Host(), task(parameters={"FunctionName": "unknown"}))
    assert isinstance(outcome, Failed) and outcome.cause is not None
    assert outcome.error == "Lambda.ResourceNotFoundException"
    before, _, after = outcome.cause.partition("Request ID: ")
    assert before == (
        "Function not found: arn:aws:lambda:eu-west-1:111122223333:function:unknown:$LATEST "
        "(Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; "
    )
    assert after.endswith("; Proxy: null)")
    outcome = await call(Host(), task(parameters={"FunctionName": "unknown", "Qualifier": "7"}))
    assert isinstance(outcome, Failed) and "function:unknown:7 (" in (outcome.cause or "")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"FunctionName": "known", "Payload": 1}, "The value for the field 'Payload' must be a STRING"),
        ({"FunctionName": "known", "Payload": True}, "The value for the field 'Payload' must be a STRING"),
        ({"Payload": 1}, "The field 'FunctionName' is required but was missing"),
        ({"FunctionName": "known", "Colour": 1}, 'The field "Colour" is not supported by Step Functions'),
        ({"FunctionName": 5}, "The value of the field 'FunctionName' has an invalid format"),
        ({"FunctionName": "known", "InvocationType": "Later"}, "The value of the field 'InvocationType' has"),
        ({"FunctionName": "known", "LogType": "All"}, "The value of the field 'LogType' has an invalid format"),
        ({"FunctionName": "known", "ClientContext": "%"}, "The value of the field 'ClientContext' has"),
        ({"FunctionName": "known", "TenantId": "t"}, 'The field "TenantId" is not built in flowd'),
        ([1], "The parameters are not an object"),
    ],
)
async def test_parameters_that_cannot_be_used_are_told(parameters: Any, reason: str) -> None:
    host = Host()
    outcome = await call(host, task(parameters=parameters))
    assert isinstance(outcome, Failed)
    assert outcome.error == "States.Runtime"
    assert outcome.cause is not None and f"could not be used to start the Task: [{reason}" in outcome.cause
    assert host.calls == []


async def test_a_result_that_is_no_json_fails_the_task() -> None:
    for resource in (DIRECT, INVOKE):
        outcome = await call(Host(FunctionResult(output_text="aaaa")), task(resource, {"FunctionName": "known"}))
        assert isinstance(outcome, Failed)
        assert outcome.error == "Lambda.Unknown"
        assert "aaaa" in (outcome.cause or "")


async def test_a_result_that_is_too_large_is_left_to_the_interpreter_even_if_it_is_no_json() -> None:
    for resource in (DIRECT, INVOKE):
        host = Host(FunctionResult(output_text="a" * 263_168))
        outcome = await call(host, task(resource, {"FunctionName": "known"}))
        assert isinstance(outcome, Succeeded)
        assert outcome.output.size > 262_144


async def test_a_big_result_is_taken_whole() -> None:
    text = '"' + "x" * 200_000 + '"'
    outcome = await call(Host(FunctionResult(output_text=text)), task(DIRECT, {}))
    assert isinstance(outcome, Succeeded) and outcome.output.text == text


async def test_a_recovered_call_is_attached_to_and_not_run_again() -> None:
    host = Host()
    host.held = FunctionResult(output_text='"held"')
    outcome = await call(host, task(DIRECT, {}, recovered=True, scheduled_ms=5_000))
    assert isinstance(outcome, Succeeded) and outcome.output.text == '"held"'
    assert host.calls == []


async def test_a_recovered_call_that_an_older_host_never_heard_of_is_made_now() -> None:
    host = Host()
    await call(host, task(DIRECT, {}, recovered=True, scheduled_ms=5_000))
    assert len(host.calls) == 1


async def test_a_recovered_call_that_may_have_died_with_an_earlier_host_fails() -> None:
    host = Host()
    host.started_ms = 5_001
    outcome = await call(host, task(DIRECT, {}, recovered=True, scheduled_ms=5_000))
    assert isinstance(outcome, Failed) and outcome.error == "Lambda.Unknown"
    assert host.calls == []


async def test_cancel_and_acknowledge_name_the_key() -> None:
    host = Host()
    integration = Lambda(host, ManualClock())
    await integration.cancel(task())
    await integration.acknowledge(task())
    assert (host.cancelled, host.acknowledged) == (["7:0:1"], ["7:0:1"])


@pytest.mark.parametrize(
    ("name", "function", "account", "qualifier"),
    [
        ("f", "f", "111122223333", ""),
        ("f:3", "f", "111122223333", "3"),
        ("444455556666:function:f:live", "f", "444455556666", "live"),
        ("arn:aws:lambda:eu-west-1:444455556666:function:f", "f", "444455556666", ""),
        ("arn:aws:lambda:eu-west-1:444455556666:function:f:$LATEST", "f", "444455556666", "$LATEST"),
    ],
)
def test_functions_are_named_in_all_of_lambdas_ways(name: str, function: str, account: str, qualifier: str) -> None:
    arn = f"arn:aws:lambda:eu-west-1:{account}:function:{function}"
    assert resolve(name, EXECUTION) == (function, arn, qualifier)


@pytest.mark.parametrize(
    ("action", "pattern", "refused"),
    [("invoke", "", False), ("invoke", "waitForTaskToken", False), ("invoke", "sync", True), ("list", "", True)],
)
def test_what_cannot_run_is_refused_at_load(action: str, pattern: Pattern, refused: bool) -> None:
    assert (Lambda(Host(), ManualClock()).refuse("lambda", action, pattern) is not None) is refused


async def test_a_callback_answers_its_submission_with_the_functions_result() -> None:
    outcome = await call(Host(), task(parameters={"FunctionName": "known"}, pattern="waitForTaskToken"))
    assert isinstance(outcome, Succeeded)
    assert loads(outcome.output.text)["Payload"] == {"n": 1.0}

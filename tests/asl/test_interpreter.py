"""Histories of the plain states, word for word as the service writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.asl.host import new_execution, take_step
from flowd.asl.interpreter import MAX_STATES
from flowd.decisions import ContinueLater
from flowd.history import Event, News
from flowd.payload import Payload
from tests.driver import Silence, Story, TaskError

SQS = "arn:aws:states:::sqs:sendMessage"


def one(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A machine of one state, S, that ends."""
    ends = {} if state["Type"] in ("Choice", "Succeed", "Fail") else {"End": True}
    return {"StartAt": "S", "States": {"S": ends | state}, **more}


def test_the_first_state_entered_points_back_to_nothing() -> None:
    story = Story(one({"Type": "Pass"}), {"a": 1}).run()
    assert story.types == [
        "1<0 ExecutionStarted",
        "2<0 PassStateEntered",
        "3<2 PassStateExited",
        "4<3 ExecutionSucceeded",
    ]


def test_the_wire_form_is_that_of_get_execution_history() -> None:
    story = Story(one({"Type": "Pass"}), text='{"a" : 1.0}').run()
    assert story.wire[:3] == [
        {
            "timestamp": 1_700_000_000.0,
            "type": "ExecutionStarted",
            "id": 1,
            "previousEventId": 0,
            "executionStartedEventDetails": {
                "input": '{"a" : 1.0}',
                "inputDetails": {"truncated": False},
                "roleArn": "arn:aws:iam::000000000000:role/flowd",
            },
        },
        {
            "timestamp": 1_700_000_000.0,
            "type": "PassStateEntered",
            "id": 2,
            "previousEventId": 0,
            "stateEnteredEventDetails": {
                "name": "S",
                "input": '{"a" : 1.0}',
                "inputDetails": {"truncated": False},
            },
        },
        {
            "timestamp": 1_700_000_000.0,
            "type": "PassStateExited",
            "id": 3,
            "previousEventId": 2,
            "stateExitedEventDetails": {
                "name": "S",
                "output": '{"a" : 1.0}',
                "outputDetails": {"truncated": False},
            },
        },
    ]


def test_what_passes_through_is_the_same_payload() -> None:
    story = Story(one({"Type": "Pass"}), text="[1,  1.0, 1180591620717411303424]").run()
    assert story.closed is not None
    assert story.closed.output is story.execution.input


def test_fail_has_no_exit_and_absent_members_stay_absent() -> None:
    story = Story(one({"Type": "Fail"})).run()
    assert story.types[1:] == ["2<0 FailStateEntered", "3<2 ExecutionFailed"]
    assert story.wire[-1]["executionFailedEventDetails"] == {}
    assert Story(one({"Type": "Fail", "Error": "E"})).run().details("ExecutionFailed") == [{"error": "E"}]


def test_fail_reads_error_and_cause_from_paths() -> None:
    story = Story(one({"Type": "Fail", "ErrorPath": "$.e", "CausePath": "$.c"}), {"e": "E", "c": "why"}).run()
    assert story.error == ("E", "why")
    story = Story(one({"Type": "Fail", "ErrorPath": "$.x"}), {"e": 1}).run()
    assert story.error == (
        "States.Runtime",
        "An error occurred while executing the state 'S' (entered at the event id #2). The JSONPath '$.x' specified "
        "for the field 'ErrorPath' could not be found in the input '{\"e\": 1}'",
    )


def test_a_service_task_is_scheduled_and_started_at_once() -> None:
    machine = one({"Type": "Task", "Resource": SQS, "TimeoutSeconds": 60, "Parameters": {"QueueUrl": "q"}})
    story = Story(machine, {}, {"S": lambda parameters: {"MessageId": "m"}}).run()
    assert story.types[1:] == [
        "2<0 TaskStateEntered",
        "3<2 TaskScheduled",
        "4<3 TaskStarted",
        "5<4 TaskSucceeded",
        "6<5 TaskStateExited",
        "7<6 ExecutionSucceeded",
    ]
    assert story.wire[2]["taskScheduledEventDetails"] == {
        "resourceType": "sqs",
        "resource": "sendMessage",
        "region": "us-east-1",
        "parameters": '{"QueueUrl":"q"}',
        "timeoutInSeconds": 60,
    }
    assert story.calls[0].timeout_ms == 60_000


def test_a_function_arn_makes_lambda_events() -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    story = Story(one({"Type": "Task", "Resource": arn}), {"a": 1}).run()
    assert story.types[2:5] == [
        "3<2 LambdaFunctionScheduled",
        "4<3 LambdaFunctionStarted",
        "5<4 LambdaFunctionSucceeded",
    ]
    assert story.wire[2]["lambdaFunctionScheduledEventDetails"] == {
        "resource": arn,
        "input": '{"a": 1}',
        "inputDetails": {"truncated": False},
    }
    assert "lambdaFunctionStartedEventDetails" not in story.wire[3]


def test_an_activity_waits_for_a_worker_and_its_timeout_counts_from_then() -> None:
    arn = "arn:aws:states:us-east-1:000000000000:activity:a"
    story = Story(one({"Type": "Task", "Resource": arn, "TimeoutSeconds": 5})).begin()
    assert story.types[2:] == ["3<2 ActivityScheduled"]
    assert story.wait(100) == 0
    assert story.news(News.TASK_STARTED, workerName="w")
    assert not story.news(News.TASK_STARTED, workerName="w")
    story.wait(5)
    assert story.types[3:] == ["4<3 ActivityStarted", "5<4 ActivityTimedOut", "6<5 ExecutionFailed"]
    assert story.details("ActivityTimedOut") == [{"error": "States.Timeout"}]


def test_an_activity_that_was_deleted_fails_before_it_is_scheduled() -> None:
    arn = "arn:aws:states:us-east-1:000000000000:activity:a"
    story = Story(one({"Type": "Task", "Resource": arn}), missing_activities=(arn,)).run()
    assert story.types[1:] == ["2<0 TaskStateEntered", "3<2 ExecutionFailed"]
    assert story.error[1] is not None and story.error[1].endswith(f"The activity {arn} does not exist.")


def test_a_callback_task_is_submitted_once_and_goes_on_waiting_with_its_token() -> None:
    state = {"Type": "Task", "Resource": f"{SQS}.waitForTaskToken", "Parameters": {"t.$": "$$.Task.Token"}}
    story = Story(one(state)).begin()
    task = story.tasks["0", 1]
    assert task.parameters.value == {"t": task.token}
    assert story.news(News.TASK_SUBMITTED, output=Payload.of({"MessageId": "m"}))
    assert not story.news(News.TASK_SUBMITTED, output=Payload.of({"MessageId": "m"}))
    assert story.news(News.TASK_SUCCEEDED, output=Payload.of("done"))
    assert story.types[2:] == [
        "3<2 TaskScheduled",
        "4<3 TaskStarted",
        "5<4 TaskSubmitted",
        "6<5 TaskSucceeded",
        "7<6 TaskStateExited",
        "8<7 ExecutionSucceeded",
    ]
    assert story.details("TaskSubmitted")[0]["resource"] == "sendMessage.waitForTaskToken"


def test_a_plain_task_has_no_token_in_its_context() -> None:
    story = Story(one({"Type": "Task", "Resource": SQS, "Parameters": {"t.$": "$$.Task.Token"}})).run()
    assert story.types[1:] == ["2<0 TaskStateEntered", "3<2 ExecutionFailed"]
    assert story.error[0] == "States.Runtime"


@pytest.mark.parametrize(
    ("wait", "given", "seconds"),
    [
        ({"Seconds": 30}, {}, 30),
        ({"SecondsPath": "$.s"}, {"s": 7}, 7),
        ({"Timestamp": "2023-11-14T22:13:25.5Z"}, {}, 5.5),
        ({"TimestampPath": "$.t"}, {"t": "2023-11-14T23:13:21+01:00"}, 1),
        ({"QueryLanguage": "JSONata", "Seconds": "{% 2 * 3 %}"}, {}, 6),
        ({"QueryLanguage": "JSONata", "Timestamp": "{% $states.input.t %}"}, {"t": "2023-11-14T22:13:21Z"}, 1),
    ],
)
def test_wait_starts_a_timer(wait: dict[str, Any], given: Any, seconds: float) -> None:
    story = Story(one({"Type": "Wait", **wait}), given).begin()
    assert story.types[1:] == ["2<0 WaitStateEntered"]
    assert [alarm.due_ms - story.clock.now_ms() for alarm in story.alarms.values()] == [round(seconds * 1000)]
    assert story.wait(seconds) == 1
    assert story.types[2:] == ["3<2 WaitStateExited", "4<3 ExecutionSucceeded"]
    assert story.output == given


@pytest.mark.parametrize("wait", [{"Seconds": 0}, {"SecondsPath": "$.s"}, {"Timestamp": "2020-01-01T00:00:00Z"}])
def test_no_wait_at_all_goes_on_at_once(wait: dict[str, Any]) -> None:
    assert Story(one({"Type": "Wait", **wait}), {"s": 0}).begin().status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("wait", "given", "said"),
    [
        ({"SecondsPath": "$.s"}, {"s": -1}, "The SecondsPath parameter references a negative value: $.s == -1"),
        ({"SecondsPath": "$.s"}, {"s": 1.5}, "The SecondsPath parameter cannot be parsed as a long value: $.s == 1.5"),
        ({"SecondsPath": "$.s"}, {}, "The SecondsPath parameter does not reference an input value: $.s"),
        ({"SecondsPath": "$.s"}, {"s": 2**31}, "Wait state delay is too long."),
        (
            {"TimestampPath": "$.t"},
            {"t": "2020-01-01T00:00:00"},
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            "$.t == 2020-01-01T00:00:00",
        ),
    ],
)
def test_a_bad_wait_is_a_runtime_error_with_the_services_words(wait: dict[str, Any], given: Any, said: str) -> None:
    story = Story(one({"Type": "Wait", **wait}), given).run()
    assert story.types[1:] == ["2<0 WaitStateEntered", "3<2 ExecutionFailed"]
    prefix = "An error occurred while executing the state 'S' (entered at the event id #2). "
    assert story.error == ("States.Runtime", prefix + said)


def test_evaluation_failed_points_back_past_the_entering_but_not_in_wait() -> None:
    output = Story(one({"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"a": "{% $x %}"}})).run()
    assert output.types[1:] == ["2<0 PassStateEntered", "3<0 EvaluationFailed", "4<3 ExecutionFailed"]
    details = output.details("EvaluationFailed")[0]
    assert (details["location"], details["state"]) == ("Output/a", "S")
    assert details["cause"].endswith(
        "The JSONata expression '$x' specified for the field 'Output/a' returned nothing (undefined)."
    )
    wait = Story(one({"Type": "Wait", "QueryLanguage": "JSONata", "Timestamp": "{% 'soon' %}"})).run()
    assert wait.types[1:] == ["2<0 WaitStateEntered", "3<2 EvaluationFailed", "4<3 ExecutionFailed"]


def test_the_machines_timeout_closes_with_nothing_before() -> None:
    story = Story(one({"Type": "Wait", "Seconds": 60}, TimeoutSeconds=5)).run()
    assert story.types[1:] == ["2<0 WaitStateEntered", "3<0 ExecutionTimedOut"]
    assert story.details("ExecutionTimedOut") == [{"error": "States.Timeout"}]
    assert (story.status, story.error) == ("TIMED_OUT", (None, None))


def test_a_stop_closes_with_nothing_before_and_nothing_comes_after() -> None:
    story = Story(one({"Type": "Wait", "Seconds": 60})).begin()
    assert story.news(News.STOPPED)
    assert story.types[1:] == ["2<0 WaitStateEntered", "3<0 ExecutionAborted"]
    assert story.wire[-1]["executionAbortedEventDetails"] == {}
    assert story.status == "ABORTED"
    assert not story.news(News.TIMER_FIRED)


def test_no_rule_and_no_default_is_an_error_that_nothing_catches() -> None:
    rule = {"Variable": "$.x", "NumericEquals": 1, "Next": "C"}
    inner = {"StartAt": "C", "States": {"C": {"Type": "Choice", "Choices": [rule]}}}
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "S"}]
    story = Story(one({"Type": "Parallel", "Branches": [inner], "Catch": catch}), {"x": 2}).run()
    cause = (
        "An error occurred while executing the state 'C' (entered at the event id #4). Failed to transition out of the "
        "state. The state does not point to a next state."
    )
    assert story.error == ("States.Runtime", cause)


def test_an_output_that_is_too_large_fails_the_execution() -> None:
    story = Story(one({"Type": "Pass", "Result": "x" * 262_143})).run()
    assert story.types[1:] == ["2<0 PassStateEntered", "3<2 ExecutionFailed"]
    assert story.error == (
        "States.DataLimitExceeded",
        "The state/task 'S' returned a result with a size exceeding the maximum number of bytes service limit.",
    )
    assert Story(one({"Type": "Pass", "Result": "x" * 262_142})).run().status == "SUCCEEDED"
    assert Story(one({"Type": "Pass", "Result": "é" * 131_072})).run().status == "FAILED"


def test_a_task_result_that_is_too_large_is_a_failure_of_the_task() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]
    machine = one({"Type": "Task", "Resource": SQS, "Catch": catch})
    machine["States"]["Z"] = {"Type": "Succeed"}
    story = Story(machine, {}, {"S": lambda parameters: "x" * 300_000}).run()
    assert story.types[4] == "5<4 TaskFailed"
    assert story.output["Cause"].startswith("The state/task 'sqs' returned")


def test_event_25000_is_the_failure() -> None:
    loop = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}
    story = Story(loop).run()
    assert len(story.history) == 25_000
    assert story.types[-1] == "25000<24999 ExecutionFailed"
    assert story.error == (
        "States.Runtime",
        "The execution reached the maximum number of history events (25000).",
    )


def test_a_step_stops_after_200_states_and_asks_to_be_continued() -> None:
    states = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(MAX_STATES + 50)}
    machine = {"StartAt": "S0", "States": states | {f"S{MAX_STATES + 50}": {"Type": "Succeed"}}}
    story = Story(machine)
    story.start(story.clock.now_ms())
    assert (story.status, story.steps) == ("SUCCEEDED", 2)
    execution = new_execution("{}", 0)
    first = take_step(story.machine, execution, {}, Event(News.STARTED), 0, b"")
    assert first is not None
    assert first.decisions == [ContinueLater(frame="0", attempt=1)]
    assert first.frames["0"].state == f"S{MAX_STATES}"


def test_news_of_an_unknown_frame_or_a_second_start_is_stale() -> None:
    story = Story(one({"Type": "Wait", "Seconds": 5})).begin()
    assert not story.news(News.STARTED, attempt=0)
    assert not story.news(News.TIMER_FIRED, "0/1.0", 1)
    assert not story.news(News.TASK_SUCCEEDED, output=Payload.of(1))


def test_versions_and_aliases_stand_in_the_first_event() -> None:
    story = Story(one({"Type": "Succeed"}), version_arn="v", alias_arn="a").run()
    assert story.details("ExecutionStarted")[0] | {"input": 0} == {
        "input": 0,
        "inputDetails": {"truncated": False},
        "roleArn": "arn:aws:iam::000000000000:role/flowd",
        "stateMachineAliasArn": "a",
        "stateMachineVersionArn": "v",
    }


def test_a_missed_heartbeat_is_a_timeout_in_the_history_and_has_a_name_for_catch() -> None:
    state = {"Type": "Task", "Resource": f"{SQS}.waitForTaskToken", "HeartbeatSeconds": 5, "TimeoutSeconds": 60}

    def silent(parameters: Any) -> Any:
        raise Silence

    story = Story(one(state), {}, {"S": silent}).run()
    assert story.details("TaskTimedOut") == [
        {"resourceType": "sqs", "resource": "sendMessage.waitForTaskToken", "error": "States.Timeout"}
    ]
    assert story.error == ("States.Timeout", None)
    caught = one(state | {"Catch": [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Z"}]})
    caught["States"]["Z"] = {"Type": "Succeed"}
    story = Story(caught, {}, {"S": silent}).run()
    assert story.output == {"Error": "States.Timeout", "Cause": ""}


def test_a_failure_reported_without_error_and_cause_gives_nulls() -> None:
    machine = one({"Type": "Task", "Resource": SQS, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]})
    machine["States"]["Z"] = {"Type": "Succeed"}

    def fails(parameters: Any) -> Any:
        raise TaskError(None)

    story = Story(machine, {}, {"S": fails}).run()
    assert story.details("TaskFailed") == [{"resourceType": "sqs", "resource": "sendMessage"}]
    assert story.output == {"Error": None, "Cause": None}


def test_credentials_are_shown_with_the_schedule() -> None:
    state = {"Type": "Task", "Resource": SQS, "Credentials": {"RoleArn.$": "$.role"}}
    story = Story(one(state), {"role": "arn:aws:iam::1:role/r"}).run()
    assert story.details("TaskScheduled")[0]["taskCredentials"] == {"roleArn": "arn:aws:iam::1:role/r"}


def test_a_definition_is_parsed_from_its_text() -> None:
    assert Story(json.dumps(one({"Type": "Succeed"}))).run().status == "SUCCEEDED"


def test_a_timeout_beyond_what_a_definition_may_say_fails_the_task_instead_of_the_calendar() -> None:
    state = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "End": True}
    story = Story({"StartAt": "T", "States": {"T": {**state, "TimeoutSecondsPath": "$.t"}}}, {"t": 10**300}).run()
    assert story.error is not None
    assert story.error[0] == "States.Runtime"
    assert "TimeoutSecondsPath field must be at most 99999999 seconds" in str(story.error[1])

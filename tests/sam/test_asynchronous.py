"""EventInvokeConfig and dead letters of functions in templates, in SAM's words and in CloudFormation's."""

from __future__ import annotations

import pytest

from flowd.functions import AsyncSettings
from flowd.sam.template import read_template

QUEUE = "arn:aws:sqs:us-east-1:000000000000:letters"
HEAD = "Transform: AWS::Serverless-2016-10-31\nResources:\n"
FUNCTION = """\
  Work:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: work
      Runtime: python3.12
      Handler: app.handler
"""
LETTERS = "  Letters: {Type: AWS::SQS::Queue, Properties: {QueueName: letters}}\n"


def test_sam_s_function_says_how_its_events_are_tried_and_who_is_told() -> None:
    project = read_template(
        f"""{HEAD}{LETTERS}{FUNCTION}\
      DeadLetterQueue: {{Type: SQS, TargetArn: !GetAtt Letters.Arn}}
      EventInvokeConfig:
        MaximumRetryAttempts: 0
        MaximumEventAgeInSeconds: 120
        DestinationConfig:
          OnFailure: {{Type: SQS, Destination: !GetAtt Letters.Arn}}
          OnSuccess: {{Type: EventBridge, Destination: "arn:aws:events:us-east-1:000000000000:event-bus/default"}}
""",
        source="t",
    )
    assert [problem.message for problem in project.problems] == []
    [function] = project.functions
    assert function.asynchronous == AsyncSettings(
        retries=0,
        age_s=120,
        on_failure=QUEUE,
        on_success="arn:aws:events:us-east-1:000000000000:event-bus/default",
        dead_letter=QUEUE,
    )


def test_a_resource_of_its_own_says_it_too_as_the_cdk_writes_it() -> None:
    project = read_template(
        f"""{HEAD}{LETTERS}{FUNCTION}\
  Tried:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: !Ref Work
      Qualifier: $LATEST
      MaximumRetryAttempts: 1
      DestinationConfig: {{OnFailure: {{Destination: !GetAtt Letters.Arn}}}}
""",
        source="t",
    )
    assert [problem.message for problem in project.problems] == []
    assert project.functions[0].asynchronous == AsyncSettings(retries=1, on_failure=QUEUE)
    assert {each.resource: each.verdict for each in project.listing}["Tried"] == "loaded"


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("EventInvokeConfig: {MaximumRetryAttempts: 3}", "MaximumRetryAttempts is 3; it must be a whole number from 0"),
        ("EventInvokeConfig: {MaximumEventAgeInSeconds: 5}", "from 60 to 21600"),
        ("EventInvokeConfig: {DestinationConfig: {OnSuccess: {Type: SQS}}}", "needs a Destination; none is made"),
        ("EventInvokeConfig: {DestinationConfig: {OnFailure: {Destination: 'arn:aws:s3:::b'}}}", "not arn:aws:s3:::b"),
        ("DeadLetterQueue: {Type: SQS, TargetArn: 'arn:aws:lambda:::f'}", "DeadLetterQueue can tell sqs, sns"),
        ("EventInvokeConfig: 3", "EventInvokeConfig must be a mapping"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(properties: str, message: str) -> None:
    project = read_template(f"{HEAD}{FUNCTION}      {properties}\n", source="t")
    assert project.functions == ()
    [problem] = [problem for problem in project.problems if problem.severity == "ERROR"]
    assert message in problem.message
    assert problem.line == 9


def test_a_config_of_a_function_that_is_elsewhere_is_refused() -> None:
    config = "  Tried: {Type: AWS::Lambda::EventInvokeConfig, Properties: {FunctionName: other}}\n"
    project = read_template(f"{HEAD}{FUNCTION}{config}", source="t")
    assert any("there is no function other in this template" in each.message for each in project.problems)

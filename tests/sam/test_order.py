"""Resources of one type in the order in which they can be made."""

from __future__ import annotations

import pytest

from flowd.sam.order import in_order
from flowd.sam.template import read_template


@pytest.mark.parametrize(
    "letters",
    ["!GetAtt Z.Arn", '{"Fn::GetAtt": Z.Arn}', '!Sub "arn:aws:sqs:us-east-1:0:${Z.QueueName}"', '!Sub ["${Z}", {}]'],
)
def test_a_queue_is_made_after_the_queue_of_its_dead_letters_wherever_that_stands(letters: str) -> None:
    project = read_template(
        f"""\
Resources:
  A: {{Type: AWS::SQS::Queue, Properties: {{RedrivePolicy: {{deadLetterTargetArn: {letters}, maxReceiveCount: 5}}}}}}
  B: {{Type: AWS::SQS::Queue, DependsOn: A}}
  Z: {{Type: AWS::SQS::Queue}}
""",
        source="t",
    )
    assert [each.resource for each in project.resources] == ["Z", "A", "B"]


def test_a_circle_stays_as_it_stands() -> None:
    resources = {"A": {"DependsOn": ["B"]}, "B": {"Properties": {"X": {"Ref": "A"}}}, "C": {"X": {"Ref": "C"}}}
    assert in_order(resources, ["A", "B", "C"]) == ["A", "B", "C"]

"""A SAM project that asks a person by mail, end to end and through kill -9: a machine waits for a token, a function
mails two links through a topic, a link's route calls a function, which answers the token. Real processes, a real mail
server as far as anybody can tell; nothing but the template and where mail and routes go is configured.
"""

from __future__ import annotations

import json
import re
import socketserver
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from threading import Thread
from typing import Any, ClassVar

import httpx
import pytest

from tests.crash.real_box import Box, _free_port, unbroken

pytestmark = pytest.mark.slow
TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Approver: {Type: String, Default: boss@example.org}
Globals: {Function: {Runtime: python3.12, Handler: index.handler, Timeout: 20}}
Resources:
  Mail:
    Type: AWS::SNS::Topic
    Properties: {Subscription: [{Protocol: email, Endpoint: !Ref Approver}]}
  Ask:
    Type: AWS::Serverless::Function
    Properties:
      Environment:
        Variables:
          TOPIC: !Ref Mail
          API: !Sub "https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod"
      Policies: [SNSPublishMessagePolicy: {TopicName: !GetAtt Mail.TopicName}]
      InlineCode: |
        import boto3, os
        from urllib.parse import urlencode
        def handler(event, context):
            def link(action):
                asked = urlencode({"action": action, "taskToken": event["token"]})
                return f"{os.environ['API']}/decision?{asked}"
            text = f"Refund {event['amount']} EUR <{event['order']}>?\\n\\n"
            text += f"Yes: {link('approve')}\\n\\nNo: {link('reject')}\\n"
            subject = f"Refund for {event['order']}"
            boto3.client("sns").publish(TopicArn=os.environ["TOPIC"], Subject=subject, Message=text)
  Decide:
    Type: AWS::Serverless::Function
    Properties:
      Events: {Link: {Type: Api, Properties: {Path: /decision, Method: get}}}
      InlineCode: |
        import boto3, json
        def handler(event, context):
            asked = event["queryStringParameters"]
            sfn = boto3.client("stepfunctions")
            output = json.dumps({"status": "approved" if asked["action"] == "approve" else "rejected"})
            try:
                sfn.send_task_success(taskToken=asked["taskToken"], output=output)
            except (sfn.exceptions.TaskTimedOut, sfn.exceptions.TaskDoesNotExist):
                return {"statusCode": 410, "body": "This was decided before."}
            return {"statusCode": 200, "body": "Thank you.", "headers": {"Content-Type": "text/plain"}}
  Approval:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: approval.asl.json
      DefinitionSubstitutions: {Ask: !GetAtt Ask.Arn}
"""
DEFINITION: dict[str, Any] = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {
                "FunctionName": "${Ask}",
                "Payload": {"token.$": "$$.Task.Token", "order.$": "$.order", "amount.$": "$.amount"},
            },
            "TimeoutSeconds": 3600,
            "ResultPath": "$.answer",
            "Next": "Approved?",
        },
        "Approved?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.answer.status", "StringEquals": "approved", "Next": "Refund"}],
            "Default": "Refused",
        },
        "Refund": {"Type": "Pass", "Result": "refunded", "End": True},
        "Refused": {"Type": "Fail", "Error": "Refund.Refused"},
    },
}


class Session(socketserver.StreamRequestHandler):
    """As much of SMTP as takes a mail."""

    box: ClassVar[list[bytes]]

    def handle(self) -> None:
        self._say("220 sink")
        while line := self.rfile.readline():
            verb = line[:4].upper().strip()
            if verb == b"DATA":
                self._say("354 go on")
                self.box.append(self._mail())
                self._say("250 taken")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _mail(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class Sink:
    """A mail server: what it has taken, oldest first."""

    def __init__(self) -> None:
        self._taken: list[bytes] = []
        handler = type("Taking", (Session,), {"box": self._taken})
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def mails(self) -> list[EmailMessage]:
        read = [message_from_bytes(each, policy=policy.default) for each in list(self._taken)]
        return [each for each in read if isinstance(each, EmailMessage)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def sink() -> Iterator[Sink]:
    pytest.importorskip("apprise")
    made = Sink()
    yield made
    made.close()


@pytest.fixture
def box(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("approval"))
    port = _free_port()
    mail = f"mailto://127.0.0.1:{sink.port}?smtp=127.0.0.1&mode=insecure&from=flowd@example.org"
    settings = f'[http]\nlisten = "127.0.0.1:{port}"\n\n[sns]\nmail = "{mail}"\n'
    (box.home / "flowd.toml").write_text(settings)
    project = box.workflows / "approval"
    project.mkdir()
    (project / "template.yaml").write_text(TEMPLATE)
    (project / "approval.asl.json").write_text(json.dumps(DEFINITION))
    try:
        box.start()
        yield box
    finally:
        box.close()


def _has_taken(sink: Sink, count: int) -> bool:
    return len(sink.mails) >= count


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None, mail
    return str(body.get_content()).replace("\r\n", "\n")


def links(mail: EmailMessage) -> dict[str, str]:
    """What a reader can click, by its action."""
    found = re.findall(r"https?://\S+", text_of(mail))
    return {action: url for url in found for action in ("approve", "reject") if f"action={action}" in url}


def test_a_person_decides_by_the_link_in_a_mail_while_the_daemon_is_killed(box: Box, sink: Sink) -> None:
    machine = box.machine("Approval")
    runs = []
    for number, order in enumerate(("o-1", "o-2"), 1):
        asked = json.dumps({"order": order, "amount": 20})
        runs.append(box.sdk.start_execution(stateMachineArn=machine, input=asked)["executionArn"])
        box.until("the mail is there", partial(_has_taken, sink, number))
    first, second = sink.mails[:2]
    assert (first["To"], first["Subject"]) == ("boss@example.org", "Refund for o-1")
    assert "Refund 20 EUR <o-1>?\n\nYes: http" in text_of(first)
    box.again()
    assert httpx.get(links(first)["approve"], timeout=30).text == "Thank you."
    assert httpx.get(links(second)["reject"], timeout=30).status_code == 200
    assert httpx.get(links(first)["reject"], timeout=30).status_code == 410
    approved, refused = (box.ended(run) for run in runs)
    assert (approved["status"], approved["output"]) == ("SUCCEEDED", '"refunded"')
    assert (refused["status"], refused["error"]) == ("FAILED", "Refund.Refused")
    for run in runs:
        unbroken(box.history(run))
    assert len(sink.mails) == 2

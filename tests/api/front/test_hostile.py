"""What requests cannot do to routes of templates: leave their address, choose an operation, break an answer's frame."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from flowd.routes import Authorizer, Route
from tests.api.box import Box
from tests.api.front.apis import GATEWAY, Apis, aws
from tests.api.front.stage import Stage

QUERY = "integration.request.querystring."


def mock(template: str, status: str = "200") -> dict[str, Any]:
    """Nobody is asked; the answer is what the template makes of the request."""
    return {
        "Type": "MOCK",
        "RequestTemplates": {"application/json": '{"statusCode": 200}'},
        "IntegrationResponses": [{"StatusCode": status, "ResponseTemplates": {"application/json": template}}],
    }


@pytest.mark.parametrize("path", ["/files/a/%2e%2e/%2e%2e/admin", "/files/a%2f..%2fb", "/one/%2e"])
async def test_a_path_parameter_does_not_lead_out_of_the_address(box: Box, path: str) -> None:
    apis = Apis()
    for template, name in (("/files/{proxy+}", "proxy"), ("/one/{id}", "id")):
        parameters = {f"integration.request.path.{name}": f"method.request.path.{name}"}
        proxy = {"Type": "HTTP_PROXY", "IntegrationHttpMethod": "GET", "Uri": f"http://127.0.0.1:9/base/{{{name}}}"}
        apis.method("GET", template, proxy | {"RequestParameters": parameters})
    stage = Stage.of_template(box, apis.text)
    status, body = await stage.json("GET", path)
    assert (status, body["message"]) == (400, "Bad Request")
    assert "has a part . or .." in body["reason"]


async def test_who_asks_for_one_operation_cannot_choose_another(box: Box) -> None:
    queue = await asyncio.to_thread(lambda: box.aws("sqs").create_queue(QueueName="jobs")["QueueUrl"])
    apis = Apis()
    chosen = {f"{QUERY}Action": "method.request.querystring.a"}
    apis.method("POST", "/", aws(f"{GATEWAY}sqs:action/SendMessage") | {"RequestParameters": chosen})
    stage = Stage.of_template(box, apis.text)
    form = {"Action": "DeleteQueue", "QueueUrl": queue, "MessageBody": "x"}
    status, body = await stage.json("POST", "/?a=PurgeQueue", data=form)
    assert (status, list(body)) == (200, ["SendMessageResponse"])
    assert await asyncio.to_thread(lambda: box.aws("sqs").list_queues()["QueueUrls"]) == [queue]


@pytest.mark.parametrize("more", ["Action=DeleteQueue", "Action=PurgeQueue&QueueUrl=http://x/0/others"])
async def test_a_body_that_a_template_takes_as_it_is_chooses_no_operation_and_no_queue(box: Box, more: str) -> None:
    """AWS's own tutorials write MessageBody=$input.body; there the role of the API refuses what was not meant."""
    queues = {}
    for name in ("jobs", "others"):
        made = await asyncio.to_thread(partial(box.aws("sqs").create_queue, QueueName=name))
        queues[name] = made["QueueUrl"]
    apis = Apis()
    form = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    send = aws(f"{GATEWAY}sqs:path/000000000000/jobs", "Action=SendMessage&MessageBody=$input.body")
    apis.method("POST", "/", send | {"RequestParameters": form})
    status, body = await Stage.of_template(box, apis.text).json("POST", "/", content=f"x&{more}".encode())
    assert (status, list(body)) == (200, ["SendMessageResponse"])
    found = await asyncio.to_thread(lambda: box.aws("sqs").receive_message(QueueUrl=queues["jobs"]))
    assert [message["Body"] for message in found["Messages"]] == ["x"]
    others = await asyncio.to_thread(lambda: box.aws("sqs").receive_message(QueueUrl=queues["others"]))
    assert others.get("Messages") is None


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding", "Connection"])
async def test_the_frame_of_an_answer_is_the_fronts_own(box: Box, name: str) -> None:
    apis = Apis()
    apis.method("GET", "/", mock(f"#set($context.responseOverride.header['{name}'] = '2')body"))
    answer = await Stage.of_template(box, apis.text).ask("GET", "/")
    frame = {"content-length", "transfer-encoding", "connection"}
    found = [(key, value) for key, value in answer.headers.multi_items() if key in frame]
    assert found == [("content-length", "4")]


@pytest.mark.parametrize("name", ["%E6%97%A5", "a%20b", "a%3Ab", "a%0D%0Ab", ""])
async def test_a_header_whose_name_is_none_is_told_and_not_sent(box: Box, name: str) -> None:
    apis = Apis()
    apis.method("GET", "/", mock("#set($n = $input.params('n'))#set($context.responseOverride.header[$n] = 'v')"))
    status, body = await Stage.of_template(box, apis.text).json("GET", f"/?n={name}")
    assert status == 500
    assert "cannot be sent" in body["reason"]


async def test_a_status_without_a_body_has_none(box: Box) -> None:
    apis = Apis()
    apis.method("GET", "/{status}", mock("#set($context.responseOverride.status = $input.params('status'))body"))
    stage = Stage.of_template(box, apis.text)
    empty = await stage.ask("GET", "/204")
    assert (empty.status_code, empty.content, "content-length" in empty.headers) == (204, b"", False)
    assert (await stage.ask("GET", "/101")).status_code == 500


async def test_a_head_is_told_the_length_that_the_answer_says(box: Box) -> None:
    apis = Apis()
    apis.method("HEAD", "/", mock("#set($context.responseOverride.header['Content-Length'] = '1234')"))
    answer = await Stage.of_template(box, apis.text).ask("HEAD", "/")
    assert (answer.headers.get_list("content-length"), answer.content) == (["1234"], b"")


@pytest.mark.parametrize("others", [(), (Route(method="GET", path="/{x}", action="status", target="none"),)])
async def test_a_request_goes_on_with_the_routes_that_it_came_in_by(box: Box, others: tuple[Route, ...]) -> None:
    machine = '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}'
    await box.call(
        "create_state_machine", name="ex", definition=machine, type="EXPRESS", roleArn="arn:aws:iam::1:role/r"
    )
    route = Route(
        method="POST",
        path="/{x}",
        action="startSync",
        target="ex",
        authorizer=Authorizer(kind="request", function="who"),
    )
    stage = Stage(box, route)

    def changed(_: Any) -> Any:
        stage.front.set_routes(others)
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        return {"principalId": "p", "policyDocument": {"Statement": [statement]}}

    stage.host.handlers["who"] = changed
    assert await stage.json("POST", "/a", json={"n": 1}) == (200, {"n": 1})

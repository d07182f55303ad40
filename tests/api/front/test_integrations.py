"""Integrations of REST APIs, from the template to the answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from flowd.functions import FunctionResult
from tests.api.box import Box, activity_machine
from tests.api.front.apis import GATEWAY, STATES, Apis, aws
from tests.api.front.stage import Stage
from tests.api.front.test_machines import ECHO, FAILS, input_of, made

ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:"
FUNCTION = f"{GATEWAY}lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:"
#: In the shape of what the CDK writes for its StepFunctionsRestApi.
TO_MACHINE = """\
## "@@" stands for a quote
#set($inputString = '')
#set($includeQuery = true)
#set($allParams = $input.params())
{
    "stateMachineArn": "%s",
    #set($inputString = "$inputString,@@body@@: $input.body")
    #if ($includeQuery)
        #set($inputString = "$inputString, @@querystring@@:{")
        #foreach($name in $allParams.querystring.keySet())
            #set($inputString = "$inputString @@$name@@: @@$util.escapeJavaScript($allParams.querystring.get($name))@@")
            #if($foreach.hasNext)
                #set($inputString = "$inputString,")
            #end
        #end
        #set($inputString = "$inputString }")
    #end
    #set($requestContext = "")
    #if($requestContext && !$requestContext.empty)
        never
    #end
    #set($inputString = "$inputString}")
    #set($inputString = $inputString.replaceAll("@@",'"'))
    #set($len = $inputString.length() - 1)
    "input": "{$util.escapeJavaScript($inputString.substring(1,$len)).replaceAll("\\\\'","'")}"
}
"""
FROM_MACHINE = """\
#if($input.path('$.status').toString().equals("FAILED"))
#set($context.responseOverride.status = 500)
{"error": "$input.path('$.error')", "cause": "$input.path('$.cause')"}
#else
$input.path('$.output')
#end"""


def sync(machine: str) -> str:
    refusals = [{"StatusCode": "400", "SelectionPattern": "4\\d{2}", "ResponseTemplates": {"application/json": "{}"}}]
    integration = aws(f"{STATES}StartSyncExecution", TO_MACHINE % (ARN + machine), FROM_MACHINE)
    integration["IntegrationResponses"] += refusals
    apis = Apis()
    apis.method("ANY", "/", integration | {"PassthroughBehavior": "NEVER"})
    return apis.text


async def test_an_api_in_the_shape_of_the_cdks_runs_an_express_machine(box: Box) -> None:
    await made(box, "echo", ECHO, "EXPRESS")
    stage = Stage.of_template(box, sync("echo"))
    body = {"quotes": 'it\'s "1"\n', "π": [1, {"a": None}]}
    answer = await stage.json("POST", "/?page=2&q=a%22b", json=body)
    assert answer == (200, {"body": body, "querystring": {"page": "2", "q": 'a"b'}})
    assert await stage.json("GET", "/") == (200, {"body": {}, "querystring": {}})


async def test_what_fails_has_the_status_that_the_template_sets(box: Box) -> None:
    await made(box, "fails", FAILS, "EXPRESS")
    stage = Stage.of_template(box, sync("fails"))
    assert await stage.json("POST", "/", json={}) == (500, {"error": "Order.NotFound", "cause": "no such order"})
    assert await stage.json("POST", "/", content=b"{oops") == (400, {})
    status, body = await stage.json("POST", "/", content=b"a,b", headers={"Content-Type": "text/csv"})
    assert (status, body) == (415, {"message": "Unsupported Media Type"})


async def test_executions_are_started_asked_for_and_stopped(box: Box) -> None:
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
    await made(box, "wait", json.dumps(wait))
    apis = Apis()
    start = {"stateMachineArn": ARN + "wait", "name": "$input.params('name')", "input": "INPUT"}
    template = json.dumps(start).replace("INPUT", "$util.escapeJavaScript($input.json('$'))")
    execution = f'{{"executionArn": "{ARN.replace("stateMachine", "execution")}wait:$input.params("name")"'
    apis.method("POST", "/{name}", aws(f"{STATES}StartExecution", template, '{"arn": $input.json("$.executionArn")}'))
    apis.method(
        "GET", "/{name}", aws(f"{STATES}DescribeExecution", execution + "}", '{"is": "$input.path("$.status")"}')
    )
    apis.method("DELETE", "/{name}", aws(f"{STATES}StopExecution", execution + ', "cause": "told to"}'))
    stage = Stage.of_template(box, apis.text)
    status, body = await stage.json("POST", "/first", json={"a": "it is"})
    assert status == 200
    assert await input_of(box, body["arn"]) == {"a": "it is"}
    assert await stage.json("GET", "/first") == (200, {"is": "RUNNING"})
    status, body = await stage.json("DELETE", "/first")
    assert (status, list(body)) == (200, ["stopDate"])
    assert await stage.json("GET", "/first") == (200, {"is": "ABORTED"})


async def test_a_task_that_waits_is_answered_through_an_api(box: Box) -> None:
    activity = (await box.call("create_activity", name="asks"))["activityArn"]
    arn = await made(box, "asks", activity_machine(activity))
    begun = await box.call("start_execution", stateMachineArn=arn)
    await box.world.settle()
    token = (await box.call("get_activity_task", activityArn=activity))["taskToken"]
    apis = Apis()
    template = '{"taskToken": "$input.path("$.token")", "output": "$util.escapeJavaScript($input.json("$.answer"))"}'
    apis.method("POST", "/answers", aws(f"{STATES}SendTaskSuccess", template))
    stage = Stage.of_template(box, apis.text)
    answer = {"token": token, "answer": {"ok": True}}
    assert await stage.json("POST", "/answers", json=answer) == (200, {})
    await box.world.settle()
    assert json.loads((await box.call("describe_execution", executionArn=begun["executionArn"]))["output"]) == {
        "ok": True
    }


async def test_a_queue_is_sent_what_a_form_or_parameters_say(box: Box) -> None:
    queue = await asyncio.to_thread(lambda: box.aws("sqs").create_queue(QueueName="jobs")["QueueUrl"])
    apis = Apis()
    form = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    said = '{"id": "$input.path("$.SendMessageResponse.SendMessageResult.MessageId")"}'
    by_form = aws(
        f"{GATEWAY}sqs:path/000000000000/jobs", "Action=SendMessage&MessageBody=$util.urlEncode($input.body)", said
    )
    apis.method("POST", "/form", by_form | {"RequestParameters": form})
    parameters = {
        "integration.request.querystring.QueueUrl": f"'{queue}'",
        "integration.request.querystring.MessageBody": "method.request.body",
    }
    apis.method("POST", "/parameters", aws(f"{GATEWAY}sqs:action/SendMessage") | {"RequestParameters": parameters})
    stage = Stage.of_template(box, apis.text)
    status, body = await stage.json("POST", "/form", json={"n": "a&b"})
    assert status == 200
    assert len(body["id"]) == 36
    assert (await stage.json("POST", "/parameters", json={"n": 2}))[0] == 200
    found = await asyncio.to_thread(lambda: box.aws("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10))
    assert sorted(message["Body"] for message in found["Messages"]) == ['{"n":"a&b"}', '{"n":2}']


async def test_tables_and_buses_are_asked_in_their_own_words(box: Box) -> None:
    table = {
        "TableName": "things",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    await asyncio.to_thread(lambda: box.aws("dynamodb").create_table(**table))
    key = '{"TableName": "things", "%s": {"id": {"S": "$input.params(\'id\')"}%s}}'
    what = ', "what": {"S": "$input.path(\'$.what\')"}'
    shown = """\
#set($item = $input.path('$.Item'))
#if($item == "")
#set($context.responseOverride.status = 404)
{"message": "no $input.params('id')"}
#else
{"what": "$item.what.S"}
#end"""
    apis = Apis()
    apis.method("PUT", "/things/{id}", aws(f"{GATEWAY}dynamodb:action/PutItem", key % ("Item", what)))
    apis.method("GET", "/things/{id}", aws(f"{GATEWAY}dynamodb:action/GetItem", key % ("Key", ""), shown))
    entry = (
        '{"Entries": [{"Source": "shop", "DetailType": "made", "Detail": "$util.escapeJavaScript($input.json("$"))"}]}'
    )
    apis.method("POST", "/events", aws(f"{GATEWAY}events:action/PutEvents", entry, "$input.path('$.FailedEntryCount')"))
    stage = Stage.of_template(box, apis.text)
    assert (await stage.json("PUT", "/things/a", json={"what": "cup"}))[0] == 200
    assert await stage.json("GET", "/things/a") == (200, {"what": "cup"})
    assert await stage.json("GET", "/things/b") == (404, {"message": "no b"})
    assert await stage.json("POST", "/events", json={"n": 1}) == (200, 0)


async def test_a_function_behind_templates_is_chosen_an_answer_by_its_error(box: Box) -> None:
    apis = Apis()
    uri = f"{FUNCTION}${{stageVariables.fn}}/invocations"
    integration = aws(uri, '{"n": $input.json("$.n"), "colour": "$stageVariables.colour"}', '{"got": $input.json("$")}')
    not_found = {"StatusCode": "404", "SelectionPattern": ".*not found.*"}
    said = {"application/json": '{"why": "$input.path("$.errorMessage")"}'}
    integration["IntegrationResponses"].append(not_found | {"ResponseTemplates": said})
    apis.method("POST", "/", integration)
    event = {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}
    apis.method(
        "POST", "/later", integration | {"RequestParameters": event, "IntegrationResponses": [{"StatusCode": "202"}]}
    )
    stage = Stage.of_template(box, apis.text)
    stage.host.handlers["echo"] = lambda event: event
    assert await stage.json("POST", "/", json={"n": 1}) == (200, {"got": {"n": 1, "colour": "red"}})
    stage.host.handlers["echo"] = lambda event: FunctionResult(
        error="Oops", cause=json.dumps({"errorMessage": "order not found", "errorType": "Oops"})
    )
    assert await stage.json("POST", "/", json={"n": 1}) == (404, {"why": "order not found"})
    assert (await stage.ask("POST", "/later", json={"n": 3})).status_code == 202
    assert [json.loads(text) for _, text in stage.later] == [{"n": 3, "colour": "red"}]


async def test_a_proxy_function_gets_the_event_of_its_api(box: Box) -> None:
    apis = Apis()
    uri = f"{FUNCTION}echo/invocations"
    apis.method("ANY", "/{proxy+}", {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": uri})
    stage = Stage.of_template(box, apis.text)
    stage.host.handlers["echo"] = lambda event: {"statusCode": 201, "body": event["requestContext"]["stage"]}
    answer = await stage.ask("DELETE", "/a/b")
    assert (answer.status_code, answer.text) == (201, "prod")
    event = stage.host.events[0]
    assert (event["resource"], event["pathParameters"]) == ("/{proxy+}", {"proxy": "a/b"})
    assert event["stageVariables"] == {"colour": "red", "fn": "echo"}
    assert event["requestContext"]["apiId"] == "Api"


async def test_nobody_answers_a_mock_and_browsers_may_ask(box: Box) -> None:
    apis = Apis()
    headers = {
        "method.response.header.Access-Control-Allow-Origin": "'https://shop.test'",
        "method.response.header.X-Asked": "integration.response.header.nothing",
        "method.response.header.X-Stage": "context.stage",
        "method.response.header.X-Colour": "stageVariables.colour",
    }
    mock: dict[str, Any] = {"Type": "MOCK", "RequestTemplates": {"application/json": "{ statusCode: 200 }"}}
    mock |= {"IntegrationResponses": [{"StatusCode": "204", "ResponseParameters": headers}]}
    apis.method("OPTIONS", "/orders", mock)
    by_status = [
        {"StatusCode": "200", "ResponseTemplates": {"application/json": '{"all": "well"}'}},
        {"StatusCode": "503", "SelectionPattern": "5..", "ResponseTemplates": {"application/json": '{"all": "ill"}'}},
    ]
    says = '{"statusCode": #if($input.params("ill") == "yes")500#{else}200#end}'
    apis.method(
        "GET", "/health", mock | {"RequestTemplates": {"application/json": says}, "IntegrationResponses": by_status}
    )
    stage = Stage.of_template(box, apis.text, keys={"shop": "a-secret-of-this-shop"})
    wish = {"Origin": "https://shop.test", "Access-Control-Request-Method": "POST"}
    answer = await stage.ask("OPTIONS", "/orders", headers=wish)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://shop.test"
    assert (answer.headers["x-stage"], answer.headers["x-colour"]) == ("prod", "red")
    assert "x-asked" not in answer.headers
    assert await stage.json("GET", "/health") == (200, {"all": "well"})
    assert await stage.json("GET", "/health?ill=yes") == (503, {"all": "ill"})
    described = (await stage.json("GET", "/openapi.json"))[1]["paths"]["/health"]["get"]
    assert described["summary"] == "Calls nobody (MOCK)"
    assert described["responses"] == {"200": {"description": "done"}, "503": {"description": "5.."}}


class Elsewhere:
    """A server that answers with what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")), 0
        )
        self.asked.append((head, (await reader.readexactly(length)).decode()))
        body = json.dumps({"line": head.split("\r\n")[0]}).encode()
        status = "404 Not Found" if "missing" in head else "200 OK"
        answer = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Mine: 1\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{answer}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


async def test_an_address_is_asked_as_it_is_or_by_templates(box: Box) -> None:
    elsewhere = Elsewhere()
    server = await asyncio.start_server(elsewhere.answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    apis = Apis()
    proxy: dict[str, Any] = {"Type": "HTTP_PROXY", "IntegrationHttpMethod": "ANY", "Uri": f"{url}/v1/{{proxy}}"}
    path = {"integration.request.path.proxy": "method.request.path.proxy"}
    apis.method("ANY", "/{proxy+}", proxy | {"RequestParameters": path})
    mapped = aws(f"{url}/pets", '{"id": "$input.params("id")"}', '{"said": $input.json("$.line")}') | {"Type": "HTTP"}
    mapped["IntegrationResponses"].append({"StatusCode": "410", "SelectionPattern": "404"})
    more = {
        "integration.request.header.X-From": "'shop'",
        "integration.request.querystring.page": "method.request.querystring.p",
    }
    apis.method("GET", "/pets/{id}", mapped | {"RequestParameters": more})
    stage = Stage.of_template(box, apis.text)
    answer = await stage.ask(
        "PUT", "/a/b%20c?x=1&x=2", content=b"raw", headers={"X-Own": "2", "Content-Type": "text/plain"}
    )
    assert (answer.status_code, answer.headers["x-mine"]) == (200, "1")
    assert answer.json() == {"line": "PUT /v1/a/b%20c?x=1&x=2 HTTP/1.1"}
    head, body = elsewhere.asked[0]
    assert "x-own: 2" in head.lower()
    assert body == "raw"
    assert await stage.json("GET", "/pets/7?p=3") == (200, {"said": "POST /pets?page=3 HTTP/1.1"})
    head, body = elsewhere.asked[1]
    assert "x-from: shop" in head.lower()
    assert json.loads(body) == {"id": "7"}
    assert (await stage.ask("GET", "/pets/7?p=missing")).status_code == 410
    server.close()
    await server.wait_closed()
    status, said = await stage.json("GET", "/gone")
    assert (status, said["message"]) == (500, "Internal server error")


@pytest.mark.parametrize(
    ("template", "response", "reason"),
    [
        ("$input.path('$').substring(1)", None, "a mapping template failed: a map has no method substring()"),
        ("{}", [{"StatusCode": "200", "SelectionPattern": "2.."}], "no integration response fits the status 400"),
    ],
)
async def test_what_cannot_be_mapped_says_why(box: Box, template: str, response: Any, reason: str) -> None:
    apis = Apis()
    integration = aws(f"{STATES}StartExecution", template)
    apis.method("POST", "/", integration if response is None else integration | {"IntegrationResponses": response})
    status, body = await Stage.of_template(box, apis.text).json("POST", "/", json={})
    assert (status, body["message"]) == (500, "Internal server error")
    assert reason in body["reason"]

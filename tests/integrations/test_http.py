"""`http:invoke` and `apigateway:invoke`: what goes out, what a Task shows of the answer, how failures are called."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from flowd.clock import ManualClock
from flowd.integrations.apigateway import ApiGateway
from flowd.integrations.http import Http
from flowd.integrations.ports import Failed, Outcome, Succeeded, TaskCall
from flowd.integrations.webcalls import HIDDEN
from flowd.payload import Payload

BASIC = {
    "AuthorizationType": "BASIC",
    "AuthParameters": {
        "BasicAuthParameters": {"Username": "ada", "Password": "secret"},
        "InvocationHttpParameters": {
            "HeaderParameters": [{"Key": "X-Team", "Value": "blue", "IsValueSecret": False}],
            "QueryStringParameters": [{"Key": "key", "Value": "hidden", "IsValueSecret": True}],
        },
    },
}
KEY = {
    "AuthorizationType": "API_KEY",
    "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k"}},
}
OAUTH = {
    "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS",
    "AuthParameters": {
        "OAuthParameters": {
            "ClientParameters": {"ClientID": "id", "ClientSecret": "s"},
            "AuthorizationEndpoint": "https://login/token",
            "HttpMethod": "POST",
            "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "all"}]},
        }
    },
}


def streamed(answer: httpx.Response) -> httpx.Response:
    """An answer whose body has yet to be read, as that of a real exchange."""
    return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))


class Net:
    """Everybody out there: what was asked, and what is answered."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response] | None = None) -> None:
        self.asked: list[httpx.Request] = []
        self.answer = answer or (lambda request: httpx.Response(200, json={"ok": True}))
        self.clock = ManualClock()
        self.connections: dict[str, Any] = {"basic": BASIC, "key": KEY, "oauth": OAUTH}
        transport = httpx.MockTransport(self._handle)
        self.http = Http(self, self.clock, transport)
        self.gateway = ApiGateway(transport)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return streamed(self.answer(request))

    async def find(self, arn: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self.connections.get(arn)
        return found


def task(service: str, parameters: Any, **facts: Any) -> TaskCall:
    return TaskCall(
        key="1:0:1",
        execution_arn="arn:aws:states:eu-west-1:000000000000:execution:m:e",
        machine_arn="arn:m",
        state="T",
        resource=f"arn:aws:states:::{service}:invoke",
        service=service,
        action="invoke",
        parameters=Payload.of(parameters),
        token="t",
        **{"pattern": "", **facts},
    )


async def invoke(net: Net, **parameters: Any) -> Outcome:
    return await net.http.call(task("http", {"ApiEndpoint": "https://api/x", "Method": "GET", **parameters}))


def failure(outcome: Outcome) -> tuple[str | None, str | None]:
    assert isinstance(outcome, Failed), outcome
    return outcome.error, outcome.cause


async def test_an_answer_has_body_headers_and_status() -> None:
    net = Net(lambda request: httpx.Response(201, json={"id": 7}, headers=[("X-A", "1"), ("X-A", "2")]))
    query = {"q": ["1", "2"], "r": "a b"}
    outcome = await invoke(net, Method="POST", RequestBody={"a": [1, "ü"]}, Headers={"X-B": "c"}, QueryParameters=query)
    assert isinstance(outcome, Succeeded)
    output = outcome.output.value
    assert (output["StatusCode"], output["StatusText"], output["ResponseBody"]) == (201, "Created", {"id": 7})
    assert output["Headers"]["x-a"] == ["1", "2"]
    [request] = net.asked
    assert str(request.url) == "https://api/x?q=1&q=2&r=a%20b"
    assert json.loads(request.content) == {"a": [1, "ü"]}
    assert request.headers["content-type"] == "application/json; charset=UTF-8"
    assert request.headers["user-agent"] == "Amazon|StepFunctions|HttpInvoke|eu-west-1"
    assert (request.headers["x-b"], request.headers["range"]) == ("c", "bytes=0-262144")


@pytest.mark.parametrize(
    ("kind", "content", "body"),
    [
        ("text/plain", b"hello", "hello"),
        ("application/json", b"{broken", "{broken"),
        ("application/problem+json", b'{"a": 1}', {"a": 1}),
        ("text/plain; charset=latin-1", b"\xfc", "ü"),
    ],
)
async def test_a_body_is_json_or_text(kind: str, content: bytes, body: Any) -> None:
    outcome = await invoke(Net(lambda request: httpx.Response(200, content=content, headers={"content-type": kind})))
    assert isinstance(outcome, Succeeded)
    assert outcome.output.value["ResponseBody"] == body


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("INDICES", "a[0]=1&a[1]=x y&b[c]=true&d="),
        ("BRACKETS", "a[]=1&a[]=x y&b[c]=true&d="),
        ("REPEAT", "a=1&a=x y&b[c]=true&d="),
        ("COMMAS", "a=1,x y&b[c]=true&d="),
        ("NONE", 'a=[1,"x y"]&b[c]=true&d='),
    ],
)
async def test_a_form_spells_arrays_as_asked(form: str, expected: str) -> None:
    net = Net()
    body = {"a": [1, "x y"], "b": {"c": True}, "d": None}
    transform = {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": form}}
    await invoke(net, Method="POST", RequestBody=body, Transform=transform)
    [request] = net.asked
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    pairs = parse_qsl(request.content.decode(), keep_blank_values=True)
    assert "&".join(f"{name}={value}" for name, value in pairs) == expected


async def test_a_text_of_another_type_is_sent_as_it_is() -> None:
    net = Net()
    await invoke(net, Method="PUT", RequestBody="<a/>", Headers={"content-type": "text/xml"})
    assert net.asked[0].content == b"<a/>"


async def test_connections_add_their_credentials() -> None:
    net = Net()
    await invoke(net, Authentication={"ConnectionArn": "basic"}, QueryParameters={"key": "mine"})
    await invoke(net, InvocationConfig={"ConnectionArn": "key"})
    first, second = net.asked
    assert first.headers["authorization"] == "Basic " + base64.b64encode(b"ada:secret").decode()
    assert (first.headers["x-team"], str(first.url)) == ("blue", "https://api/x?key=hidden")
    assert second.headers["x-key"] == "k"


async def test_a_token_is_fetched_once_until_it_is_too_old() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "login":
            return httpx.Response(200, json={"access_token": f"t{len(net.asked)}", "expires_in": 3600})
        return httpx.Response(200)

    net = Net(answer)
    for _ in range(2):
        assert isinstance(await invoke(net, Authentication={"ConnectionArn": "oauth"}), Succeeded)
    assert [request.url.host for request in net.asked] == ["login", "api", "api"]
    assert dict(parse_qsl(net.asked[0].content.decode())) == {"grant_type": "client_credentials", "scope": "all"}
    assert net.asked[2].headers["authorization"] == "Bearer t1"
    net.clock.set(net.clock.now_ms() + 3_600_000)
    await invoke(net, Authentication={"ConnectionArn": "oauth"})
    assert net.asked[-1].headers["authorization"] == "Bearer t4"


async def test_a_status_that_is_no_success_names_the_error() -> None:
    outcome = await invoke(Net(lambda request: httpx.Response(404, text="no such thing")))
    assert failure(outcome) == ("States.Http.StatusCode.404", "no such thing")
    assert failure(await invoke(Net(lambda request: httpx.Response(302)))) == ("States.Http.StatusCode.302", "Found")


async def test_no_answer_is_a_socket_s_error() -> None:
    def late(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late")

    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there")

    assert failure(await invoke(Net(late))) == ("States.Http.Socket", "HTTP task timeout after 60s")
    assert failure(await invoke(Net(nobody))) == ("States.Http.Socket", "ConnectError: nobody there")
    refused = Net(lambda request: httpx.Response(400))
    assert failure(await invoke(refused, Authentication={"ConnectionArn": "oauth"}))[0] == "States.Http.Socket"


async def test_answers_that_no_task_can_hold_fail() -> None:
    large = Net(lambda request: httpx.Response(200, content=b"x" * 300_000, headers={"content-type": "text/plain"}))
    assert failure(await invoke(large))[0] == "States.DataLimitExceeded"
    image = Net(lambda request: httpx.Response(200, content=b"\x89PNG", headers={"content-type": "image/png"}))
    assert failure(await invoke(image))[0] == "States.Runtime"


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"Colour": 1}, 'The field "Colour" is not supported by Step Functions'),
        ({"Method": None}, "The field 'Method' is required but was missing"),
        ({"Method": "FETCH"}, "Method is one of GET, POST"),
        ({"ApiEndpoint": "ftp://x"}, "ApiEndpoint must be a URL"),
        ({"ApiEndpoint": "https://user:pw@x/"}, "ApiEndpoint must be a URL"),
        ({"Headers": {"Host": "x"}}, "Host is set by Step Functions"),
        ({"Headers": {"X-Amz-A": "x"}}, "X-Amz-A is set by Step Functions"),
        ({"Headers": ["x"]}, "'Headers' has an invalid format"),
        ({"QueryParameters": {"a": {}}}, "The value of the field 'a' must be a text"),
        ({"Authentication": {}}, "Authentication must have a ConnectionArn"),
        ({"Authentication": {"ConnectionArn": "gone"}}, "Connection gone does not exist"),
        ({"RequestBody": "x", "Transform": {"RequestBodyEncoding": "URL_ENCODED"}}, "RequestBody must be an object"),
    ],
)
async def test_parameters_that_cannot_be_used_say_which(parameters: dict[str, Any], reason: str) -> None:
    net = Net()
    error, cause = failure(await invoke(net, **parameters))
    assert error == "States.Runtime"
    assert reason in (cause or "")
    assert net.asked == []


async def test_after_a_crash_only_a_call_that_reads_is_made_again() -> None:
    net = Net()
    for method, sent in (("GET", 1), ("POST", 1)):
        recovered = task("http", {"ApiEndpoint": "https://api/", "Method": method}, recovered=True)
        outcome = await net.http.call(recovered)
        assert isinstance(outcome, Succeeded) == (method == "GET")
        assert len(net.asked) == sent


async def test_an_inspection_shows_both_sides_without_secrets_unless_asked() -> None:
    net = Net()
    await invoke(net, Authentication={"ConnectionArn": "basic"}, Method="POST", RequestBody={"a": 1})
    call = task("http", {})
    shown = net.http.inspect(call, reveal=False)
    assert (shown["request"]["method"], shown["request"]["body"]) == ("POST", '{"a":1}')
    assert shown["request"]["url"] == f"https://api/x?key={HIDDEN}"
    assert "Basic " not in shown["request"]["headers"]
    assert (shown["response"]["statusCode"], shown["response"]["statusMessage"]) == ("200", "OK")
    assert net.http.inspect(call, reveal=True)["request"]["url"] == "https://api/x?key=hidden"
    await net.http.acknowledge(call)
    assert net.http.inspect(call, reveal=True) == {}


# -- API Gateway ------------------------------------------------------------------------


async def gateway(net: Net, **parameters: Any) -> Outcome:
    given = {"ApiEndpoint": "abc.execute-api.eu-west-1.amazonaws.com", "Method": "GET", **parameters}
    return await net.gateway.call(task("apigateway", given))


async def test_an_api_is_called_by_endpoint_stage_and_path() -> None:
    net = Net()
    outcome = await gateway(
        net,
        Method="POST",
        Stage="prod",
        Path="/orders/a b",
        QueryParameters={"q": ["1", "2"]},
        Headers={"X-A": ["1", "2"]},
        RequestBody={"a": 1, "b": None},
        AuthType="NO_AUTH",
    )
    assert isinstance(outcome, Succeeded)
    assert outcome.output.value["ResponseBody"] == {"ok": True}
    [request] = net.asked
    assert str(request.url) == "https://abc.execute-api.eu-west-1.amazonaws.com/prod/orders/a%20b?q=1&q=2"
    assert (request.headers["x-a"], json.loads(request.content)) == ("1,2", {"a": 1})
    await gateway(net, ApiEndpoint="127.0.0.1:8080", Method="PUT", RequestBody={"b": None}, AllowNullValues=True)
    assert str(net.asked[1].url) == "http://127.0.0.1:8080/"
    assert json.loads(net.asked[1].content) == {"b": None}


async def test_an_api_s_refusal_is_named_by_its_status() -> None:
    assert failure(await gateway(Net(lambda request: httpx.Response(403, text="no")))) == ("ApiGateway.403", "no")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"AuthType": "IAM_ROLE"}, "AuthType IAM_ROLE is not built in flowd"),
        ({"ApiEndpoint": "https://x"}, "without https://"),
        ({"Headers": {"Authorization": ["x"]}}, "Authorization cannot be given"),
        ({"Query": {}}, 'The field "Query" is not supported by Step Functions'),
    ],
)
async def test_what_a_gateway_is_not_asked_is_refused(parameters: dict[str, Any], reason: str) -> None:
    error, cause = failure(await gateway(Net(), **parameters))
    assert error == "States.Runtime"
    assert reason in (cause or "")

"""What an HTTP route is: the value that settings and SAM templates produce and the HTTP front obeys. Pure data."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

Action = Literal["start", "startSync", "status", "function", "integration"]
Format = Literal["1.0", "2.0"]
Passthrough = Literal["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"]
#: What mapping templates find below these names (developer guide, "Variables for mapping template transformations").
TEMPLATE_MEMBERS: Final = {
    "input": frozenset({"body", "json", "params", "path"}),
    "util": frozenset(
        {"base64Decode", "base64Encode", "escapeJavaScript", "parseJson", "urlDecode", "urlEncode"},
    ),
}


class IntegrationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an answer whose status (of a function: error) the `pattern` fits; "" is for all others."""

    status: int
    pattern: str = ""
    templates: dict[str, str] = {}  # by content type
    headers: dict[str, str] = {}  # name -> where its value is from, as `parametersources` reads it


class Integration(msgspec.Struct, frozen=True, kw_only=True):
    """What a route of API Gateway calls.

    `service`: one of AWS's services by botocore's name, asked for `operation`, or by `path`. `operation`: the same,
    with `parameters` as its members. `http`: an address. `mock`: nobody; the template says the status.
    """

    kind: Literal["service", "operation", "http", "mock"]
    service: str = ""
    operation: str = ""
    path: str = ""
    uri: str = ""
    method: str = "POST"
    proxy: bool = False  # request and answer pass as they are
    parameters: dict[str, str] = {}  # what it gets -> where its value is from
    templates: dict[str, str] = {}  # by content type
    passthrough: Passthrough = "WHEN_NO_MATCH"
    responses: tuple[IntegrationResponse, ...] = ()
    timeout_s: float = 29.0


class Cors(msgspec.Struct, frozen=True, kw_only=True):
    """Which pages of other origins may ask and read (CorsConfiguration of an HTTP API)."""

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age: int = 0
    credentials: bool = False
    answers: bool = True  # they may read what the route answers; else the route itself says who may


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A usage plan: keys by name (a secret that is "" stands in the settings under that name), and a rate for each."""

    name: str
    keys: dict[str, str] = {}
    rate: float = 0.0  # 0: as often as it likes
    burst: int = 0


class Authorizer(msgspec.Struct, frozen=True, kw_only=True):
    """Who says whether a request may come in: a function, or the signature of the daemon's own key (`iam`).

    A `token` authorizer gets what stands at its one source, which must fit `pattern`; a `request` authorizer gets the
    request in one of the formats of functions. Its answer is a policy, or `simple` (isAuthorized).
    """

    kind: Literal["token", "request", "iam"]
    function: str = ""
    sources: tuple[str, ...] = ()  # what must be there, as `method.request.header.X` or `$request.header.X`
    pattern: str = ""
    format: Format = "1.0"
    simple: bool = False
    timeout_s: float = 29.0  # a REST API's waits as long as for any function (quotas, "Integration timeout")


class GatewayResponse(msgspec.Struct, frozen=True, kw_only=True):
    """How a refusal of one type looks. `status` 0: as it is."""

    status: int = 0
    templates: dict[str, str] = {}  # by content type
    headers: dict[str, str] = {}


class Checks(msgspec.Struct, frozen=True, kw_only=True):
    """What a request must have: schemas of bodies by content type, and parameters as `querystring.page`."""

    bodies: dict[str, Any] = {}
    parameters: tuple[str, ...] = ()


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One method and path, and what answers it.

    `target` is the name or ARN of a state machine or of a function. `input` is a payload template over the request, in
    either query language; without one a machine gets the body. `errors` are statuses by the name of an execution's
    error. `key` None: as the settings say for all.
    """

    method: str  # GET, POST, ...; ANY
    path: str  # /orders/{id}, /files/{rest+}; "$default" = whatever no other route takes
    action: Action
    target: str
    format: Format = "2.0"  # of a function's event and answer
    input: Any = None
    has_input: bool = False
    execution_name: str = ""  # a path into the request, as `$.headers.idempotency-key`
    status: int = 200
    errors: dict[str, int] = {}
    key: bool | None = None
    stage: str = "$default"  # shown to functions
    api: str = "flowd"  # as well
    variables: dict[str, str] = {}  # of the stage
    integration: Integration | None = None
    cors: Cors | None = None
    plans: tuple[Plan, ...] = ()  # with none, `key` means the settings' keys
    authorizer: Authorizer | None = None
    checks: Checks | None = None
    gateway: dict[str, GatewayResponse] = {}  # by the type of refusal
    source: str = ""  # the file or template it came from
    line: int = 0

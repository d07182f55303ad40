"""The resources of a template by their logical ids: what `Ref` and `Fn::GetAtt` of each give, and which cannot be had.

A resource that is not supported is no error by itself. It refuses whatever needs it: the machine whose substitutions or
definition refer to it, directly or through a function that does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from flowd import names
from flowd.sam.addresses import at_the_front, made_by_sam
from flowd.sam.document import Document
from flowd.sam.intrinsics import Resolver, Unresolvable
from flowd.sam.project import INVALID, UNSUPPORTED, Problem, Severity


class Place(NamedTuple):
    """Where the box pretends to be; `endpoint` is where its services are reached, `front` where its APIs are."""

    region: str = names.REGION
    account: str = names.ACCOUNT
    stack: str = "flowd"
    endpoint: str = ""
    front: str = ""


HERE = Place()
Made = Callable[[str, Place], str]
_BARE = re.compile(r"[A-Za-z0-9_-]+")  # a key of TOML without quotes


class Kind(NamedTuple):
    """How resources of one type are named and referred to.

    `longest`: a logical id beyond it is cut, and ends in a part of its hash.

    `own_name`: without a name of its own, its logical id is its name. All others hold data, which two projects must not
    share by accident: their name is that of the stack and the logical id, as CloudFormation makes it up.
    """

    name_property: str
    ref: Made
    attributes: dict[str, Made]
    own_name: bool = True
    fifo_property: str = ""  # the name must end in .fifo if this is true
    lower: bool = False  # names are in lower case
    longest: int = 0


def _name(name: str, place: Place) -> str:
    return name


def _arn(service: str, prefix: str = "") -> Made:
    return lambda name, place: f"arn:aws:{service}:{place.region}:{place.account}:{prefix}{name}"


def _function(name: str, place: Place) -> str:
    """Also of a version or an alias, whose name is that of its function or the function's ARN."""
    return names.function_arn(name.rpartition(":function:")[2].partition(":")[0], place.region, place.account)


def _machine(name: str, place: Place) -> str:
    """Also of a version, whose name is the machine's ARN."""
    if name.startswith("arn:"):
        return name
    return names.machine_arn(name, place.region, place.account)


def _layer(name: str, place: Place) -> str:
    return f"{_arn('lambda', 'layer:')(name, place)}:1"


def _activity(name: str, place: Place) -> str:
    return names.activity_arn(name, place.region, place.account)


def _role(name: str, place: Place) -> str:
    return f"arn:aws:iam::{place.account}:role/{name}"


def _queue_url(name: str, place: Place) -> str:
    return f"{place.endpoint or f'https://sqs.{place.region}.amazonaws.com'}/{place.account}/{name}"


def _endpoint(name: str, place: Place) -> str:
    """The front's, or as AWS would give it, while there is no front."""
    return place.front or f"https://{name}.execute-api.{place.region}.amazonaws.com"


def _bucket(suffix: str = "") -> Made:
    return lambda name, place: f"{name}{suffix}"


SERVERLESS_MACHINE = "AWS::Serverless::StateMachine"
PLAIN_MACHINE = "AWS::StepFunctions::StateMachine"
FUNCTION = "AWS::Serverless::Function"
PLAIN_FUNCTION = "AWS::Lambda::Function"
LAYERS = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")
ACTIVITY = "AWS::StepFunctions::Activity"
TASK_DEFINITION = "AWS::ECS::TaskDefinition"
CLUSTER = "AWS::ECS::Cluster"
BUCKET = "AWS::S3::Bucket"
APIS = ("AWS::Serverless::Api", "AWS::Serverless::HttpApi")
REST_API = "AWS::ApiGateway::RestApi"
REST_RESOURCE = "AWS::ApiGateway::Resource"
METHOD = "AWS::ApiGateway::Method"
REST_STAGE = "AWS::ApiGateway::Stage"
GATEWAY_RESPONSE = "AWS::ApiGateway::GatewayResponse"
REST_AUTHORIZER = "AWS::ApiGateway::Authorizer"
HTTP_API = "AWS::ApiGatewayV2::Api"
HTTP_AUTHORIZER = "AWS::ApiGatewayV2::Authorizer"
HTTP_INTEGRATION = "AWS::ApiGatewayV2::Integration"
HTTP_ROUTE = "AWS::ApiGatewayV2::Route"
HTTP_STAGE = "AWS::ApiGatewayV2::Stage"
_FAMILY = _arn("ecs", "task-definition/")  # the newest revision of it
#: The label of a stream is not known before there is one; `latest` stands for the newest (services.dynamodb).
_STREAM = {"StreamArn": lambda name, place: f"{_arn('dynamodb', 'table/')(name, place)}/stream/latest"}
_TABLE = Kind("TableName", _name, {"Arn": _arn("dynamodb", "table/"), **_STREAM}, own_name=False)

#: Ids of API Gateway are logical ids here; the root of a REST API ends in a slash.
_API_PARTS = {
    REST_API: Kind("", _name, {"RestApiId": _name, "RootResourceId": _bucket("/")}),
    REST_RESOURCE: Kind("", _name, {"ResourceId": _name}),
    METHOD: Kind("", _name, {}),
    REST_STAGE: Kind("StageName", _name, {}),
    "AWS::ApiGateway::ApiKey": Kind("", _name, {"APIKeyId": _name}),
    "AWS::ApiGateway::Deployment": Kind("", _name, {"DeploymentId": _name}),
    "AWS::ApiGateway::Model": Kind("Name", _name, {}),
    "AWS::ApiGateway::RequestValidator": Kind("", _name, {"RequestValidatorId": _name}),
    "AWS::ApiGateway::UsagePlan": Kind("", _name, {"Id": _name}),
    "AWS::ApiGateway::UsagePlanKey": Kind("", _name, {"Id": _name}),
    GATEWAY_RESPONSE: Kind("", _name, {"Id": _name}),
    REST_AUTHORIZER: Kind("", _name, {"AuthorizerId": _name}),
    HTTP_AUTHORIZER: Kind("", _name, {"AuthorizerId": _name}),
    HTTP_API: Kind("", _name, {"ApiId": _name, "ApiEndpoint": _endpoint}),
    HTTP_INTEGRATION: Kind("", _name, {"IntegrationId": _name}),
    HTTP_ROUTE: Kind("", _name, {"RouteId": _name}),
    HTTP_STAGE: Kind("StageName", _name, {}),
    "AWS::ApiGatewayV2::Deployment": Kind("", _name, {"DeploymentId": _name}),
}
_KINDS: dict[str, Kind] = {
    **_API_PARTS,
    SERVERLESS_MACHINE: Kind("Name", _machine, {"Arn": _machine, "Name": _name}, longest=80),
    PLAIN_MACHINE: Kind("StateMachineName", _machine, {"Arn": _machine, "Name": _name}, longest=80),
    FUNCTION: Kind("FunctionName", _name, {"Arn": _function}, longest=64),
    PLAIN_FUNCTION: Kind("FunctionName", _name, {"Arn": _function}, longest=64),
    ACTIVITY: Kind("Name", _activity, {"Arn": _activity, "Name": _name}),
    TASK_DEFINITION: Kind("Family", _FAMILY, {"TaskDefinitionArn": _FAMILY}),
    CLUSTER: Kind("ClusterName", _name, {"Arn": _arn("ecs", "cluster/")}),
    **dict.fromkeys(LAYERS, Kind("LayerName", _layer, {"LayerVersionArn": _layer})),
    **dict.fromkeys(APIS, Kind("", _name, {"RootResourceId": _name, "ApiId": _name})),
    "AWS::DynamoDB::Table": _TABLE,
    "AWS::Events::EventBus": Kind("Name", _name, {"Arn": _arn("events", "event-bus/"), "Name": _name}, own_name=False),
    "AWS::CloudWatch::Alarm": Kind("AlarmName", _name, {"Arn": _arn("cloudwatch", "alarm:")}),
    "AWS::CloudWatch::CompositeAlarm": Kind("AlarmName", _name, {"Arn": _arn("cloudwatch", "alarm:")}),
    "AWS::CloudWatch::Dashboard": Kind("DashboardName", _name, {}),
    "AWS::Events::Archive": Kind("ArchiveName", _name, {"Arn": _arn("events", "archive/")}, own_name=False, longest=48),
    "AWS::Events::ApiDestination": Kind("Name", _name, {"Arn": _arn("events", "api-destination/")}, own_name=False),
    "AWS::Events::Connection": Kind("Name", _name, {"Arn": _arn("events", "connection/")}, own_name=False),
    "AWS::Pipes::Pipe": Kind("Name", _name, {"Arn": _arn("pipes", "pipe/")}, own_name=False),
    "AWS::Events::Rule": Kind("Name", _name, {"Arn": _arn("events", "rule/")}, own_name=False),
    "AWS::Lambda::Alias": Kind("FunctionName", _function, {"AliasArn": _function}),
    "AWS::Lambda::EventInvokeConfig": Kind("", _name, {}, own_name=False),
    "AWS::Lambda::Version": Kind("FunctionName", _function, {"FunctionArn": _function, "Version": lambda n, p: "1"}),
    BUCKET: Kind(
        "BucketName",
        _name,
        {"Arn": lambda name, place: f"arn:aws:s3:::{name}", "DomainName": _bucket(".s3.amazonaws.com")},
        own_name=False,
        lower=True,
    ),
    "AWS::Scheduler::Schedule": Kind("Name", _name, {"Arn": _arn("scheduler", "schedule/default/")}, own_name=False),
    "AWS::Serverless::SimpleTable": _TABLE,
    "AWS::SNS::Subscription": Kind("", _name, {}, own_name=False),
    "AWS::SNS::Topic": Kind(
        "TopicName",
        _arn("sns"),
        {"TopicArn": _arn("sns"), "TopicName": _name},
        own_name=False,
        fifo_property="FifoTopic",
    ),
    "AWS::SQS::Queue": Kind(
        "QueueName",
        _queue_url,
        {"Arn": _arn("sqs"), "QueueName": _name, "QueueUrl": _queue_url},
        own_name=False,
        fifo_property="FifoQueue",
    ),
    "AWS::StepFunctions::StateMachineVersion": Kind("StateMachineArn", _machine, {"Arn": _machine}),
    "AWS::EC2::SecurityGroup": Kind("", _name, {"GroupId": _name, "VpcId": _name}),
    "AWS::EC2::Subnet": Kind("", _name, {"SubnetId": _name}),
    "AWS::EC2::VPC": Kind("", _name, {"VpcId": _name, "DefaultSecurityGroup": _name}),
    # Permissions and logs have no meaning on one box; what refers to them still gets a proper ARN.
    "AWS::IAM::Role": Kind("RoleName", _name, {"Arn": _role}),
    "AWS::KMS::Key": Kind("", _name, {"Arn": _arn("kms", "key/"), "KeyId": _name}),
    "AWS::Logs::LogGroup": Kind("LogGroupName", _name, {"Arn": lambda n, p: f"{_arn('logs', 'log-group:')(n, p)}:*"}),
}


def _cut(name: str, longest: int) -> str:
    """A logical id as a name, as CloudFormation cuts it: the CDK's may have 255 characters."""
    if not 0 < longest < len(name):
        return name
    return f"{name[: longest - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


class Template:
    """One template being read: its resources, parameters and conditions, and the problems found so far."""

    def __init__(self, document: Document, parameters: Mapping[str, str], place: Place) -> None:
        self.document = document
        self.place = place
        self.problems: list[Problem] = []
        self.refused: dict[str, str] = {}  # logical id -> why nothing can refer to it
        self.absent: set[str] = set()  # resources whose Condition is false
        self._overrides = parameters
        self._declared = self.section("Parameters")
        self._naming: list[str] = []
        self.resources = self.section("Resources")
        self.resolver = Resolver(
            self._ref,
            self._attribute,
            self.section("Mappings"),
            self.section("Conditions"),
            lambda text: at_the_front(text, place.front, self.resources),
        )

    def section(self, name: str) -> dict[str, Any]:
        """A top-level section, or an empty one."""
        found = self.document.value.get(name)
        if found is None:
            return {}
        if not isinstance(found, dict):
            self.problem("ERROR", "", f"{name} must be a mapping", name)
            return {}
        return found

    def type_of(self, logical_id: str) -> str:
        return str(self.resources[logical_id].get("Type", ""))

    def properties(self, logical_id: str) -> dict[str, Any]:
        found = self.resources[logical_id].get("Properties")
        return found if isinstance(found, dict) else {}

    def resolved(self, logical_id: str) -> dict[str, Any]:
        """The properties with every intrinsic function replaced. Raises Unresolvable."""
        found = self.resolver.value(self.properties(logical_id))
        if not isinstance(found, dict):
            raise Unresolvable("Properties must be a mapping, not one function")
        return found

    def problem(self, severity: Severity, resource: str, message: str, *path: str | int, code: str = INVALID) -> None:
        mark = self.document.where(*path)
        self.problems.append(Problem(severity, resource, message, mark.line, mark.column, code))

    def unsupported(self, resource: str, message: str, *path: str | int) -> None:
        """List something that flowd leaves out."""
        self.problem("WARNING", resource, message, *path, code=UNSUPPORTED)

    def refuse(self, logical_id: str, message: str, *path: str | int, code: str = INVALID) -> None:
        """A resource cannot be had, so nothing that needs it can either."""
        self.refused[logical_id] = message
        self.problem("ERROR", logical_id, message, *path, code=code)

    def name_of(self, logical_id: str) -> str:
        """The physical name: what the template says, or the logical id. Raises Unresolvable."""
        kind = _KINDS.get(self.type_of(logical_id))
        given = None if kind is None else self.properties(logical_id).get(kind.name_property)
        if given is None or kind is None:
            return logical_id if kind is None else self._made_up(logical_id, kind)
        with self._asking(logical_id, "name of"):
            return self.resolver.text(given)

    @contextmanager
    def _asking(self, name: str, what: str) -> Iterator[None]:
        """While a value is worked out, it cannot be part of itself."""
        if name in self._naming:
            raise Unresolvable(f"the {what} {name} refers to itself")
        self._naming.append(name)
        try:
            yield
        finally:
            self._naming.pop()

    def _made_up(self, logical_id: str, kind: Kind) -> str:
        """The name of a resource that has none."""
        if kind.own_name:
            return _cut(logical_id, kind.longest)
        fifo = self.properties(logical_id).get(kind.fifo_property)
        name = _cut(f"{self.place.stack}-{logical_id}{'.fifo' if fifo in (True, 'true') else ''}", kind.longest)
        return name.lower() if kind.lower else name

    # ---- what Ref and GetAtt find ----------------------------------------------------------------------------------

    def _ref(self, name: str) -> Any:
        if name.startswith("AWS::"):
            return self._pseudo(name)
        if name in self._declared:
            with self._asking(name, "parameter"):
                return self._parameter(name)
        if self._is_elsewhere(name) and name in self._overrides:
            return self._overrides[name]
        made = made_by_sam(name, self.resources)
        if made is not None:
            return made
        kind = self._kind(name)
        return name if kind is None else kind.ref(self.name_of(name), self.place)

    def _attribute(self, logical_id: str, attribute: str) -> str:
        said = f"{logical_id}.{attribute}"
        if self._is_elsewhere(logical_id) and said in self._overrides:
            return self._overrides[said]
        kind = self._kind(logical_id, said)
        if kind is None:
            return _role(logical_id, self.place)
        if attribute not in kind.attributes:
            offered = ", ".join(sorted(kind.attributes)) or "none"
            raise Unresolvable(f"{said} is not supported (attributes of its type here: {offered})")
        return kind.attributes[attribute](self.name_of(logical_id), self.place)

    def _is_elsewhere(self, logical_id: str) -> bool:
        """Whether a resource is of a type that is not made here: what it is called elsewhere may be configured."""
        return logical_id in self.resources and self.type_of(logical_id) not in _KINDS

    def _kind(self, logical_id: str, said: str = "") -> Kind | None:
        """The kind of a resource; None for the role that SAM itself makes. `said` is how it is referred to."""
        if logical_id not in self.resources:
            if logical_id.endswith("Role") and logical_id.removesuffix("Role") in self.resources:
                return None
            raise Unresolvable(f"{logical_id} is neither a resource nor a parameter of this template")
        line = self.document.where("Resources", logical_id).line
        type_name = self.type_of(logical_id)
        # A machine that is refused now may have a good version from before, so that its ARN is still worth having.
        if logical_id in self.absent or (logical_id in self.refused and type_name != SERVERLESS_MACHINE):
            reason = self.refused[logical_id]
            raise Unresolvable(f"it needs {logical_id} (line {line}), which cannot be had: {reason}")
        if type_name not in _KINDS:
            reason = f"it needs {logical_id} ({type_name}, line {line}), which is not supported"
            raise Unresolvable(f"{reason}; if there is one elsewhere, {self._way(said or logical_id)}")
        return _KINDS[type_name]

    def _pseudo(self, name: str) -> Any:
        place = self.place
        values: dict[str, Any] = {
            "AWS::AccountId": place.account,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": place.region,
            "AWS::StackId": f"arn:aws:cloudformation:{place.region}:{place.account}:stack/{place.stack}/flowd",
            "AWS::StackName": place.stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name not in values:
            raise Unresolvable(f"there is no pseudo parameter {name}")
        return values[name]

    def _way(self, name: str) -> str:
        """How somebody gives a value that the template does not have."""
        key = name if name.isalnum() else f'"{name}"'
        stack = self.place.stack if _BARE.fullmatch(self.place.stack) else f'"{self.place.stack}"'
        return f'write {key} = "..." into [parameters.{stack}] of flowd.toml'

    def _parameter(self, name: str) -> Any:
        declared = self._declared[name] if isinstance(self._declared[name], dict) else {}
        type_name = str(declared.get("Type", "String"))
        value = self._overrides.get(name, declared.get("Default"))
        if value is None:
            raise Unresolvable(f"the parameter {name} has no Default: {self._way(name)}")
        if type_name.startswith("AWS::SSM::") and name not in self._overrides:
            raise Unresolvable(
                f"the parameter {name} is read from Systems Manager, which is not here: {self._way(name)}"
            )
        allowed = declared.get("AllowedValues")
        text = self.resolver.text(value)
        if isinstance(allowed, list) and text not in [self.resolver.text(item) for item in allowed]:
            raise Unresolvable(f"the parameter {name} is {text!r}, which is not one of its AllowedValues")
        if type_name == "CommaDelimitedList" or type_name.startswith("List<"):
            return [item.strip() for item in text.split(",")]
        return text

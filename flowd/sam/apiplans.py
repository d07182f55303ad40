"""API keys, usage plans, models and request validators of REST APIs, by what the methods of an API need of them.

Source: CloudFormation reference, AWS::ApiGateway::ApiKey, UsagePlan, UsagePlanKey, Model, RequestValidator.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from flowd.routes import Checks, Plan
from flowd.sam.integrations import Unfit
from flowd.sam.intrinsics import Unresolvable
from flowd.sam.project import UNSUPPORTED
from flowd.sam.resources import Template

KEY: Final = "AWS::ApiGateway::ApiKey"
PLAN: Final = "AWS::ApiGateway::UsagePlan"
PLAN_KEY: Final = "AWS::ApiGateway::UsagePlanKey"
MODEL: Final = "AWS::ApiGateway::Model"
VALIDATOR: Final = "AWS::ApiGateway::RequestValidator"
_BUILT_IN: Final = ("Empty", "Error")
_MODEL_ADDRESS = re.compile(r"https://apigateway\.amazonaws\.com/restapis/[^/]*/models/([A-Za-z0-9]+)")


def each(template: Template, type_name: str) -> dict[str, dict[str, Any]]:
    """The properties, resolved, of all resources of one type; one that cannot be had is refused."""
    found = {}
    for logical_id in template.resources:
        if template.type_of(logical_id) != type_name or logical_id in template.refused:
            continue
        try:
            found[logical_id] = template.resolved(logical_id)
        except Unresolvable as problem:
            template.refuse(logical_id, problem.message, "Resources", logical_id, "Properties", code=UNSUPPORTED)
    return found


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any, otherwise: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return otherwise


class Plans:
    """The usage plans of a template, by API."""

    def __init__(self, template: Template) -> None:
        self._keys = each(template, KEY)
        self._members = each(template, PLAN_KEY)
        self._plans = each(template, PLAN)
        for logical_id, plan in self._plans.items():
            if "Quota" in plan:
                said = "Quota is not built and left out: keys have a rate, not a number of calls in a month"
                template.unsupported(logical_id, said, "Resources", logical_id, "Properties", "Quota")

    def of(self, api: str) -> tuple[Plan, ...]:
        """Those that an API is in, with their keys."""
        found = []
        for logical_id, plan in self._plans.items():
            stages = plan.get("ApiStages")
            if isinstance(stages, list) and any(
                isinstance(stage, dict) and stage.get("ApiId") == api for stage in stages
            ):
                throttle = mapping(plan.get("Throttle"))
                rate = _number(throttle.get("RateLimit"), 0.0)
                burst = int(_number(throttle.get("BurstLimit"), max(1.0, rate)))
                name = str(plan.get("UsagePlanName", logical_id))
                found.append(Plan(name=name, keys=self._of_plan(logical_id), rate=rate, burst=burst))
        return tuple(found)

    def _of_plan(self, plan: str) -> dict[str, str]:
        ids = [str(member.get("KeyId")) for member in self._members.values() if member.get("UsagePlanId") == plan]
        keys = {key: self._keys[key] for key in ids if key in self._keys}
        enabled = {key: given for key, given in keys.items() if given.get("Enabled", True) not in (False, "false")}
        return {str(given.get("Name", key)): str(given.get("Value", "")) for key, given in enabled.items()}


class Validators:
    """The models and validators of a template."""

    def __init__(self, template: Template) -> None:
        self._validators = each(template, VALIDATOR)
        self._models = {
            str(given.get("Name", logical_id)): given.get("Schema")
            for logical_id, given in each(template, MODEL).items()
        }

    def checks(self, method: Mapping[str, Any]) -> Checks | None:
        """What a method checks, by its RequestValidatorId; None without one. Raises Unfit."""
        if method.get("RequestValidatorId") is None:
            return None
        name = str(method["RequestValidatorId"])
        if name not in self._validators:
            raise Unfit(f"there is no request validator {name}", "RequestValidatorId")
        wanted = self._validators[name]
        bodies = {}
        if str(wanted.get("ValidateRequestBody", "false")).lower() == "true":
            for kind, model in mapping(method.get("RequestModels")).items():
                if str(model) not in _BUILT_IN:
                    bodies[str(kind).lower()] = self._schema(str(model), ())
        parameters: tuple[str, ...] = ()
        if str(wanted.get("ValidateRequestParameters", "false")).lower() == "true":
            given = mapping(method.get("RequestParameters"))
            needed = [key for key, value in given.items() if str(value).lower() == "true"]
            parameters = tuple(key.removeprefix("method.request.") for key in needed)
        return Checks(bodies=bodies, parameters=parameters)

    def _schema(self, model: str, asked: tuple[str, ...]) -> Any:
        """A model's schema with the models that it refers to in it."""
        if model in asked:
            raise Unfit(f"the model {model} refers to itself, which is not built in flowd", "RequestModels")
        if model not in self._models:
            raise Unfit(f"there is no model {model}", "RequestModels")
        schema = self._models[model]
        if isinstance(schema, str):
            try:
                schema = json.loads(schema)
            except ValueError as error:
                raise Unfit(f"the Schema of the model {model} is not JSON: {error}", "RequestModels") from None
        return closed(schema, lambda address: self._referred(address, (*asked, model)))

    def _referred(self, address: str, asked: tuple[str, ...]) -> Any:
        found = _MODEL_ADDRESS.fullmatch(address)
        if found is None:
            raise Unfit(f"the model {asked[-1]} refers to {address}, which is not looked up", "RequestModels")
        return self._schema(found[1], asked)


def closed(schema: Any, referred: Callable[[str], Any]) -> Any:
    """A schema in which no `$ref` leads out of it: what does is put in its place."""
    if isinstance(schema, list):
        return [closed(item, referred) for item in schema]
    if not isinstance(schema, dict):
        return schema
    address = schema.get("$ref")
    if isinstance(address, str) and not address.startswith("#"):
        return referred(address)
    return {key: closed(value, referred) for key, value in schema.items()}

"""Targets of rules: who is told of an event, and with what."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from flowd.services.events import inputs, names, own
from flowd.services.events.tables import Rule, Tables
from flowd.services.ports import Call, Delivery, Members, ServiceError

MOST: Final = 5
_ID: Final = re.compile(r"[.\-_A-Za-z0-9]+")
#: Kinds of targets that flowd brings events to, by the service of their ARN.
KINDS: Final = ("states", "lambda", "sqs", "sns", "events")
#: What a Target may carry for kinds that are not here.
_NOT_BUILT: Final = (
    *("KinesisParameters", "RunCommandParameters", "EcsParameters", "BatchParameters", "RedshiftDataParameters"),
    *("SageMakerPipelineParameters", "AppSyncParameters"),
)


def put_targets(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    rule = names.known_rule(tables, members, "Rule")
    for target in members["Targets"]:
        check(target)
    known = {target.name for target in tables.targets(rule)} | {target["Id"] for target in members["Targets"]}
    if len(known) > MOST:
        said = f"The requested resource exceeds the maximum number allowed: {MOST} targets per rule."
        raise ServiceError("LimitExceededException", said)
    for target in members["Targets"]:
        tables.put_target(rule, target["Id"], target["Arn"], json.dumps(dict(target)))
    call.wake.append(own.RULES_CHANGED)
    return {"FailedEntryCount": 0, "FailedEntries": []}


def remove_targets(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    rule = names.known_rule(tables, members, "Rule")
    failed = [
        {
            "TargetId": name,
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"Rule {rule.name} does not have target with id {name}.",
        }
        for name in members["Ids"]
        if not tables.drop_target(rule, name)
    ]
    call.wake.append(own.RULES_CHANGED)
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


def list_targets_by_rule(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    rule = names.known_rule(tables, members, "Rule")
    after, limit = names.page(members)
    found = [target for target in tables.targets(rule) if target.name > after]
    shown, token = names.paged(found, limit)
    return {"Targets": [json.loads(target.body) for target in shown], **token}


def check(target: Mapping[str, Any]) -> None:
    """Raise ValidationException for a target that nothing can be brought to."""
    if not _ID.fullmatch(target["Id"]):
        raise names.constraint("targets.id", target["Id"], r"[\.\-_A-Za-z0-9]+")
    arn, parts = target["Arn"], target["Arn"].split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        raise names.invalid(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
    if parts[2] not in KINDS:
        raise names.invalid(f"Targets of the service {parts[2]} are not built in flowd (built: {', '.join(KINDS)}).")
    for name in _NOT_BUILT:
        if target.get(name) is not None:
            raise names.invalid(f"{name} of a target is not built in flowd.")
    if (
        parts[2] == "sqs"
        and parts[5].endswith(".fifo")
        and not (target.get("SqsParameters") or {}).get("MessageGroupId")
    ):
        raise names.invalid(f"Parameter(s) SqsParameters must be specified for target: {target['Id']}.")
    if parts[2] == "events" and not parts[5].startswith(("event-bus/", "api-destination/")):
        raise names.invalid(f"Parameter {arn} is not valid. Reason: it is no event bus and no API destination.")
    inputs.check(target)


def deliveries(tables: Tables, rule: Rule, event: Mapping[str, Any], call: Call) -> list[Delivery]:
    """What the targets of a rule get of an event."""
    arn = names.rule_arn(call, rule)
    facts = {
        "aws.events.rule-arn": arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.ingestion-time": event["time"],
    }
    return [_delivery(json.loads(target.body), event, arn, facts) for target in tables.targets(rule)]


def _filled(value: Any, event: Mapping[str, Any]) -> Any:
    """Parameters of an HTTP target, of which one that is a JSON path stands for a part of the event."""
    if isinstance(value, dict):
        return {name: _filled(inner, event) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, event) for inner in value]
    if not (isinstance(value, str) and value.startswith("$.")):
        return value
    found = inputs.part_of(event, value)
    return found if isinstance(found, str) else inputs.dumps(found)


def _delivery(target: Mapping[str, Any], event: Mapping[str, Any], source: str, facts: Mapping[str, Any]) -> Delivery:
    retry = target.get("RetryPolicy") or {}
    options: dict[str, Any] = {}
    if target.get("SqsParameters"):
        options = {"MessageGroupId": target["SqsParameters"]["MessageGroupId"], "MessageDeduplicationId": event["id"]}
    if target.get("HttpParameters"):
        options = {"http": _filled(target["HttpParameters"], event)}
    return Delivery(
        target=target["Arn"],
        body=inputs.text_for(target, event, facts),
        source=source,
        options=options,
        dead_letter=(target.get("DeadLetterConfig") or {}).get("Arn") or "",
        tries=int(retry.get("MaximumRetryAttempts", 185)) + 1,
        age_s=int(retry.get("MaximumEventAgeInSeconds", 86_400)),
    )

"""Operations on subscriptions: who gets what, filtered how. Queues and functions of this box need no confirmation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from flowd.services.ports import Call, Delivery, Members
from flowd.services.sns import envelopes, filters, names
from flowd.services.sns.names import invalid
from flowd.services.sns.tables import Subscription, Tables, Topic
from flowd.services.sns.topics import PAGE

HTTP_TRIES: Final = 50  # developer guide, "Message delivery retries": to whom SNS knows nothing of, 50 times in 6 hours
HTTP_AGE_S: Final = 21_600
_PENDING: Final = "pending confirmation"
_LONGEST_TOKEN: Final = 18  # digits: what a row's number can have
_ADDRESS = re.compile(r"[^@\s:/]+@[^@\s:/]+|[a-z][a-z0-9+.-]*://\S+")
_BOOLEANS: Final = ("true", "false")
_UNBUILT: Final = {
    "sms": "flowd sends no text messages: nothing on this box can. Use email with an address of a messenger",
    "application": "flowd sends no push messages to mobile applications",
    "firehose": "there is no Firehose in flowd",
}


def _arn_of(service: str) -> Callable[[str], bool]:
    return lambda endpoint: endpoint.startswith("arn:") and endpoint.split(":")[2:3] == [service]


#: Protocol -> whether an endpoint can be one of it.
_PROTOCOLS: Final[dict[str, Callable[[str], bool]]] = {
    "email": lambda endpoint: _ADDRESS.fullmatch(endpoint) is not None,
    "email-json": lambda endpoint: _ADDRESS.fullmatch(endpoint) is not None,
    "http": lambda endpoint: endpoint.startswith("http://"),
    "https": lambda endpoint: endpoint.startswith("https://"),
    "lambda": _arn_of("lambda"),
    "sqs": _arn_of("sqs"),
}


def subscribe(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    topic = names.find(tables, members)
    protocol, endpoint = str(members.get("Protocol") or ""), str(members.get("Endpoint") or "")
    _check_endpoint(topic, protocol, endpoint)
    given = {str(name): str(value) for name, value in (members.get("Attributes") or {}).items()}
    _check_attributes(given, protocol)
    known = tables.subscription_to(topic.arn, protocol, endpoint)
    if known is not None:
        if any(attributes(known).get(name, "") != value for name, value in given.items()):
            raise invalid("Attributes Reason: Subscription already exists with different attributes")
        return _subscribed(known, members)
    token = _token(call) if protocol.startswith("http") else ""
    made = tables.add_subscription(
        arn=f"{topic.arn}:{call.new_id()}",
        topic_arn=topic.arn,
        protocol=protocol,
        endpoint=endpoint,
        attributes=json.dumps(given),
        owner=call.account,
        token=token,
        confirmed=not token,
        created_ms=call.now_ms,
    )
    if token:
        _ask(made, call)
    return _subscribed(made, members)


def _token(call: Call) -> str:
    return (call.new_id() + call.new_id()).replace("-", "")


def _ask(subscription: Subscription, call: Call) -> None:
    body = envelopes.confirmation(subscription, call)
    headers = envelopes.headers("SubscriptionConfirmation", json.loads(body)["MessageId"], subscription, raw=False)
    call.deliveries.append(
        Delivery(
            subscription.endpoint,
            body,
            source=subscription.topic_arn,
            options={"headers": headers},
            tries=HTTP_TRIES,
            age_s=HTTP_AGE_S,
        )
    )


def _subscribed(subscription: Subscription, members: Members) -> dict[str, Any]:
    shown = subscription.confirmed or bool(members.get("ReturnSubscriptionArn"))
    return {"SubscriptionArn": subscription.arn if shown else _PENDING}


def _check_endpoint(topic: Topic, protocol: str, endpoint: str) -> None:
    if protocol in _UNBUILT:
        raise invalid(f"Protocol Reason: {_UNBUILT[protocol]}")
    accepts = _PROTOCOLS.get(protocol)
    if accepts is None:
        raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if not endpoint or not accepts(endpoint):
        raise invalid(f"Endpoint Reason: {endpoint or '(nothing)'} is no endpoint of the protocol {protocol}")
    if topic.fifo and protocol != "sqs":
        raise invalid(f"Invalid protocol type: {protocol}. A FIFO topic sends to queues only")
    if not topic.fifo and endpoint.endswith(names.FIFO):
        raise invalid(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
        )


# -- attributes ----------------------------------------------------------------------


def attributes(subscription: Subscription) -> dict[str, str]:
    """What somebody said of a subscription."""
    found: dict[str, str] = json.loads(subscription.attributes)
    return found


def _check_attributes(given: Mapping[str, str], protocol: str) -> None:
    for name, value in given.items():
        check = _ATTRIBUTES.get(name)
        if check is None:
            raise invalid(f"AttributeName Reason: Unknown attribute {name}")
        check(value, given, protocol)


def _check_filter(value: str, given: Mapping[str, str], protocol: str) -> None:
    if value:
        filters.read(value, given.get("FilterPolicyScope", "MessageAttributes"))


def _check_scope(value: str, given: Mapping[str, str], protocol: str) -> None:
    if value not in ("MessageAttributes", "MessageBody"):
        raise invalid(f"FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes")


def _check_raw(value: str, given: Mapping[str, str], protocol: str) -> None:
    if value not in _BOOLEANS:
        raise invalid("Attributes Reason: RawMessageDelivery: Invalid value: must be true or false.")
    if value == "true" and protocol not in ("sqs", "http", "https"):
        raise invalid(f"Attributes Reason: RawMessageDelivery is not supported for the protocol {protocol}.")


def _check_redrive(value: str, given: Mapping[str, str], protocol: str) -> None:
    if value and not dead_letter_of({"RedrivePolicy": value}):
        raise invalid("RedrivePolicy: deadLetterTargetArn must be the ARN of a queue")


def _check_delivery(value: str, given: Mapping[str, str], protocol: str) -> None:
    if value and _object(value) is None:
        raise invalid("Attributes Reason: DeliveryPolicy: it must be a JSON object")


def _accept(value: str, given: Mapping[str, str], protocol: str) -> None:
    return None


_ATTRIBUTES: Final[dict[str, Callable[[str, Mapping[str, str], str], None]]] = {
    "DeliveryPolicy": _check_delivery,
    "FilterPolicy": _check_filter,
    "FilterPolicyScope": _check_scope,
    "RawMessageDelivery": _check_raw,
    "RedrivePolicy": _check_redrive,
    "SubscriptionRoleArn": _accept,
}


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def dead_letter_of(given: Mapping[str, str]) -> str:
    """The queue for what cannot be delivered, or ""."""
    target = str((_object(given.get("RedrivePolicy", "")) or {}).get("deadLetterTargetArn", ""))
    return target if _arn_of("sqs")(target) else ""


def get_subscription_attributes(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    found = names.find_subscription(tables, members)
    said = attributes(found)
    shown = {
        "SubscriptionArn": found.arn,
        "TopicArn": found.topic_arn,
        "Protocol": found.protocol,
        "Endpoint": found.endpoint,
        "Owner": found.owner,
        "ConfirmationWasAuthenticated": "false" if found.token else "true",
        "PendingConfirmation": "false" if found.confirmed else "true",
        "RawMessageDelivery": "false",
    }
    if "FilterPolicy" in said:
        shown["FilterPolicyScope"] = "MessageAttributes"
    return {"Attributes": {**shown, **said}}


def set_subscription_attributes(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    found = names.find_subscription(tables, members)
    name, value = str(members.get("AttributeName") or ""), str(members.get("AttributeValue") or "")
    said = {**attributes(found), name: value}
    changed = {name: value}
    if name == "FilterPolicy":
        changed = {"FilterPolicyScope": said.get("FilterPolicyScope", "MessageAttributes"), name: value}
    elif name == "FilterPolicyScope" and said.get("FilterPolicy"):
        changed = {"FilterPolicy": said["FilterPolicy"], name: value}
    _check_attributes(changed, found.protocol)
    if value == "" or (name == "FilterPolicy" and value == "{}"):
        del said[name]
    found.attributes = json.dumps(said)
    return {}


# -- confirmed, listed, ended ----------------------------------------------------------


def confirm_subscription(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    topic = names.find(tables, members)
    token = str(members.get("Token") or "")
    found = tables.by_token(topic.arn, token) if token else None
    if found is None:
        raise invalid("Token Reason: no subscription of this topic waits for this token")
    found.confirmed = True
    return {"SubscriptionArn": found.arn}


def unsubscribe(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """One that is not there is as good as ended, as on AWS."""
    arn = str(members.get("SubscriptionArn") or "")
    if arn.count(":") != 6 or not arn.startswith("arn:"):
        raise invalid("SubscriptionArn Reason: An ARN of a subscription has seven parts, the last of them its id")
    found = tables.subscription(arn)
    if found is not None:
        tables.drop_subscription(found)
    return {}


def list_subscriptions(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    return _page(tables, None, members)


def list_subscriptions_by_topic(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    return _page(tables, names.find(tables, members).arn, members)


def _page(tables: Tables, topic_arn: str | None, members: Members) -> dict[str, Any]:
    token = str(members.get("NextToken") or "0")
    if not token.isdecimal() or len(token) > _LONGEST_TOKEN:
        raise invalid("NextToken Reason: it is none that flowd gave")
    found: Sequence[Subscription] = tables.subscriptions(topic_arn, int(token), PAGE + 1)
    answer: dict[str, Any] = {"Subscriptions": [_listed(each) for each in found[:PAGE]]}
    if len(found) > PAGE:
        answer["NextToken"] = str(found[PAGE - 1].id)
    return answer


def _listed(subscription: Subscription) -> dict[str, str]:
    return {
        "SubscriptionArn": subscription.arn if subscription.confirmed else "PendingConfirmation",
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic_arn,
    }

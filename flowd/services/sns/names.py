"""Names and ARNs of topics, and SNS's errors. A topic goes by its name, whatever region and account stand before it."""

from __future__ import annotations

import re

from flowd.services.ports import Members, ServiceError
from flowd.services.sns.tables import Subscription, Tables, Topic

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
FIFO = ".fifo"


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameter", f"Invalid parameter: {message}")


def missing(what: str) -> ServiceError:
    return ServiceError("NotFound", f"{what} does not exist", status=404)


def check_name(name: str, fifo: bool) -> None:
    bare = name.removesuffix(FIFO) if fifo else name
    if fifo and bare == name:
        raise invalid("Topic Name")
    if len(name) > 256 or _NAME.fullmatch(bare) is None:
        raise invalid("Topic Name")


def topic_name(arn: str, member: str = "TopicArn") -> str:
    """The topic's name in an ARN. Raises InvalidParameter."""
    parts = arn.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sns" or not parts[5]:
        raise invalid(
            f"{member} Reason: An ARN must have at least 6 elements, not {len(parts)}" if len(parts) < 6 else member
        )
    return parts[5]


def find(tables: Tables, members: Members, member: str = "TopicArn") -> Topic:
    """The topic that a request names."""
    topic = tables.topic(topic_name(str(members.get(member) or ""), member))
    if topic is None:
        raise missing("Topic")
    return topic


def find_subscription(tables: Tables, members: Members) -> Subscription:
    arn = str(members.get("SubscriptionArn") or "")
    if arn.count(":") != 6 or not arn.startswith("arn:"):
        raise invalid("SubscriptionArn Reason: An ARN of a subscription has seven parts, the last of them its id")
    found = tables.subscription(arn)
    if found is None:
        raise missing("Subscription")
    return found

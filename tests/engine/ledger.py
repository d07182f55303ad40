"""A service for tests: a ledger of named numbers and a queue, with everything a real one may ask of its shell."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session

from flowd.services.ports import Call, Delivery, Members, Service, ServiceError
from flowd.store import schema

QUEUE = "arn:aws:sqs:us-east-1:000000000000:jobs"


class Rows:
    """The port to its tables: numbers and texts by name."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str) -> str:
        row = self._session.get(schema.Meta, f"ledger {name}")
        return "" if row is None else row.value

    def put(self, name: str, value: str) -> None:
        self._session.merge(schema.Meta(key=f"ledger {name}", value=value))


def add(rows: Rows, members: Members, call: Call) -> dict[str, Any]:
    total = int(rows.get(members["Name"]) or 0) + int(members["Amount"])
    rows.put(members["Name"], str(total))
    if total > 100:
        raise ServiceError("TooMuch", f"{total} is too much")
    for target in members.get("Tell", ()):
        call.deliveries.append(Delivery(target, str(total), dead_letter=members.get("Dead", ""), tries=3))
    if "Later" in members:
        call.due_ms.append(call.now_ms + members["Later"])
        rows.put("tick", str(call.now_ms + members["Later"]))
    return {"Total": total, "Raw": b"\x00\xff"}


def read(rows: Rows, members: Members, call: Call) -> dict[str, Any]:
    return {"Total": int(rows.get(members["Name"]) or 0)}


def send(rows: Rows, members: Members, call: Call) -> dict[str, Any]:
    name = members["QueueUrl"].rpartition("/")[2]
    if name != "jobs":
        raise ServiceError("QueueDoesNotExist", "The specified queue does not exist.")
    said = "".join(f"[{key}={value['StringValue']}]" for key, value in members.get("MessageAttributes", {}).items())
    rows.put("jobs", rows.get("jobs") + members["MessageBody"] + said + ";")
    call.wake.append("sqs:jobs")
    return {}


def receive(rows: Rows, members: Members, call: Call) -> dict[str, Any]:
    found = rows.get("jobs")
    if not found and members.get("WaitTimeSeconds"):
        call.wait = ("sqs:jobs", int(members["WaitTimeSeconds"] * 1000))
    rows.put("jobs", "")
    return {"Messages": [text for text in found.split(";") if text]}


def tick(rows: Rows, call: Call) -> int | None:
    due = int(rows.get("tick") or 0)
    if due and due <= call.now_ms:
        rows.put("tick", "0")
        rows.put("ticked", str(call.now_ms))
        return None
    return due or None


LEDGER: Service[Rows] = Service("ledger", {"Add": add, "Read": read}, frozenset({"Read"}), tick)
QUEUES: Service[Rows] = Service("sqs", {"SendMessage": send, "ReceiveMessage": receive})

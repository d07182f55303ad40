"""A daemon in memory behind the console's own protocol: deterministic, with a line that can be cut; remembers calls."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC
from typing import Any

from console.client import Item, RemoteError, Unreachable
from tests.console import stories
from tests.console.fake_desk import FakeDesk
from tests.console.stories import ACCOUNT, NOW, ORDER

ZONE = UTC
MACHINES = ("order-fulfilment", "nightly-report", "video-encode", "disk-runbook")
ERRORS = ("Card.Busy", "States.Timeout", "Lambda.ServiceException", "States.TaskFailed")
STATUSES = ("RUNNING", "FAILED", "SUCCEEDED", "SUCCEEDED", "TIMED_OUT", "SUCCEEDED", "ABORTED", "SUCCEEDED")


def execution(number: int) -> Item:
    """The n-th execution; a higher number began later."""
    status = STATUSES[number % 8] if number < 996 else ("RUNNING", "FAILED", "SUCCEEDED", "RUNNING")[number % 4]
    machine = MACHINES[0] if number >= 996 else MACHINES[number % 4]
    name = f"{number * 2654435761 % 2**32:08x}-{number:04d}" if number % 5 else f"order-{number}"
    start = NOW - (1000 - number) * 190.7 - 13
    item: Item = {
        "id": number, "executionArn": f"{ACCOUNT}:execution:{machine}:{name}", "name": name,
        "stateMachineName": machine, "stateMachineArn": f"{ACCOUNT}:stateMachine:{machine}", "type": "STANDARD",
        "status": status, "startDate": start, "version": 1 + number % 9, "redriveCount": 0,
        "trigger": "schedule:nightly" if machine == "nightly-report" else "api",
    }  # fmt: skip
    if status == "RUNNING":
        kind = ("prompt", "task", "timer", "retry")[number // 8 % 4]
        item |= {"state": ("Approve", "Encode", "Backoff", "Charge")[number // 8 % 4], "waiting": kind}
    else:
        item["stopDate"] = start + 1.7 + number % 600
    if status in ("FAILED", "TIMED_OUT"):
        item |= {"state": "Charge", "error": "States.Timeout" if status == "TIMED_OUT" else ERRORS[number // 8 % 4]}
    return item


REFUND = {
    "type": "object",
    "required": ["decision", "amount", "approver"],
    "properties": {
        "decision": {"title": "Decision", "enum": ["approve", "reject", "escalate"]},
        "amount": {"title": "Amount CHF", "type": "number", "minimum": 0, "maximum": 500, "default": 120.5},
        "retries": {"title": "Retries", "type": "integer", "minimum": 0, "maximum": 5},
        "reason": {"title": "Reason", "type": "string", "description": "Shown to the customer."},
        "country": {"title": "Country", "enum": ["CH", "DE", "AT", "FR", "IT", "LI"], "default": "CH"},
        "notify": {"title": "Notify", "type": "boolean", "default": True},
        "channels": {"title": "Channels", "type": "array", "items": {"enum": ["mail", "sms", "push"]}},
        "approver": {
            "title": "Approver",
            "type": "object",
            "required": ["email"],
            "properties": {"email": {"title": "E-mail", "type": "string", "format": "email"}},
        },
    },
}


def prompt(short: str, **members: Any) -> Item:
    return {
        "id": short, "kind": "prompt", "queue": "sales", "title": "Approve the order", "state": "Approve",
        "executionArn": execution(1000)["executionArn"], "executionName": execution(1000)["name"],
        "stateMachineName": "order-fulfilment", "askedAt": NOW - 1740, "input": '{"order": "4711", "total": 1250.5}',
    } | members  # fmt: skip


class FakeDaemon(FakeDesk):
    """Answers like the daemon. `calls` remembers what was asked of it that changes something."""

    def __init__(self, amount: int = 1000) -> None:
        super().__init__()
        self.rows = [execution(number) for number in range(amount, 0, -1)]
        self.up = True
        self.calls: list[tuple[Any, ...]] = []
        self.database = "db-1"
        self.cursor = 1
        self.changes: list[Item] = []
        self.open = [
            prompt("7f3a", title="Approve the refund", message="Customer 4711 asks CHF 120.50 back.", schema=REFUND,
                   dueAt=NOW + 720, queue="refunds", assignees=["eva"]),
            prompt("19c2", message="More than CHF 1000. Ship it?"),
            prompt("55e0", title="Name the release", choices=["1.9", "2.0"], askedAt=NOW - 90_000, dueAt=NOW - 4000,
                   groups=["ops"], yourGroups=["ops"]),
            prompt("a001", kind="token", title="", queue="", state="WaitForPartner", askedAt=NOW - 40),
        ]  # fmt: skip
        self.closed: list[Item] = [
            prompt("0b11", answer={"output": '{"decision":"approve"}', "by": "eva", "at": NOW - 600})
        ]
        self.paused = {"sync"}
        self.refuse: RemoteError | None = None
        self.problems: list[str] = []
        self._news = asyncio.Event()
        self.awake = asyncio.Event()  # cleared: it hangs, and says nothing to whoever asks how it is
        self.awake.set()

    # -- the line

    def cut(self) -> None:
        """The daemon is gone; a waiting Watch ends at once."""
        self.up = False
        self._news.set()

    def mend(self, database: str = "db-1") -> None:
        self.up, self.database = True, database

    def tell(self, *changes: Item) -> None:
        """News for the next Watch."""
        self.changes += changes
        self.cursor += 1
        self._news.set()

    def check(self) -> None:
        self._check()

    def matching(self, text: str) -> list[Item]:
        return self._matching(text)

    def _check(self) -> None:
        if not self.up:
            raise Unreachable("no daemon answers on flowd.sock (refused); start one with `flowd serve`")

    def _write(self, *call: Any) -> None:
        self._check()
        if self.refuse is not None:
            raise self.refuse
        self.calls.append(call)

    async def watch(self, cursor: Any) -> Item:
        self._check()
        while not self.changes and self.up:
            self._news.clear()
            await self._news.wait()
        self._check()
        changes, self.changes = self.changes, []
        return {"databaseId": self.database, "cursor": self.cursor, "resync": False, "changes": changes}

    async def health(self) -> Item:
        await self.awake.wait()
        self._check()
        return {
            "version": "0.1.0", "pid": 812, "startedAt": NOW - 274_200, "now": NOW, "databaseId": self.database,
            "cursor": self.cursor, "dataDirectory": "/var/lib/flowd", "workflowsDirectory": "/srv/workflows",
            "listeners": ["unix:/run/flowd/flowd.sock", "http://127.0.0.1:8083"], "databaseBytes": 352_000_000,
            "walBytes": 4_100_000, "executions": (await self.count(""))["counts"], "openPrompts": 3,
            "rejectedFiles": 1, "machines": 4, "schedules": 3, "deadlines": 4102, "nextDeadline": NOW + 41,
            "runner": {"status": "up"}, "writable": True, "problems": self.problems,
        }  # fmt: skip

    # -- executions

    def _matching(self, text: str) -> list[Item]:
        rows = self.rows
        for word in text.split():
            key, colon, value = word.partition(":")
            if not colon:
                rows = [row for row in rows if word in row["name"]]
            elif key == "status":
                rows = [row for row in rows if row["status"].lower() in value.split(",")]
            elif key == "machine":
                rows = [row for row in rows if row["stateMachineName"].startswith(value.rstrip("*"))]
            else:
                raise RemoteError("ValidationException", f"unknown word in the filter: {word}")
        return rows

    async def executions(self, text: str, before: int | None, limit: int, skip: int = 0) -> Item:
        self._check()
        rows = [row for row in self._matching(text) if before is None or row["id"] < before][skip:]
        page = rows[:limit]
        return {"executions": page, **({"next": page[-1]["id"]} if len(rows) > limit else {})}

    async def count(self, text: str) -> Item:
        self._check()
        counts: dict[str, int] = {}
        for row in self._matching(text):
            counts[row["status"]] = counts.get(row["status"], 0) + 1
        return {"counts": counts, "total": sum(counts.values())}

    def _find(self, arn: str) -> Item:
        found = next((row for row in self.rows if row["executionArn"] == arn), None)
        if found is None:
            raise RemoteError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return found

    def _story(self, row: Item) -> stories.Story:
        if row["status"] == "RUNNING":
            return stories.waiting(NOW - 420)
        return (stories.failed if row["status"] == "FAILED" else stories.succeeded)(row["startDate"])

    async def execution(self, arn: str) -> Item:
        self._check()
        row = self._find(arn)
        story = self._story(row)
        item = row | {"input": '{"order": "4711", "total": 1250.5}', "definition": json.dumps(ORDER)}
        item |= {"openTasks": [], "timers": [], "startDate": story.events[0]["timestamp"]}
        if row["status"] == "RUNNING":
            item["openTasks"] = [{
                "frame": "0", "attempt": 5, "state": "Approve", "resource": f"{ACCOUNT}:activity:sales",
                "status": "STARTED", "scheduledAt": NOW - 300, "worker": "flowd-inbox", "promptId": "19c2",
                "timeoutAt": NOW + 86_000,
            }]  # fmt: skip
            return item | {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": "Execution is RUNNING"}
        item["stopDate"] = story.events[-1]["timestamp"]
        if row["status"] == "FAILED":
            details = story.events[-1]["executionFailedEventDetails"]
            return item | {"error": details["error"], "cause": details["cause"], "redriveStatus": "REDRIVABLE"}
        return item | {"output": '{"parcel": "P-77"}', "redriveStatus": "NOT_REDRIVABLE"}

    async def history(self, arn: str, after: int) -> Item:
        self._check()
        events = [event for event in self._story(self._find(arn)).events if event["id"] > after]
        return {"events": events[:1000], "last": events[-1]["id"] if events else after, "more": len(events) > 1000}

    async def task_output(self, arn: str) -> list[Item]:
        self._check()
        return [
            {"frame": "0", "attempt": 1, "state": "CheckOrder", "at": NOW - 419, "text": "checking 4711\nok\n",
             "truncated": False},
            {"frame": "0/3.0", "attempt": 2, "state": "Charge", "at": NOW - 350,
             "text": "\x1b[31mbusy\x1b[0m\t[red]not markup[/red]\nretrying", "truncated": True},
        ]  # fmt: skip

    async def test_state(self, definition: str, members: Item) -> Item:
        self._check()
        if "roleArn" not in members:
            raise RemoteError("ValidationException", "this daemon in memory works nothing out")
        self._write("test", members["stateName"], members["input"])
        return {"status": "SUCCEEDED", "output": '{"fine": true}', "nextState": "Done", "inspectionData": {}}

    async def validate(self, definition: str) -> Item:
        self._check()
        if "Nowhere" not in definition:
            return {"result": "OK", "diagnostics": []}
        wrong = {"severity": "ERROR", "code": "MISSING_TRANSITION_TARGET", "message": "Missing target: Nowhere"}
        return {"result": "FAIL", "diagnostics": [wrong]}

    async def update_machine(self, arn: str, definition: str) -> Item:
        self._write("update", arn, definition)
        return {"updateDate": NOW}

    async def fork(self, arn: str, members: Item) -> Item:
        self._check()
        state = members.get("state", "CheckOrder")
        plan = {"state": state, "willRun": [state, "Done"], "input": '{"order": "4711"}', "variables": '{"n": 2}'}
        if not members.get("dryRun"):
            self._write("fork", arn, members)
        return {"executionArn": self.rows[1]["executionArn"], "startDate": NOW, **plan}

    async def retry_now(self, arn: str) -> Item:
        self._write("retry_now", arn)
        return {"retried": 1}

    async def heartbeat(self, prompt: str) -> Item:
        self._write("heartbeat", prompt)
        return {}

    async def start(self, machine_arn: str, document: str, name: str) -> Item:
        self._write("start", machine_arn, document, name)
        return {"executionArn": self.rows[0]["executionArn"], "startDate": NOW}

    async def start_again(self, arn: str, document: str) -> Item:
        self._write("again", arn, document)
        return {"executionArn": self.rows[0]["executionArn"], "startDate": NOW}

    async def redrive(self, arn: str) -> Item:
        self._write("redrive", arn)
        return {"redriveDate": NOW}

    async def stop(self, arn: str, error: str, cause: str) -> Item:
        self._write("stop", arn, error, cause)
        return {"stopDate": NOW}

    # -- people

    async def prompts(self, closed: bool) -> list[Item]:
        self._check()
        return list(self.closed if closed else self.open)

    async def answer(self, prompt: str, output: str, comment: str) -> Item:
        self._write("answer", prompt, json.loads(output), comment)
        self.open = [item for item in self.open if item["id"] != prompt]
        self.tell({"kind": "prompt", "id": prompt})
        return {"id": prompt, "by": "you", "at": NOW, "repeated": False}

    async def fail(self, prompt: str, error: str, cause: str) -> Item:
        self._write("fail", prompt, error, cause)
        self.open = [item for item in self.open if item["id"] != prompt]
        return {"id": prompt, "by": "you", "at": NOW}

    # -- the rest

    async def machines(self) -> list[Item]:
        self._check()
        found = []
        for place, name in enumerate(MACHINES):
            counts = (await self.count(f"machine:{name}"))["counts"]
            day = {"succeeded": 812 - place, "failed": 19 if not place else 0, "p95Seconds": 4.2 + 300 * place,
                   "hours": [place + hour * hour % 37 for hour in range(24)]}  # fmt: skip
            plans = [{key: plan[key] for key in ("name", "expression", "state")} for plan in await self.schedules()]
            more: Item = {"day": day} if place < 3 else {}
            more |= {"schedules": plans[:2]} if name == "nightly-report" else {}
            routing = [{"version": 9, "weight": 90}, {"version": 8, "weight": 10}]
            more |= {"aliases": [{"name": "live", "routing": routing, "updatedAt": NOW - 600}]} if not place else {}
            found.append(more | {
                "name": name, "stateMachineArn": f"{ACCOUNT}:stateMachine:{name}", "type": "STANDARD",
                "status": "ACTIVE", "version": 9 - place, "states": 12 - place, "counts": counts, "owner": "file",
                "source": f"{name}.asl.json", "updatedAt": NOW - 4000 * place - 60,
            })  # fmt: skip
        return found

    async def machine(self, arn: str) -> Item:
        self._check()
        return {"stateMachineArn": arn, "definition": json.dumps(ORDER)}

    async def files(self) -> list[Item]:
        self._check()
        told = [
            {"severity": "ERROR", "code": "MISSING_TRANSITION_TARGET", "message": 'Missing "Next" target: Lod',
             "location": "/States/Load/Next", "line": 41, "column": 17},
            {"severity": "WARNING", "code": "NO_PATH", "message": "Old is never reached", "line": 60, "column": 5},
        ]  # fmt: skip
        return [
            {"path": "etl.asl.json", "kind": "machine", "status": "rejected", "updatedAt": NOW, "diagnostics": told},
            {"path": "order-fulfilment.asl.json", "kind": "machine", "status": "loaded", "updatedAt": NOW,
             "diagnostics": []},
        ]  # fmt: skip

    async def schedules(self) -> list[Item]:
        self._check()
        return [
            self._schedule("nightly", "cron(0 2 * * ? *)", "Europe/Zurich", 24_351, status="SUCCEEDED", at=62_000),
            self._schedule("sync", "rate(15 minutes)", "UTC", 240, status="FAILED", at=600),
            self._schedule("year-end", "at(2026-12-31T23:00:00)", "Europe/Zurich", 3_300_000),
        ]

    def _schedule(self, name: str, expression: str, zone: str, seconds: float, status: str = "", at: float = 0) -> Item:
        item: Item = {
            "name": name, "stateMachineName": "nightly-report", "expression": expression, "timezone": zone,
            "input": '{"day": "yesterday"}', "state": "DISABLED" if name in self.paused else "ENABLED",
            "next": [NOW + seconds + 86_400 * day for day in range(1 if "at(" in expression else 5)],
            "missed": "last", "overlap": "skip", "source": "template.yaml",
        }  # fmt: skip
        if status:
            item["last"] = {"at": NOW - at, "executionArn": self.rows[3]["executionArn"], "status": status}
        return item

    async def schedule(self, verb: str, name: str) -> Item:
        self._write(verb, name)
        if verb != "Run":
            (self.paused.add if verb == "Pause" else self.paused.discard)(name)
        return {"name": name, "state": "DISABLED" if name in self.paused else "ENABLED"}

    async def queues(self) -> list[Item]:
        self._check()
        return [
            {"name": "sales", "depth": 0, "pollers": 0, "openPrompts": 2},
            {"name": "encode", "depth": 41, "oldestAt": NOW - 542, "pollers": 0, "openPrompts": 0},
            {"name": "charge", "depth": 2, "oldestAt": NOW - 2, "pollers": 3, "openPrompts": 0},
        ]

    async def close(self) -> None:
        self.cut()

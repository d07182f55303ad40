"""The operators' side of the fake daemon: batches, holds, views, metrics. One method for each operation."""

from __future__ import annotations

from typing import Any

from console.client import Item, RemoteError
from tests.console.stories import ACCOUNT, NOW

HELD = ("claimedBy", "claimedUntil", "assignedTo", "assignedBy", "reminded")


class FakeDesk:
    """What `ask` answers. `asked` remembers every operation that changes something."""

    rows: list[Item]
    open: list[Item]

    def __init__(self) -> None:
        self.asked: list[tuple[str, Item]] = []
        self.attached: list[Item] = []
        self.drafts: dict[str, str] = {}
        self.remarks: dict[str, list[Item]] = {}
        self.views = [{"name": "failed today", "filter": "status:failed", "savedAt": NOW}]
        self.batches: list[Item] = [
            batch(3, status="RUNNING", total=60_014, done=21_333, failed=12),
            batch(2, verb="stop", status="CANCELLED", total=400, done=120, filter="machine:video-*", by="bob",
                  reason="wrong codec", cancelledBy="bob", startedAt=NOW - 9000, endedAt=NOW - 8900),
            batch(1, status="DONE", total=8, done=8, startedAt=NOW - 90_000, endedAt=NOW - 89_000, reason="retry"),
        ]  # fmt: skip

    def matching(self, text: str) -> list[Item]:
        raise NotImplementedError

    def check(self) -> None:
        raise NotImplementedError

    async def ask(self, operation: str, **members: Any) -> Item:
        self.check()
        found: Item = getattr(self, f"ask_{operation}")(members)
        return found

    async def states(self, operation: str, **members: Any) -> Item:
        self.check()
        self._did(operation, members)
        return {}

    def _did(self, operation: str, members: Item) -> None:
        self.asked.append((operation, members))

    def ask_Attend(self, members: Item) -> Item:
        return {"you": "you", "attached": self.attached}

    def _prompt(self, members: Item) -> Item:
        found = next((each for each in self.open if each["id"] == members["id"]), None)
        if found is None:
            raise RemoteError("ResourceNotFound", f"there is no open prompt '{members['id']}'")
        return found

    def ask_GetPrompt(self, members: Item) -> Item:
        held = {key: value for key, value in self._prompt(members).items() if key in HELD}
        draft = {"draft": {"body": self.drafts[members["id"]], "at": NOW}} if members["id"] in self.drafts else {}
        return {"id": members["id"], **held, "comments": self.remarks.get(members["id"], []), **draft}

    def ask_ClaimPrompt(self, members: Item) -> Item:
        found = self._prompt(members)
        by = found.get("claimedBy")
        if by not in (None, "you") and not members.get("force"):
            raise RemoteError("ConflictException", f"'{members['id']}' is claimed by {by}", {"by": by})
        self._did("ClaimPrompt", members)
        found |= {"claimedBy": "you", "claimedUntil": NOW + 900}
        return found

    def ask_ReleasePrompt(self, members: Item) -> Item:
        self._did("ReleasePrompt", members)
        self._prompt(members).pop("claimedBy", None)
        return {"id": members["id"]}

    def ask_AssignPrompt(self, members: Item) -> Item:
        self._did("AssignPrompt", members)
        found = self._prompt(members)
        found |= {"assignedTo": members.get("to"), "assignedBy": "you"}
        return found

    def ask_PostponePrompt(self, members: Item) -> Item:
        self._did("PostponePrompt", members)
        found = self._prompt(members)
        found |= {"laterUntil": members["until"]} if "until" in members else {}
        return found

    def ask_CommentPrompt(self, members: Item) -> Item:
        self._did("CommentPrompt", members)
        self.remarks.setdefault(members["id"], []).append({"by": "you", "at": NOW, "text": members["text"]})
        self._prompt(members)["comments"] = len(self.remarks[members["id"]])
        return {"id": members["id"]}

    def ask_SaveDraft(self, members: Item) -> Item:
        self._prompt(members)
        self.drafts[members["id"]] = members["body"]
        return {"id": members["id"], "at": NOW}

    def ask_ListBatches(self, members: Item) -> Item:
        return {"batches": self.batches}

    def ask_GetBatch(self, members: Item) -> Item:
        found = next(each for each in self.batches if each["id"] == members["id"])
        error = "ExecutionNotRedrivable: Execution has exceeded the redrivable period"
        return found | {"errors": [{"error": error, "count": found["failed"]}] if found["failed"] else []}

    def ask_ListBatchItems(self, members: Item) -> Item:
        chosen = {"FAILED": self.rows[3:5], "PENDING": self.rows[5:9], "DONE": self.rows[9:14]}[members["state"]]
        problem = {"problem": "ExecutionNotRedrivable: Execution has exceeded the redrivable period"}
        extra = problem if members["state"] == "FAILED" else {}
        return {"items": [{"state": members["state"], "execution": row, **extra} for row in chosen]}

    def ask_StartBatch(self, members: Item) -> Item:
        if "filter" in members:
            rows = self.matching(members["filter"])
        else:
            rows = [row for row in self.rows if row["id"] in members["ids"]]
        counts: dict[str, int] = {}
        for row in rows:
            counts[row["status"]] = counts.get(row["status"], 0) + 1
        wanted = ("RUNNING",) if members["verb"] != "redrive" else ("FAILED", "TIMED_OUT", "ABORTED")
        if members.get("dryRun"):
            return {"counts": counts, "matches": len(rows), "applies": sum(counts.get(name, 0) for name in wanted)}
        self._did("StartBatch", members)
        self.batches.insert(0, batch(4, verb=members["verb"], reason=members["reason"], total=len(rows), done=0))
        return self.batches[0]

    def ask_CancelBatch(self, members: Item) -> Item:
        self._did("CancelBatch", members)
        found = next(each for each in self.batches if each["id"] == members["id"])
        found |= {"status": "CANCELLED", "cancelledBy": "you"}
        return found

    def ask_ListDeadLetters(self, members: Item) -> Item:
        return {
            "groups": [
                dead("order-fulfilment", "Charge", "CardDeclined", 19, 60),
                dead("video-encode", "Encode", "States.Timeout", 4, 4000),
                dead("nightly-report", "Load", "", 1, 90_000),
            ]
        }

    def ask_ListDeploys(self, members: Item) -> Item:
        return {"deploys": [deploy("order-fulfilment", 9, 60, "eva"), deploy("order-fulfilment", 8, 90_000, ""),
                            deploy("nightly-report", 3, 200_000, "")]}  # fmt: skip

    def ask_ListAudit(self, members: Item) -> Item:
        arn = self.rows[3]["executionArn"]
        return {
            "entries": [
                {"id": 3, "at": NOW - 60, "who": "eva", "verb": "RedriveExecution", "target": arn,
                 "detail": "batch 3: the bank is back"},
                {"id": 2, "at": NOW - 90, "who": "bob", "verb": "PauseSchedule", "target": "sync"},
                {"id": 1, "at": NOW - 90_000, "who": "eva", "verb": "AnswerPrompt", "target": f"{arn} Approve",
                 "detail": '{"decision": "approve"}'},
            ]
        }  # fmt: skip

    def ask_ReadLog(self, members: Item) -> Item:
        after = members.get("after") or 0
        lines = [
            ("INFO", "flowd.core", "recovered: 3 open calls, 0 EXPRESS executions start over"),
            ("INFO", "flowd.api.server", "serving on /run/flowd/flowd.sock"),
            ("WARNING", "flowd.engine.schedules", "schedule nightly: runs were missed before 02:00; policy: last"),
            ("ERROR", "flowd.engine.hooks", "notice dropped after 12 tries: \x1b[31mevil\x1b[0m [red]"),
        ]
        found = [
            {"id": place, "at": NOW - 300 + 60 * place, "level": level, "logger": logger, "text": text}
            for place, (level, logger, text) in enumerate(lines, 1)
        ]
        return {"lines": [line for line in found if int(str(line["id"])) > after]}

    def ask_ListViews(self, members: Item) -> Item:
        return {"views": self.views}

    def ask_SaveView(self, members: Item) -> Item:
        if not members["name"]:
            raise RemoteError("ValidationException", "a view's name has 1 to 64 printable characters")
        self._did("SaveView", members)
        self.views.append(members | {"savedAt": NOW})
        return {"name": members["name"]}

    def ask_PauseSchedules(self, members: Item) -> Item:
        self._did("PauseSchedules", members)
        return {"names": members.get("names") or ["nightly", "year-end"]}

    def ask_BackfillSchedule(self, members: Item) -> Item:
        times = [members["since"] + 86_400 * day for day in range(3)]
        if members.get("dryRun"):
            return {"name": members["name"], "times": times}
        self._did("BackfillSchedule", members)
        return {"name": members["name"], "times": times, "started": ["a", "b"]}

    def ask_GetMetrics(self, members: Item) -> Item:
        minutes = [
            {
                "at": NOW - 60 * (59 - i),
                "started": i * 7 % 13,
                "succeeded": i * 5 % 11,
                "failed": 3 if i % 17 == 4 else 0,
            }
            for i in range(60)
        ]
        return {"minutes": minutes, "medianSeconds": 1.2, "p95Seconds": 42.0, "queueOldestAt": NOW - 542}


def batch(number: int, **members: Any) -> Item:
    return {
        "id": number, "verb": "redrive", "filter": "status:failed", "reason": "the bank is back", "by": "eva",
        "status": "RUNNING", "total": 10, "done": 0, "failed": 0, "startedAt": NOW - 120,
    } | members  # fmt: skip


def dead(machine: str, state: str, error: str, count: int, last: float) -> Item:
    item: Item = {
        "stateMachineName": machine, "state": state, "count": count, "firstAt": NOW - 100_000, "lastAt": NOW - last,
        "latestArn": f"{ACCOUNT}:execution:{machine}:x", "filter": f"status:failed machine:{machine}",
    }  # fmt: skip
    return item | ({"error": error} if error else {})


def deploy(machine: str, version: int, ago: float, by: str) -> Item:
    item: Item = {
        "stateMachineName": machine, "stateMachineVersionArn": f"{ACCOUNT}:stateMachine:{machine}:{version}",
        "version": version, "at": NOW - ago, "source": f"{machine}.asl.json", "owner": "file",
        "current": version != 8,
    }  # fmt: skip
    return item | ({"by": by} if by else {})

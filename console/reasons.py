"""Why something cannot be done now: what the answer depends on, and the answers. Pure.

A reason is "" where there is none; else it ends the sentence that tells the verb.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Situation(NamedTuple):
    """What the answer to "may I, now?" depends on."""

    connected: bool = True
    readonly: bool = False
    item: dict[str, Any] | None = None
    state: Any = None  # the outline's row of the selected state, on the screen of an execution
    past: bool = False  # an execution is looked at as it was
    marked: bool = False  # rows are marked


Why = Callable[[Situation], str]


def writes(now: Situation) -> str:
    if now.readonly:
        return "the console is read-only"
    return "" if now.connected else "no daemon answers"


def row(now: Situation) -> str:
    return "" if now.item is not None else "nothing is selected"


def running(now: Situation) -> str:
    return row(now) or ("" if now.item and now.item.get("status") == "RUNNING" else "it is not running")


_INSTEAD = {"SWF": "start the workflow again", "EXPRESS": "N runs it again"}


def redrivable(now: Situation) -> str:
    if now.item is None:
        return "nothing is selected"
    if now.item.get("type") in ("SWF", "EXPRESS"):
        return f"AWS has no redrive of {now.item['type']} executions; {_INSTEAD[now.item['type']]}"
    if now.item.get("redriveStatus") == "NOT_REDRIVABLE":
        return str(now.item.get("redriveStatusReason") or "it cannot be redriven")
    refused = {"RUNNING": "it is still running", "SUCCEEDED": "it succeeded, nothing is left to do"}
    return refused.get(str(now.item.get("status")), "")


def state(now: Situation) -> str:
    return row(now) or ("" if now.state is not None and now.state.type else "no state is selected")


def open_task(now: Situation) -> str:
    return writes(now) or running(now) or ("" if now.item and now.item.get("openTasks") else "no task is open")


def backing_off(now: Situation) -> str:
    timers = (now.item or {}).get("timers") or []
    waits = any(timer.get("purpose") == "retry" for timer in timers)
    return writes(now) or running(now) or ("" if waits else "nothing waits for a retry")


def looking_back(now: Situation) -> str:
    return "" if now.past else "press t first, to look back"


def machine(now: Situation) -> str:
    return row(now) or ("" if now.item and "stateMachineArn" in now.item else "the file was rejected")


def scheduled(now: Situation) -> str:
    return machine(now) or ("" if (now.item or {}).get("schedules") else "nothing starts it by itself: no schedule")


def versioned(now: Situation) -> str:
    return machine(now) or ("" if (now.item or {}).get("version") else "no version of it is published")


def undeployable(now: Situation) -> str:
    item = now.item or {}
    if told := writes(now) or row(now):
        return told
    if "stateMachineArn" not in item or item.get("owner") != "api":
        return f"it is deployed by its file: remove {item.get('source') or item.get('path')}"
    return ""


def superseded(now: Situation) -> str:
    item = now.item or {}
    if "version" not in item:
        return row(now) or "the file was rejected"
    return "it is in force" if item.get("current") else ""


def marked_or(why: Why) -> Why:
    """Marked rows are looked at by the daemon, one by one; the row under the cursor is looked at here."""
    return lambda now: writes(now) or ("" if now.marked else why(now))


def going(now: Situation) -> str:
    status = (now.item or {}).get("status")
    return row(now) or ("" if status in ("COLLECTING", "RUNNING") else "it is over")


def unanswered(now: Situation) -> str:
    return row(now) or ("it is answered already" if now.item and now.item.get("answer") else "")


def held(now: Situation) -> str:
    return writes(now) or unanswered(now)


def decidable(now: Situation) -> str:
    """Answered with a word: a prompt without a form of its own, and with no choices but these."""
    told = held(now)
    if told or now.item is None:
        return told
    if now.item.get("kind") != "prompt" or now.item.get("schema") or now.item.get("choices"):
        return "it has a form of its own, press enter"
    return ""


def all_of(*whys: Why) -> Why:
    """The first reason of several."""
    return lambda now: next((told for why in whys if (told := why(now))), "")

"""What a state's data became at each stage of one visit, as its history tells. Pure.

What the history does not hold (after InputPath, ResultSelector, ResultPath) the daemon works out with TestState; see
`trial_of` for what is asked and `merged` for what is made of the answer.
"""

from __future__ import annotations

import json
from datetime import tzinfo
from typing import Any, NamedTuple

from console.client import Item
from console.journal import details_of, message_of
from console.jsonlines import parse
from console.text import block, clean, clock, took

Lines = tuple[tuple[str, str], ...]

#: Stages in the order in which data goes through them, and the words for them.
ORDER: dict[str, str] = {
    "input": "input", "afterInputPath": "InputPath", "afterItemsPath": "items", "afterArguments": "arguments",
    "afterParameters": "parameters", "sent": "sent", "result": "result", "afterResultSelector": "selector",
    "afterResultPath": "ResultPath", "assigned": "assigned", "output": "output", "tries": "tries", "log": "log",
}  # fmt: skip
#: What a stage is compared with; the others stand for themselves.
BASE: dict[str, str] = {
    "afterInputPath": "input", "afterItemsPath": "afterInputPath", "afterArguments": "input",
    "afterParameters": "afterInputPath", "afterResultSelector": "result", "afterResultPath": "input", "output": "input",
}  # fmt: skip
#: Types a mocked TestState takes.
MOCKED = frozenset({"Task", "Map", "Parallel"})
PLAIN = frozenset({"Pass", "Choice"})


class Stage(NamedTuple):
    """One stage: a value, or lines of text. `worked_out` if the history does not hold it."""

    name: str
    value: Any = None
    lines: Lines = ()
    worked_out: bool = False

    @property
    def title(self) -> str:
        return ORDER.get(self.name, self.name)


def base_of(stage: Stage, found: list[Stage]) -> Stage | None:
    """The stage that a stage is compared with, or the one before that if it is not there."""
    by_name = {each.name: each for each in found}
    name = BASE.get(stage.name, "")
    while name and name not in by_name:
        name = BASE.get(name, "")
    return by_name.get(name)


def stages(events: list[Item], zone: tzinfo | None = None) -> list[Stage]:
    """The stages that the events of one visit hold."""
    found: dict[str, Stage] = {}
    for event in events:
        details, kind = details_of(event), event["type"]
        if kind.endswith("StateEntered"):
            _put(found, "input", details.get("input"))
        elif kind.endswith("Scheduled"):
            _put(found, "sent", details.get("parameters") or details.get("input"))
        elif kind.endswith("Succeeded") and "output" in details:
            _put(found, "result", details["output"])
        elif kind.endswith("Completed"):  # SWF
            _put(found, "result", details.get("result"))
        elif kind.endswith("StateExited"):
            assigned = details.get("assignedVariables")
            if isinstance(assigned, dict):
                found["assigned"] = Stage("assigned", {name: parse(text)[0] for name, text in assigned.items()})
            _put(found, "output", details.get("output"))
    if lines := tries(events, zone):
        found["tries"] = Stage("tries", lines=lines)
    return ordered(found)


def _put(found: dict[str, Stage], name: str, text: Any) -> None:
    if isinstance(text, str):
        found[name] = Stage(name, parse(text)[0])


def ordered(found: dict[str, Stage]) -> list[Stage]:
    return [found[name] for name in ORDER if name in found]


def tries(events: list[Item], zone: tzinfo | None) -> Lines:
    """The attempts of a Task, each with how long it took and how it went wrong."""
    lines: list[tuple[str, str]] = []
    began = number = 0.0
    for event in events:
        kind, details = event["type"], details_of(event)
        if kind.endswith("Scheduled"):
            number += 1
            began = event["timestamp"]
            lines.append(
                (f"attempt {number:.0f}   {clock(began, zone)}   {clean(details.get('resource', ''))}", "bold")
            )
        elif kind.endswith("Started") and details.get("workerName"):
            lines.append((f"  taken by {clean(details['workerName'])} after {took(event['timestamp'] - began)}", "dim"))
        elif number and kind.endswith(("Succeeded", "Completed")):
            lines.append((f"  ✓ succeeded after {took(event['timestamp'] - began)}", "ok"))
        elif kind.endswith(("Failed", "TimedOut")):
            after = f" after {took(event['timestamp'] - began)}" if began else ""
            error = (
                details.get("error")
                or details.get("reason")
                or ("States.Timeout" if kind.endswith("TimedOut") else "failed")
            )
            lines.append((f"  ✗ {clean(error)}{after}", "bad"))
            lines += [(f"    {line}", "") for line in _cause(details.get("cause") or details.get("details"))]
    return tuple(lines)


def _cause(cause: Any) -> list[str]:
    """The lines of a cause: the message, then the stack trace if there is one."""
    if not cause:
        return []
    told = parse(cause)[0] if isinstance(cause, str) and cause.startswith("{") else None
    trace = told.get("stackTrace", told.get("traceback")) if isinstance(told, dict) else None
    lines = block(message_of(cause))
    if isinstance(trace, str):
        lines += block(trace)
    if isinstance(trace, list):
        lines += [line for each in trace for line in block(each if isinstance(each, str) else json.dumps(each))]
    return [line for line in lines if line.strip()][:200]


def log(outputs: list[Item], frame: str, state: str) -> Stage | None:
    """What the visit's task printed."""
    lines: list[tuple[str, str]] = []
    own = [output for output in outputs if output.get("frame") == frame and output.get("state") == state]
    for number, output in enumerate(own, 1):
        if len(own) > 1:
            lines.append((f"── output {number} of {len(own)} ──", "accent"))
        lines += [(line, "") for line in block(str(output.get("text", "")).removesuffix("\n"))]
    return Stage("log", lines=tuple(lines)) if lines else None


# -- what the history does not hold ------------------------------------------------


def trial_of(name: str, type: str, found: list[Stage], variables: dict[str, Any]) -> dict[str, Any] | None:
    """Members of a TestState request that go through the stages again without doing the work; None if it cannot."""
    by_name = {stage.name: stage.value for stage in found}
    if "input" not in by_name or not (type in PLAIN or (type in MOCKED and "result" in by_name)):
        return None
    members: dict[str, Any] = {
        "stateName": name, "input": json.dumps(by_name["input"]), "inspectionLevel": "TRACE",
    }  # fmt: skip
    if type in MOCKED:
        members["mock"] = {"result": json.dumps(by_name["result"]), "fieldValidationMode": "NONE"}
    if variables:
        members["variables"] = json.dumps(variables)
    return members


def merged(found: list[Stage], answer: Item) -> list[Stage]:
    """The stages with those that a trial has worked out; what the history holds stands as it is."""
    by_name = {stage.name: stage for stage in found}
    data = answer.get("inspectionData") or {}
    for name, text in data.items():
        if name in ORDER and name not in by_name and isinstance(text, str):
            value, wrong = parse(text)
            if not wrong:
                by_name[name] = Stage(name, value, worked_out=True)
    kept: list[Stage] = []
    for stage in ordered(by_name):
        if kept and not stage.lines and kept[-1].value == stage.value:
            if stage.worked_out:
                continue  # what was worked out is worth a look only where it is something else
            if kept[-1].worked_out:
                kept.pop()
        kept.append(stage)
    return kept


def variables_before(events: list[Item], visit_entered: int, frame: str) -> dict[str, Any]:
    """The variables in force when a frame's visit began: those assigned before in it and in the frames around it."""
    found: dict[str, Any] = {}
    for event in events:
        if event["id"] >= visit_entered:
            break
        own = event.get("frame", "0")
        if event["type"].endswith("StateExited") and (frame == own or frame.startswith(own + "/")):
            assigned = details_of(event).get("assignedVariables")
            if isinstance(assigned, dict):
                found |= {name: parse(text)[0] for name, text in assigned.items()}
    return found

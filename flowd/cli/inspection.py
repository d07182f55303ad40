"""Commands that look into one execution: show, history, logs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from flowd.cli.command import OK, Command, connect, json_flag, socket_option
from flowd.cli.executions import standing
from flowd.cli.output import block, cause_text, clean, complain, fine_moment, moment, print_json, print_table, span
from flowd.cli.targets import execution_argument, execution_arn
from flowd.client import Client

_PAGE = 1000
_OBJECTS = ("EventDetails", "EventAttributes")  # of Step Functions and of SWF
_NAMES = (
    *("name", "resource", "error", "cause", "workerName"),
    *("activityId", "timerId", "signalName", "markerName", "workflowId", "identity", "timeoutType", "reason"),
)
_OPEN = {
    "openActivityTasks": "activities",
    "openDecisionTasks": "decision",
    "openTimers": "timers",
    "openChildWorkflowExecutions": "children",
    "openLambdaFunctions": "functions",
}
_LONGEST = 100  # characters of a detail in a table


def _arguments(parser: argparse.ArgumentParser) -> None:
    execution_argument(parser)
    json_flag(parser)
    socket_option(parser)


# --- show ------------------------------------------------------------------------------------------------------------


def _show(args: argparse.Namespace) -> int:
    client = connect(args)
    execution = client.flowd("GetExecution", executionArn=execution_arn(client, args.execution))
    if args.json:
        print_json(execution)
        return OK
    for label, value in _facts(execution):
        if value not in (None, ""):
            print(f"{label:<10} {clean(value)}")
    for label in ("input", "output", "cause"):
        if label in execution:
            text = cause_text(execution[label]) if label == "cause" else execution[label]
            print(f"\n{label}\n{block(text)}")
    tasks = [_task_row(task) for task in execution.get("openTasks", ())]
    if tasks:
        print()
        print_table(("OPEN TASK", "STATUS", "SINCE", "UNTIL", "WORKER", "PROMPT"), tasks, "")
    timers = [(timer["state"], timer["purpose"], moment(timer["dueAt"])) for timer in execution.get("timers", ())]
    if timers:
        print()
        print_table(("TIMER OF", "PURPOSE", "DUE"), timers, "")
    return OK


def _facts(execution: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "execution", execution["executionArn"]
    yield "machine", execution["stateMachineName"]
    yield "version", execution.get("version")
    yield "type", execution.get("type")
    yield from _swf_facts(execution.get("swf") or {})
    yield "status", execution["status"]
    yield "where", standing(execution)
    yield "started", f"{moment(execution.get('startDate'))} by {execution.get('trigger', 'api')}"
    yield "stopped", moment(execution.get("stopDate"))
    yield "took", span(execution.get("startDate"), execution.get("stopDate"))
    yield "redrives", execution.get("redriveCount") or None
    yield "redrive", execution.get("redriveStatusReason")


def _swf_facts(swf: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What an SWF execution has beside the rest."""
    if swf:
        yield "domain", swf["domain"]
        yield "run", swf["execution"]["runId"]
        yield "workflow", "{name} {version}".format(**swf["workflowType"])
        yield "closed as", swf.get("closeStatus")
        yield "tags", ", ".join(swf.get("tagList", ()))
        yield "open", ", ".join(f"{count} {_OPEN[name]}" for name, count in swf["openCounts"].items() if count)


def _task_row(task: dict[str, Any]) -> tuple[Any, ...]:
    return (
        task["state"],
        task["status"],
        moment(task.get("startedAt") or task.get("scheduledAt")),
        moment(task.get("timeoutAt")),
        task.get("worker"),
        task.get("promptId"),
    )


# --- history ---------------------------------------------------------------------------------------------------------


def _history_arguments(parser: argparse.ArgumentParser) -> None:
    _arguments(parser)
    parser.add_argument("--after", type=int, default=0, metavar="ID", help="only events after this one")


def _history(args: argparse.Namespace) -> int:
    client = connect(args)
    events = list(history(client, execution_arn(client, args.execution), args.after))
    if args.json:
        print_json(events)
        return OK
    rows = [(event["id"], fine_moment(event.get("timestamp")), event["type"], _detail(event)) for event in events]
    print_table(("ID", "AT", "TYPE", "DETAIL"), rows, "no events")
    return OK


def history(client: Client, arn: str, after: int = 0) -> Iterator[dict[str, Any]]:
    """All events after an id, page by page."""
    while True:
        page = client.flowd("GetHistory", executionArn=arn, after=after, limit=_PAGE)
        yield from page["events"]
        if not page.get("more") or not page["events"]:
            return
        after = page["last"]


def _detail(event: dict[str, Any]) -> str:
    """What a line says beside the type: names first, then errors, then data, cut to one line."""
    details: dict[str, Any] = next((v for k, v in event.items() if k.endswith(_OBJECTS)), {})
    parts = [details[key] for key in _NAMES if details.get(key)]
    parts += [f"{key} {details[key]}" for key in ("index", "length") if key in details]
    parts += [details[key] for key in ("input", "output", "parameters", "result", "details") if key in details]
    text = " ".join(clean(part) for part in parts)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


# --- logs ------------------------------------------------------------------------------------------------------------


def _logs(args: argparse.Namespace) -> int:
    client = connect(args)
    outputs = client.flowd("GetTaskOutput", executionArn=execution_arn(client, args.execution))["outputs"]
    if args.json:
        print_json(outputs)
        return OK
    if not outputs:
        complain("no output of tasks is kept for this execution")
    for output in outputs:
        print(f"--- {clean(output['state'])}, attempt {output['attempt']}, {moment(output.get('at'))}")
        print(block(output["text"]).rstrip("\n"))
        if output.get("truncated"):
            print("--- (the rest was not kept)")
    return OK


COMMANDS = {
    "show": Command("show one execution", _arguments, _show),
    "history": Command("print an execution's events", _history_arguments, _history),
    "logs": Command("print what an execution's functions wrote", _arguments, _logs),
}

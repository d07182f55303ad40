"""Commands on executions: start, ls, stop, redrive. Looking into one is in `inspection`."""

from __future__ import annotations

import argparse
from typing import Any

from flowd.cli import code
from flowd.cli.command import FAILED, INTERRUPTED, OK, Command, connect, document, json_flag, socket_option
from flowd.cli.output import block, cause_text, complain, moment, print_json, print_table, span
from flowd.cli.overview import view_filter
from flowd.cli.targets import execution_argument, execution_arn, machine_arn
from flowd.client import Client

_POLL_S = 50
_PAGE = 500


# --- start -----------------------------------------------------------------------------------------------------------


def _start_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "machine",
        metavar="NAME",
        help="a workflow, or a machine (name or ARN; NAME:7, NAME:ALIAS)",
    )
    parser.add_argument("--input", metavar="JSON", default="{}", help="JSON, @FILE or - for standard input")
    parser.add_argument("--name", help="the execution's name (default: a new UUID)")
    parser.add_argument("--wait", action="store_true", help="wait for the end and print the output; exit 1 on failure")
    json_flag(parser)
    socket_option(parser)


def _start(args: argparse.Namespace) -> int:
    given = document(args.input)
    client = connect(args)
    started = _start_what_has_the_name(client, args, given)
    arn = started["executionArn"]
    if not args.wait:
        print_json(started) if args.json else print(arn)
        return OK
    complain(arn)
    try:
        execution = wait_for_end(client, arn)
    except KeyboardInterrupt:
        complain(f"no longer waiting; the execution goes on: flowd show {arn}")
        return INTERRUPTED
    return report_end(execution, args.json)


def _start_what_has_the_name(client: Client, args: argparse.Namespace, given: str) -> dict[str, Any]:
    """A machine, or a version of it, goes before a workflow of the same name."""
    machines = {each["name"] for each in client.flowd("ListMachines")["machines"]}
    is_machine = args.machine.partition(":")[0] in machines
    workflows = [] if is_machine else code.current(client)
    if args.machine in workflows:
        return code.start(client, args.machine, given, args.name)
    members = {"stateMachineArn": machine_arn(client, args.machine, workflows), "input": given}
    return client.states("StartExecution", **members, **({"name": args.name} if args.name else {}))


def wait_for_end(client: Client, arn: str) -> dict[str, Any]:
    """The execution once it is closed. The daemon is asked again only when it has news."""
    cursor = client.flowd("Health").get("cursor")
    while True:
        execution = client.flowd("GetExecution", executionArn=arn)
        if execution["status"] not in ("RUNNING", "PENDING_REDRIVE"):
            return execution
        cursor = client.flowd("Watch", cursor=cursor, executionArn=arn, timeoutSeconds=_POLL_S)["cursor"]


def report_end(execution: dict[str, Any], as_json: bool) -> int:
    """Print how an execution ended: output on stdout, error and cause on stderr."""
    succeeded = execution["status"] == "SUCCEEDED"
    if as_json:
        print_json(execution)
    elif succeeded:
        print(block(execution.get("output", "")))
    else:
        complain(f"{execution['status']}: {execution.get('error', 'no error name')}")
        if execution.get("cause"):
            complain(cause_text(execution["cause"]))
    return OK if succeeded else FAILED


# --- ls --------------------------------------------------------------------------------------------------------------


def _ls_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("filter", metavar="WORD", nargs="*", help="status:failed machine:order-* since:24h name:a* ...")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="how many, newest first (default 50)")
    parser.add_argument("--view", metavar="NAME", help="one of your saved views (`flowd views`), before the words")
    json_flag(parser)
    socket_option(parser)


def _ls(args: argparse.Namespace) -> int:
    client = connect(args)
    words = [view_filter(client, args.view)] if args.view else []
    found = list_executions(client, " ".join([*words, *args.filter]), max(1, args.limit))
    if args.json:
        print_json(found)
        return OK
    rows = [
        (
            item["name"],
            item["stateMachineName"],
            item["status"],
            standing(item),
            moment(item.get("startDate")),
            span(item.get("startDate"), item.get("stopDate")),
        )
        for item in found
    ]
    print_table(("NAME", "MACHINE", "STATUS", "WHERE", "STARTED", "TOOK"), rows, "no executions")
    return OK


def list_executions(client: Client, words: str, limit: int) -> list[dict[str, Any]]:
    """The newest executions that fit a filter, page by page."""
    found: list[dict[str, Any]] = []
    before: int | None = None
    while len(found) < limit:
        members: dict[str, Any] = {"limit": min(_PAGE, limit - len(found))}
        if words:
            members["filter"] = words
        if before is not None:
            members["before"] = before
        page = client.flowd("ListExecutions", **members)
        found += page["executions"]
        before = page.get("next")
        if before is None or not page["executions"]:
            break
    return found


def standing(item: dict[str, Any]) -> str:
    """The state an execution is in, or failed in, and what it waits for or its error."""
    state, why = item.get("state", ""), item.get("waiting") or item.get("error") or ""
    return f"{state} ({why})" if state and why else str(state or why)


# --- stop, redrive ---------------------------------------------------------------------------------------------------


def _stop_arguments(parser: argparse.ArgumentParser) -> None:
    execution_argument(parser)
    parser.add_argument("--error", help="an error name to record")
    parser.add_argument("--cause", help="why, in words")
    socket_option(parser)


def _stop(args: argparse.Namespace) -> int:
    client = connect(args)
    arn = execution_arn(client, args.execution)
    given = {name: value for name, value in (("error", args.error), ("cause", args.cause)) if value}
    client.states("StopExecution", executionArn=arn, **given)
    print(f"stopped {arn}")
    return OK


def _redrive_arguments(parser: argparse.ArgumentParser) -> None:
    execution_argument(parser)
    parser.add_argument("--wait", action="store_true", help="wait for the end and print the output; exit 1 on failure")
    parser.add_argument("--dry-run", action="store_true", help="only say what would run again; exit 1 if nothing can")
    json_flag(parser)
    socket_option(parser)


def _redrive(args: argparse.Namespace) -> int:
    client = connect(args)
    arn = execution_arn(client, args.execution)
    if args.dry_run:
        return _preview(client.flowd("PreviewRedrive", executionArn=arn), args.json)
    answer = client.states("RedriveExecution", executionArn=arn)
    if args.wait:
        return report_end(wait_for_end(client, arn), args.json)
    print_json(answer) if args.json else print(f"redriven {arn}")
    return OK


def _preview(answer: dict[str, Any], as_json: bool) -> int:
    if as_json:
        print_json(answer)
    elif "reason" in answer:
        complain(answer["reason"])
    else:
        rows = [(each["state"], each["frame"], each.get("error")) for each in answer["willRun"]]
        print_table(("STATE", "FRAME", "FAILED WITH"), rows, "nothing")
    return FAILED if "reason" in answer else OK


COMMANDS = {
    "start": Command("start an execution", _start_arguments, _start),
    "ls": Command("list executions", _ls_arguments, _ls),
    "stop": Command("stop an execution", _stop_arguments, _stop),
    "redrive": Command("restart a failed execution at what failed", _redrive_arguments, _redrive),
}

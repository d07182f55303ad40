"""Commands for SWF executions: signal, cancel, terminate. Lists and histories are those of all executions."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from flowd.cli.command import OK, Command, CommandError, connect, json_flag, socket_option
from flowd.cli.output import print_json
from flowd.cli.targets import execution_arn
from flowd.client import Client
from flowd.names import split_arn

_POLICIES = ("TERMINATE", "REQUEST_CANCEL", "ABANDON")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("execution", metavar="EXECUTION", help="workflowId, its beginning, TYPE:ID or ARN")
    json_flag(parser)
    socket_option(parser)


def _named(client: Client, text: str) -> dict[str, str]:
    """What an SWF operation wants to know of an execution. CommandError for one of a state machine."""
    arn = execution_arn(client, text)
    parts = split_arn(arn)
    if parts is None or parts.service != "swf":
        raise CommandError(f"{arn} is an execution of a state machine: `flowd stop` ends it, `flowd answer` answers it")
    domain, workflow_id, run_id = parts.rest.split(":", 2)
    return {"domain": domain, "workflowId": workflow_id, "runId": run_id}


def _send(args: argparse.Namespace, operation: str, done: str, **members: Any) -> int:
    client = connect(args)
    asked = {**_named(client, args.execution), **{name: value for name, value in members.items() if value is not None}}
    client.swf(operation, **asked)
    print_json(asked) if args.json else print(f"{done} {asked['workflowId']}")
    return OK


def _text(given: str | None) -> str | None:
    """Text as it is, or from standard input: SWF's data need not be JSON."""
    return sys.stdin.read() if given == "-" else given


def _signal_arguments(parser: argparse.ArgumentParser) -> None:
    _arguments(parser)
    parser.add_argument("name", metavar="SIGNAL", help="the name of the signal")
    parser.add_argument("--input", metavar="TEXT", help="what it carries; - for standard input")


def _signal(args: argparse.Namespace) -> int:
    return _send(args, "SignalWorkflowExecution", "signaled", signalName=args.name, input=_text(args.input))


def _cancel(args: argparse.Namespace) -> int:
    return _send(args, "RequestCancelWorkflowExecution", "asked to cancel")


def _terminate_arguments(parser: argparse.ArgumentParser) -> None:
    _arguments(parser)
    parser.add_argument("--reason", help="why, in at most 256 characters")
    parser.add_argument("--details", metavar="TEXT", help="more about it; - for standard input")
    parser.add_argument("--child-policy", choices=_POLICIES, help="what becomes of its children (default: its own)")


def _terminate(args: argparse.Namespace) -> int:
    return _send(
        args,
        "TerminateWorkflowExecution",
        "terminated",
        reason=args.reason,
        details=_text(args.details),
        childPolicy=args.child_policy,
    )


COMMANDS = {
    "signal": Command("send a signal to an SWF execution", _signal_arguments, _signal),
    "cancel": Command("ask an SWF execution to cancel", _arguments, _cancel),
    "terminate": Command("end an SWF execution at once", _terminate_arguments, _terminate),
}

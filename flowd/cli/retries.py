"""Commands for the ways on from an execution: fork, retry-now, heartbeat."""

from __future__ import annotations

import argparse

from flowd.cli.command import OK, Command, connect, document, json_flag, socket_option
from flowd.cli.executions import report_end, wait_for_end
from flowd.cli.output import clean, complain, print_json
from flowd.cli.targets import execution_argument, execution_arn


def _fork_arguments(parser: argparse.ArgumentParser) -> None:
    execution_argument(parser)
    parser.add_argument("--state", metavar="NAME", help="where to begin (default: at the start, as the first time)")
    parser.add_argument("--input", metavar="JSON", help="JSON, @FILE or - (default: what the state was given last)")
    parser.add_argument("--variables", metavar="JSON", help="variables to begin with (default: those set before it)")
    parser.add_argument("--name", help="the new execution's name (default: a new UUID)")
    parser.add_argument("--reason", help="why, for the audit")
    parser.add_argument("--dry-run", action="store_true", help="only say what would run, with which input")
    parser.add_argument("--wait", action="store_true", help="wait for the end and print the output; exit 1 on failure")
    json_flag(parser)
    socket_option(parser)


def _fork(args: argparse.Namespace) -> int:
    given = {"state": args.state, "name": args.name, "reason": args.reason, "dryRun": args.dry_run or None}
    given["input"] = document(args.input) if args.input is not None else None
    given["variables"] = document(args.variables) if args.variables is not None else None
    client = connect(args)
    members = {name: value for name, value in given.items() if value is not None}
    answer = client.flowd("ForkExecution", executionArn=execution_arn(client, args.execution), **members)
    if args.dry_run:
        if args.json:
            print_json(answer)
        else:
            print(f"begins at {clean(answer['state'])} and may run {', '.join(map(clean, answer['willRun']))}")
            print(f"input {answer['input']}" + (f"\nvariables {answer['variables']}" if "variables" in answer else ""))
        return OK
    if args.wait:
        complain(answer["executionArn"])
        return report_end(wait_for_end(client, answer["executionArn"]), args.json)
    print_json(answer) if args.json else print(answer["executionArn"])
    return OK


def _retry_arguments(parser: argparse.ArgumentParser) -> None:
    execution_argument(parser)
    json_flag(parser)
    socket_option(parser)


def _retry(args: argparse.Namespace) -> int:
    client = connect(args)
    answer = client.flowd("RetryNow", executionArn=execution_arn(client, args.execution))
    print_json(answer) if args.json else print(f"back-offs that are over now: {answer['retried']}")
    return OK


def _heartbeat_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the short id that `flowd inbox` shows")
    socket_option(parser)


def _heartbeat(args: argparse.Namespace) -> int:
    connect(args).flowd("HeartbeatPrompt", id=args.id)
    print(f"{clean(args.id)} is being worked on: its HeartbeatSeconds begin anew")
    return OK


COMMANDS = {
    "fork": Command("start an execution at a state of an earlier one", _fork_arguments, _fork),
    "retry-now": Command("end the back-offs an execution waits in", _retry_arguments, _retry),
    "heartbeat": Command("say that an open task is being worked on", _heartbeat_arguments, _heartbeat),
}

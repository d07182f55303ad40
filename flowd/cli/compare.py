"""The command compare: two executions state by state, as the console's `d` shows them."""

from __future__ import annotations

import argparse
from typing import Any

from console.changes import pointer
from console.comparing import Pair, changed, first_difference, origin_of, pairs, seconds_of, succeeded_like
from console.journal import Visit
from console.known import Known
from flowd.cli.command import OK, Command, CommandError, connect, json_flag, socket_option
from flowd.cli.inspection import history
from flowd.cli.output import clean, duration, print_json, print_table
from flowd.cli.targets import execution_argument, execution_arn
from flowd.client import Client

_SIGNS = {"same": "", "differs": "~", "left": "-", "right": "+"}
_LONGEST = 100  # characters of a value


def _arguments(parser: argparse.ArgumentParser) -> None:
    execution_argument(parser)
    parser.add_argument(
        "other", metavar="OTHER", nargs="?",
        help="default: what it is a fork of, else the last one of its machine that succeeded",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="also the states that came to the same")
    json_flag(parser)
    socket_option(parser)


def _compare(args: argparse.Namespace) -> int:
    client = connect(args)
    arn = execution_arn(client, args.execution)
    left = _known(client, arn)
    right = _known(client, execution_arn(client, args.other) if args.other else _partner(client, left.item or {}))
    found = pairs(left, right)
    shown = [pair for pair in found if args.all or pair.kind != "same" or pair.slower]
    if args.json:
        print_json(_document(shown, left, right))
        return OK
    for known in (left, right):
        item = known.item or {}
        print(clean(f"{'-' if known is left else '+'} {item['stateMachineName']}:{item['name']} {item['status']}"))
    first = first_difference(found)
    if first is not None:
        print(f"they part at {_name(first)}\n")
        for line in _changes(first, left, right):
            print(f"  {line}")
        print()
    rows = [(_SIGNS[pair.kind], _name(pair), _side(pair.left), _side(pair.right)) for pair in shown]
    print_table(("", "STATE", "LEFT", "RIGHT"), rows, "no state came to anything else")
    return OK


def _known(client: Client, arn: str) -> Known:
    known = Known()
    known.learn(client.flowd("GetExecution", executionArn=arn), list(history(client, arn)))
    return known


def _partner(client: Client, item: dict[str, Any]) -> str:
    """What an execution is compared with if nobody says with what."""
    if origin := origin_of(item):
        return origin
    found = client.flowd("ListExecutions", filter=succeeded_like(item), limit=2)["executions"]
    for other in found:
        if other["executionArn"] != item["executionArn"]:
            return str(other["executionArn"])
    raise CommandError(
        f"no other execution of {item['stateMachineName']} has succeeded; name the one to compare it with"
    )


def _name(pair: Pair) -> str:
    return clean(" > ".join(pair.path))


def _side(visit: Visit | None) -> str:
    if visit is None:
        return "not there"
    times = f" x{visit.attempts}" if visit.attempts > 1 else ""
    came_to = (
        visit.status if visit.status == "SUCCEEDED" else visit.error or visit.status
    )  # errors before are in `times`
    return f"{came_to}{times} {duration(seconds_of(visit))}"


def _changes(pair: Pair, left: Known, right: Known) -> list[str]:
    lines = []
    for change in changed(pair, left, right):
        lines.append(clean(pointer(change.path)))
        lines += [f"  - {_short(change.before)}"] if change.sign != "+" else []
        lines += [f"  + {_short(change.after)}"] if change.sign != "-" else []
    return lines


def _short(value: Any) -> str:
    text = clean(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _document(shown: list[Pair], left: Known, right: Known) -> dict[str, Any]:
    """What scripts get: both executions, and each state with its two stays and what differs in its data."""
    heads = ("executionArn", "name", "status", "startDate", "stopDate", "version", "error")
    sides = {
        side: {key: (known.item or {})[key] for key in heads if key in (known.item or {})}
        for side, known in (("left", left), ("right", right))
    }
    states = [
        {
            "path": list(pair.path),
            "kind": pair.kind,
            "slower": pair.slower,
            "left": _stay(pair.left),
            "right": _stay(pair.right),
            "changes": [
                {"path": pointer(change.path), "sign": change.sign, "before": change.before, "after": change.after}
                for change in changed(pair, left, right)
            ],
        }
        for pair in shown
    ]
    return {**sides, "states": states}


def _stay(visit: Visit | None) -> dict[str, Any] | None:
    if visit is None:
        return None
    return {
        "status": visit.status,
        "attempts": visit.attempts,
        "seconds": round(seconds_of(visit), 3),
        **({"error": visit.error, "cause": visit.cause} if visit.error else {}),
    }


COMMANDS = {"compare": Command("two executions state by state, and where they part", _arguments, _compare)}

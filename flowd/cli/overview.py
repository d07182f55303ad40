"""Commands that show the whole: dead letters, deploys, log, audit, who is attached, metrics, saved views."""

from __future__ import annotations

import argparse
import difflib
import json
from typing import Any

from flowd.cli.command import OK, Command, CommandError, connect, json_flag, socket_option
from flowd.cli.output import block, clean, duration, moment, print_json, print_table
from flowd.cli.targets import machine_arn
from flowd.client import Client

_POLL_S = 50


def _common(parser: argparse.ArgumentParser) -> None:
    json_flag(parser)
    socket_option(parser)


def _dead_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=float, help="only what failed in the last days")
    _common(parser)


def _dead(args: argparse.Namespace) -> int:
    groups = connect(args).flowd("ListDeadLetters", **({"days": args.days} if args.days is not None else {}))["groups"]
    if args.json:
        print_json(groups)
        return OK
    rows = [
        (g["count"], g["stateMachineName"], g.get("state"), g.get("error"), moment(g["lastAt"]), g["filter"])
        for g in groups
    ]
    print_table(("COUNT", "MACHINE", "STATE", "ERROR", "LAST", "FILTER"), rows, "nothing has failed")
    return OK


def _deploys_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--diff", nargs=2, metavar="MACHINE", help="how two versions differ, as NAME:7 NAME:8")
    _common(parser)


def _deploys(args: argparse.Namespace) -> int:
    client = connect(args)
    if args.diff:
        return _diff(client, args.diff)
    deploys = client.flowd("ListDeploys")["deploys"]
    if args.json:
        print_json(deploys)
        return OK
    rows = [
        (
            moment(d["at"]),
            f"{d['stateMachineName']}:{d['version']}",
            "in force" if d["current"] else "",
            d.get("by") or d.get("source") or d["owner"],
            d.get("description"),
        )
        for d in deploys
    ]
    print_table(("AT", "VERSION", "", "BY", "DESCRIPTION"), rows, "no version is published")
    return OK


def _diff(client: Client, versions: list[str]) -> int:
    texts = []
    for name in versions:
        described = client.states("DescribeStateMachine", stateMachineArn=machine_arn(client, name))
        texts.append(json.dumps(json.loads(described["definition"]), indent=2, ensure_ascii=False).splitlines())
    for line in difflib.unified_diff(texts[0], texts[1], versions[0], versions[1], lineterm=""):
        print(block(line))
    return OK


def _log_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--follow", action="store_true", help="go on with what is logged from now on")
    parser.add_argument("--level", choices=("info", "warning", "error"), default="info", help="at least this level")
    _common(parser)


def _log(args: argparse.Namespace) -> int:
    client, after = connect(args), 0
    lines = client.flowd("ReadLog", level=args.level)["lines"]
    while True:
        for line in lines:
            after = line["id"]
            text = f"{moment(line['at'])} {line['level']:<7} {line['logger']}: {line['text']}"
            print(json.dumps(line) if args.json else clean(text), flush=args.follow)
        if not args.follow:
            return OK
        lines = client.flowd("ReadLog", level=args.level, after=after, timeoutSeconds=_POLL_S)["lines"]


def _audit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="how many, newest first (default 50)")
    _common(parser)


def _audit(args: argparse.Namespace) -> int:
    entries = connect(args).flowd("ListAudit", limit=args.limit)["entries"]
    if args.json:
        print_json(entries)
        return OK
    rows = [(moment(e["at"]), e["who"], e["verb"], e["target"], e.get("detail")) for e in entries]
    print_table(("AT", "WHO", "VERB", "TARGET", "DETAIL"), rows, "nobody has done anything yet")
    return OK


def _metrics_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=int, default=60, metavar="N", help="how far back (default 60)")
    _common(parser)


def _metrics(args: argparse.Namespace) -> int:
    found = connect(args).flowd("GetMetrics", minutes=args.minutes)
    if args.json:
        print_json(found)
        return OK
    busy = [m for m in found["minutes"] if m["started"] or m["succeeded"] or m["failed"]]
    rows: list[tuple[Any, ...]] = [(moment(m["at"]), m["started"], m["succeeded"], m["failed"]) for m in busy]
    print_table(("MINUTE", "STARTED", "SUCCEEDED", "FAILED"), rows, "nothing has happened")
    if "p95Seconds" in found:
        print(f"took {duration(found['medianSeconds'])} (median), {duration(found['p95Seconds'])} (95 %)")
    return OK


def _views_arguments(parser: argparse.ArgumentParser) -> None:
    verb = parser.add_mutually_exclusive_group()
    verb.add_argument("--save", nargs=2, metavar=("NAME", "FILTER"), help="keep a filter under a name")
    verb.add_argument("--delete", metavar="NAME", help="forget it")
    _common(parser)


def _views(args: argparse.Namespace) -> int:
    client = connect(args)
    if args.save:
        client.flowd("SaveView", name=args.save[0], filter=args.save[1])
    if args.delete:
        client.flowd("DeleteView", name=args.delete)
    views = client.flowd("ListViews")["views"]
    if args.json:
        print_json(views)
    else:
        print_table(("NAME", "FILTER"), [(view["name"], view["filter"]) for view in views], "no saved views")
    return OK


def view_filter(client: Client, name: str) -> str:
    """The filter of one of the user's views."""
    views = client.flowd("ListViews")["views"]
    found = next((view["filter"] for view in views if view["name"] == name), None)
    if found is None:
        known = ", ".join(view["name"] for view in views) or "none"
        raise CommandError(f"there is no view '{name}' of yours; there are: {known}")
    return str(found)


COMMANDS = {
    "dead": Command("what failed, by machine, state and error", _dead_arguments, _dead),
    "deploys": Command("published versions, and how two of them differ", _deploys_arguments, _deploys),
    "log": Command("the daemon's own log", _log_arguments, _log),
    "audit": Command("who did what, and when", _audit_arguments, _audit),
    "metrics": Command("what began and ended, minute by minute", _metrics_arguments, _metrics),
    "views": Command("your saved views", _views_arguments, _views),
}

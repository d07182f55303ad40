"""`flowd batch`: one verb for many executions, done by the daemon; and how far it has come."""

from __future__ import annotations

import argparse
from typing import Any

from flowd.cli.command import FAILED, OK, Command, CommandError, connect, json_flag, socket_option
from flowd.cli.output import clean, complain, moment, print_json, print_table
from flowd.client import Client

VERBS = ("redrive", "stop", "retry-now")
_POLL_S = 50


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", metavar="VERB", nargs="?", choices=(*VERBS, "show", "cancel"),
                        help=f"{', '.join(VERBS)}; or show and cancel, with a batch's number")  # fmt: skip
    parser.add_argument("words", metavar="WORD", nargs="*", help="a filter, as of `flowd ls`")
    parser.add_argument("--all", action="store_true", help="without a filter: all executions")
    parser.add_argument("--reason", help="why; stands in the audit of every execution it touches")
    parser.add_argument("--error", help="with stop: an error name to record")
    parser.add_argument("--dry-run", action="store_true", help="only count what it would be for")
    parser.add_argument("--wait", action="store_true", help="follow it to its end; exit 1 if something failed")
    json_flag(parser)
    socket_option(parser)


def _run(args: argparse.Namespace) -> int:
    client = connect(args)
    if args.verb is None:
        return _list(client, args.json)
    if args.verb in ("show", "cancel"):
        return _one(client, args)
    if not args.words and not args.all:
        raise CommandError("name a filter, or --all for every execution there is")
    members: dict[str, Any] = {"verb": args.verb, "filter": " ".join(args.words)}
    members |= {name: value for name in ("reason", "error") if (value := getattr(args, name))}
    if args.dry_run:
        answer = client.flowd("StartBatch", **members, dryRun=True)
        print_json(answer) if args.json else print(f"{answer['applies']} of {answer['matches']} that match")
        return OK
    batch = client.flowd("StartBatch", **members)
    if args.wait:
        return _follow(client, batch, args.json)
    print_json(batch) if args.json else print(f"batch {batch['id']} is under way: flowd batch show {batch['id']}")
    return OK


def _list(client: Client, as_json: bool) -> int:
    found = client.flowd("ListBatches")["batches"]
    if as_json:
        print_json(found)
        return OK
    rows = [
        (b["id"], b["verb"], b["status"], _progress(b), b.get("filter") or "(named)", b["by"], moment(b["startedAt"]),
         b["reason"])
        for b in found
    ]  # fmt: skip
    print_table(("ID", "VERB", "STATUS", "DONE", "FILTER", "BY", "STARTED", "REASON"), rows, "no batches yet")
    return OK


def _progress(batch: dict[str, Any]) -> str:
    failed = f", {batch['failed']} failed" if batch["failed"] else ""
    return f"{batch['done']} of {batch['total']}{failed}"


def _one(client: Client, args: argparse.Namespace) -> int:
    if len(args.words) != 1 or not args.words[0].isdecimal():
        raise CommandError(f"flowd batch {args.verb} NUMBER; `flowd batch` lists them")
    number = int(args.words[0])
    if args.verb == "cancel":
        client.flowd("CancelBatch", id=number)
    batch = client.flowd("GetBatch", id=number)
    if args.wait:
        return _follow(client, batch, args.json)
    return _report(batch, args.json)


def _report(batch: dict[str, Any], as_json: bool) -> int:
    if as_json:
        print_json(batch)
        return OK
    print(f"batch {batch['id']}: {batch['verb']} {batch['status']}, {_progress(batch)}")
    for each in batch.get("errors", ()):
        print(f"  {each['count']:>7}  {clean(each['error'])}")
    return OK


def _follow(client: Client, batch: dict[str, Any], as_json: bool) -> int:
    """Until it is over; the daemon is asked again only when it has news."""
    cursor = client.flowd("Health")["cursor"]
    while True:
        batch = client.flowd("GetBatch", id=batch["id"])
        if batch["status"] not in ("COLLECTING", "RUNNING"):
            break
        complain(f"batch {batch['id']}: {_progress(batch)}")
        cursor = client.flowd("Watch", cursor=cursor, timeoutSeconds=_POLL_S)["cursor"]
    _report(batch, as_json)
    return FAILED if batch["failed"] or batch["status"] != "DONE" else OK


COMMANDS = {"batch": Command("do something to many executions, or list such batches", _arguments, _run)}

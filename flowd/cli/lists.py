"""Commands that list what the daemon has: machines, schedules, queues."""

from __future__ import annotations

import argparse
from typing import Any

from flowd.cli.command import OK, Command, CommandError, connect, epoch, json_flag, socket_option
from flowd.cli.output import clean, complain, duration, moment, print_json, print_table
from flowd.client import Client


def _arguments(parser: argparse.ArgumentParser) -> None:
    json_flag(parser)
    socket_option(parser)


def _machines(args: argparse.Namespace) -> int:
    client = connect(args)
    machines = client.flowd("ListMachines")["machines"]
    if args.json:
        print_json(machines)
        return OK
    rows = [
        (
            machine["name"],
            machine["type"],
            machine.get("version"),
            machine["states"],
            _counts(machine.get("counts", {})),
            *_day(machine.get("day")),
            ", ".join(_alias(alias) for alias in machine.get("aliases", ())),
            ", ".join(_plan(plan) for plan in machine.get("schedules", ())),
            machine.get("source") or machine["owner"],
            moment(machine.get("updatedAt")),
        )
        for machine in machines
    ]
    head = (
        *("NAME", "TYPE", "VERSION", "STATES", "EXECUTIONS", "24H", "P95", "ALIASES", "SCHEDULES", "FROM", "UPDATED"),
    )
    print_table(head, rows, "no machines: drop a file NAME.asl.json into the workflows folder")
    for file in client.flowd("ListFiles")["files"]:
        if file["status"] == "rejected":
            complain_about(file)
    return OK


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {status.lower()}" for status, number in counts.items() if number) or "none"


def _day(day: dict[str, Any] | None) -> tuple[str, str]:
    """What ended in the last 24 hours, and how long 95 of 100 of them took at most."""
    if day is None:
        return "", ""
    p95 = day.get("p95Seconds")
    return f"{day['succeeded']} ok, {day['failed']} failed", duration(p95) if p95 is not None else ""


def _alias(alias: dict[str, Any]) -> str:
    routes = [f"{route['version']}:{route['weight']}" for route in alias["routing"]]
    return f"{alias['name']} {' '.join(routes)}"


def _plan(plan: dict[str, Any]) -> str:
    return plan["expression"] if plan["state"] == "ENABLED" else f"{plan['expression']} (paused)"


def complain_about(file: dict[str, Any]) -> None:
    for found in file.get("diagnostics", ()):
        place = f"{file['path']}:{found.get('line', 1)}:{found.get('column', 1)}"
        complain(f"{clean(place)}: {found['severity']} {found['code']} {clean(found['message'])}")


def _schedules_arguments(parser: argparse.ArgumentParser) -> None:
    verb = parser.add_mutually_exclusive_group()
    for name, text in (("pause", "let it rest"), ("resume", "let it go on"), ("run", "start one execution now")):
        verb.add_argument(f"--{name}", metavar="NAME", help=text)
    verb.add_argument("--pause-all", action="store_true", help="let all of them rest: maintenance")
    verb.add_argument("--resume-all", action="store_true", help="let all of them go on")
    verb.add_argument("--backfill", metavar="NAME", help="start the runs of a time that has passed")
    parser.add_argument("--since", metavar="DATE", help="with --backfill: from when, as 2026-01-31 or 2026-01-31T12:00")
    parser.add_argument("--until", metavar="DATE", help="with --backfill: until when (default: now)")
    parser.add_argument("--dry-run", action="store_true", help="with --backfill: only tell the times")
    _arguments(parser)


def _schedules(args: argparse.Namespace) -> int:
    client = connect(args)
    for verb in ("pause", "resume", "run"):
        if name := getattr(args, verb):
            answer = client.flowd(f"{verb.capitalize()}Schedule", name=name)
            print_json(answer) if args.json else print(_outcome(answer))
            return OK
    if args.pause_all or args.resume_all:
        names = client.flowd("PauseSchedules" if args.pause_all else "ResumeSchedules")["names"]
        print_json(names) if args.json else print(clean(", ".join(names) or "none"))
        return OK
    if args.backfill:
        return _backfill(client, args)
    schedules = client.flowd("ListSchedules")["schedules"]
    if args.json:
        print_json(schedules)
        return OK
    rows = [
        (
            item["name"],
            item["stateMachineName"],
            item["expression"],
            item.get("timezone"),
            item["state"],
            moment(next(iter(item.get("next", ())), None)),
            _last(item.get("last")),
        )
        for item in schedules
    ]
    print_table(("NAME", "MACHINE", "EXPRESSION", "ZONE", "STATE", "NEXT", "LAST"), rows, "no schedules")
    return OK


def _backfill(client: Client, args: argparse.Namespace) -> int:
    if args.since is None:
        raise CommandError("--backfill needs --since DATE")
    members = {"name": args.backfill, "since": epoch(args.since)}
    if args.until is not None:
        members["until"] = epoch(args.until)
    if args.dry_run:
        members["dryRun"] = True
    answer = client.flowd("BackfillSchedule", **members)
    if args.json:
        print_json(answer)
    elif args.dry_run:
        for at in answer["times"]:
            print(moment(at))
    else:
        print(f"{len(answer['started'])} of {len(answer['times'])} runs started")
    return OK


def _outcome(answer: dict[str, Any]) -> str:
    return clean(answer.get("executionArn") or f"{answer['name']}: {answer['state']}")


def _last(last: dict[str, Any] | None) -> str:
    return f"{moment(last.get('at'))} {last.get('status') or last.get('note') or ''}".strip() if last else ""


_TASKS = {"activity": "activities", "decision": "decisions"}


def _queues(args: argparse.Namespace) -> int:
    queues = connect(args).flowd("ListQueues")["queues"]
    if args.json:
        print_json(queues)
        return OK
    rows = [
        (*_queue_named(q), q["depth"], moment(q.get("oldestAt")), q["pollers"], q["openPrompts"])
        for q in sorted(queues, key=_queue_named)
    ]
    print_table(("NAME", "OF", "WAITING", "OLDEST", "POLLERS", "PROMPTS"), rows, "no queues")
    return OK


def _queue_named(queue: dict[str, Any]) -> tuple[str, str]:
    """What people call it, and whose it is: an activity of Step Functions, or a task list of an SWF domain."""
    if "taskList" not in queue:
        return queue["name"], "activity"
    return queue["taskList"], f"SWF {queue['domain']}, {_TASKS[queue['tasks']]}"


COMMANDS = {
    "machines": Command("list state machines, and what is wrong in the workflows folder", _arguments, _machines),
    "schedules": Command("list schedules; pause, resume or run one", _schedules_arguments, _schedules),
    "queues": Command("list activities and SWF task lists with their tasks and workers", _arguments, _queues),
}

"""Commands for what waits for a person: inbox, claim, answer. A prompt is named by a short id; tokens never appear."""

from __future__ import annotations

import argparse
from typing import Any

from flowd.cli.command import FAILED, OK, Command, connect, document, epoch, json_flag, socket_option
from flowd.cli.output import clean, complain, moment, print_json, print_table
from flowd.client import RemoteError
from flowd.questions import meant_for, waits_for_group


def _inbox_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--closed", action="store_true", help="those that were answered, with answer and name")
    which.add_argument("--group", action="store_true", help="those meant for a group of yours that nobody works on")
    json_flag(parser)
    socket_option(parser)


def _inbox(args: argparse.Namespace) -> int:
    prompts = connect(args).flowd("ListPrompts", closed=args.closed)["prompts"]
    if args.group:
        prompts = [prompt for prompt in prompts if waits_for_group(prompt)]
    if args.json:
        print_json(prompts)
        return OK
    head = ["ID", "QUEUE", "TITLE", "EXECUTION", "ASKED", "DUE", *([] if args.closed else ["WHO"])]
    rows = [
        [
            prompt["id"],
            prompt.get("queue"),
            prompt.get("title") or prompt["state"],
            f"{prompt['stateMachineName']}:{prompt['executionName']}",
            moment(prompt.get("askedAt")),
            moment(prompt.get("dueAt")),
            *([] if args.closed else [_whose(prompt)]),
        ]
        for prompt in prompts
    ]
    if args.closed:
        head += ["ANSWER", "BY"]
        for row, prompt in zip(rows, prompts, strict=True):
            answer = prompt.get("answer", {})
            row += [answer.get("output") or answer.get("error"), answer.get("by")]
    empty = "nothing waits for a group of yours" if args.group else "nothing waits for an answer"
    print_table(head, rows, "nothing was answered yet" if args.closed else empty)
    return OK


def _whose(prompt: dict[str, Any]) -> str:
    """Who works on it, else for whom it is meant."""
    if prompt.get("claimedBy"):
        return f"{prompt['claimedBy']} works on it"
    if prompt.get("laterUntil"):
        return f"put off until {moment(prompt['laterUntil'])}"
    return ", ".join(meant_for(prompt))


def _claim_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the short id that `flowd inbox` shows")
    verb = parser.add_mutually_exclusive_group()
    verb.add_argument("--force", action="store_true", help="take it over from somebody else")
    verb.add_argument("--release", action="store_true", help="work on it no longer")
    verb.add_argument("--assign", metavar="WHO", help="it is meant for somebody else; '' for nobody in particular")
    verb.add_argument("--later", metavar="DATE", help="put it off until 2026-01-31 or 2026-01-31T12:00; '' no longer")
    parser.add_argument("--comment", metavar="COMMENT", help="a remark that everybody sees")
    json_flag(parser)
    socket_option(parser)


def _claim(args: argparse.Namespace) -> int:
    client = connect(args)
    if args.assign is not None:
        answer = client.flowd("AssignPrompt", id=args.id, to=args.assign)
        said = f"{args.id} is meant for {args.assign or 'nobody in particular'}"
    elif args.later is not None:
        answer = client.flowd("PostponePrompt", id=args.id, **({"until": epoch(args.later)} if args.later else {}))
        said = (
            f"{args.id} is put off until {moment(answer['laterUntil'])}" if args.later else f"{args.id} is not put off"
        )
    elif args.release:
        answer = client.flowd("ReleasePrompt", id=args.id)
        said = f"{args.id} is free"
    else:
        answer = client.flowd("ClaimPrompt", id=args.id, force=args.force)
        said = f"{args.id} is claimed until {moment(answer['claimedUntil'])}; claim it again to renew"
    if args.comment:
        client.flowd("CommentPrompt", id=args.id, text=args.comment)
    print_json(answer) if args.json else print(clean(said))
    return OK


def _answer_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the short id that `flowd inbox` shows")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--output", metavar="JSON", help="the answer: JSON, @FILE or - for standard input")
    given.add_argument("--error", metavar="NAME", help="fail the task with this error name instead")
    parser.add_argument("--cause", help="with --error: why, in words")
    parser.add_argument("--comment", help="with --output: a remark for the audit")
    json_flag(parser)
    socket_option(parser)


def _answer(args: argparse.Namespace) -> int:
    if args.error is not None:
        members = {"id": args.id, "error": args.error, **({"cause": args.cause} if args.cause else {})}
        answer = connect(args).flowd("FailPrompt", **members)
    else:
        members = {
            "id": args.id,
            "output": document(args.output),
            **({"comment": args.comment} if args.comment else {}),
        }
        try:
            answer = connect(args).flowd("AnswerPrompt", **members)
        except RemoteError as error:
            return _refused(error)
    if args.json:
        print_json(answer)
    else:
        again = " (the same answer was there already)" if answer.get("repeated") else ""
        print(f"answered {clean(answer['id'])} as {clean(answer['by'])}{again}")
    return OK


def _refused(error: RemoteError) -> int:
    complain(f"{error.code}: {error.message}")
    for fault in error.members.get("errors", ()):
        complain(f"  {fault.get('path') or '/'}: {fault.get('message')}")
    return FAILED


COMMANDS = {
    "inbox": Command("list what waits for a person", _inbox_arguments, _inbox),
    "claim": Command("say that you work on a prompt, or who shall", _claim_arguments, _claim),
    "answer": Command("answer what waits for a person", _answer_arguments, _answer),
}

"""Commands for tests: skip. They work on a daemon that was started for testing (docs/testing.md), and on no other."""

from __future__ import annotations

import argparse

from flowd.cli.command import FAILED, OK, Command, connect, json_flag, socket_option
from flowd.cli.output import clean, complain, duration, fine_moment, print_json


def _skip_arguments(parser: argparse.ArgumentParser) -> None:
    json_flag(parser)
    socket_option(parser)


def _skip(args: argparse.Namespace) -> int:
    """Exit code 1 when nothing waits for a point in time, so that a loop in a script ends."""
    answer = connect(args).flowd("SkipToNextDeadline")
    deadline = answer.get("deadline")
    if args.json:
        print_json(answer)
    elif deadline is None:
        complain("nothing waits for a point in time")
    else:
        what = f"{deadline['purpose']} of {clean(deadline['name'])}"
        if deadline.get("state"):
            what += f" ({clean(deadline['state'])})"
        print(f"skipped {duration(answer['skippedSeconds'])} to the {what}; it is {fine_moment(answer['now'])}")
    return OK if deadline is not None else FAILED


COMMANDS = {"skip": Command("on a daemon for tests: skip to the next deadline", _skip_arguments, _skip)}

"""`flowd console`: the terminal console of a running daemon."""

from __future__ import annotations

import argparse
import os
import sys

from console.app import Opening, run
from console.plainglyphs import wanted
from console.themes import THEMES
from flowd.cli.command import Command, CommandError, connect, socket_option
from flowd.cli.targets import execution_arn
from flowd.config import Config, client_socket

VIEWS = ("outline", "graph", "events", "io", "tasks", "definition")


def _options(parser: argparse.ArgumentParser) -> None:
    socket_option(parser)
    parser.add_argument("what", metavar="open EXECUTION", nargs="*", help="show this execution first")
    parser.add_argument("--state", metavar="NAME", default="", help="with open: at this state")
    parser.add_argument("--view", choices=VIEWS, default="outline", help="with open: in this view")
    parser.add_argument("--theme", choices=[theme.name for theme in THEMES], default="", help="colours")
    parser.add_argument("--ascii", action="store_true", help="ASCII signs only (also FLOWD_ASCII=1)")
    parser.add_argument("--readonly", action="store_true", help="look only: no verb that changes anything")


def _run(args: argparse.Namespace) -> int:
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise CommandError("the console needs a terminal; `flowd ls`, `flowd inbox` and `flowd show` print the same")
    plain = wanted(args.ascii, os.environ)
    opening = _opening(args)
    socket = client_socket(Config.load(args, os.environ))
    return run(socket, readonly=args.readonly, theme=args.theme, plain=plain, opening=opening)


def _opening(args: argparse.Namespace) -> Opening | None:
    """What to show first; the execution is found as every other command finds it."""
    if not args.what:
        return None
    if len(args.what) != 2 or args.what[0] != "open":
        raise CommandError("usage: flowd console open EXECUTION [--state NAME] [--view VIEW]")
    return Opening(execution_arn(connect(args), args.what[1]), args.view, args.state)


COMMANDS = {"console": Command("open the console", _options, _run)}

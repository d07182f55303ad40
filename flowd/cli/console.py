"""`flowd console`: the terminal console of a running daemon."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from importlib import import_module
from pathlib import Path

from console.app import run
from console.places import Opening
from console.plainglyphs import wanted
from console.terminal import Bell
from console.themes import THEMES
from console.typed_times import hours_of
from flowd.cli.command import Command, CommandError, config_of, connect, socket_option
from flowd.cli.remote import REMOTE, tunnel
from flowd.cli.targets import execution_arn

VIEWS = ("outline", "graph", "events", "io", "tasks", "definition")


def _options(parser: argparse.ArgumentParser) -> None:
    socket_option(parser)
    parser.add_argument("what", metavar="open EXECUTION", nargs="*", help="show this execution first")
    parser.add_argument("--state", metavar="NAME", default="", help="with open: at this state")
    parser.add_argument("--view", choices=VIEWS, default="outline", help="with open: in this view")
    parser.add_argument("--theme", choices=[theme.name for theme in THEMES], default="", help="colours")
    parser.add_argument("--ascii", action="store_true", help="ASCII signs only (also FLOWD_ASCII=1)")
    parser.add_argument("--readonly", action="store_true", help="look only: no verb that changes anything")
    parser.add_argument("--bell", action="store_true", help="ring, and tell the desktop, when a question comes up")
    parser.add_argument("--quiet", metavar="HOURS", help="no bell from one time of day to another: 22-7, 22:30-06:45")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--ssh", metavar="HOST", help="the daemon of another host; --socket is its socket there")
    where.add_argument("--web", action="store_true", help="for a browser on this machine; prints its address")
    parser.add_argument("--port", type=int, default=8084, help="with --web: the port (8084)")


def _run(args: argparse.Namespace) -> int:
    if args.web:
        return _web(args)
    if not os.environ.get("TEXTUAL_DRIVER") and not all(s.isatty() for s in (sys.stdin, sys.stdout, sys.stderr)):
        raise CommandError("the console needs a terminal; `flowd ls`, `flowd inbox` and `flowd show` print the same")
    if os.environ.get("TERM") == "dumb":
        raise CommandError(
            "TERM=dumb: this terminal cannot place its cursor; set TERM to what it is, or use `flowd ls`, `flowd inbox`"
        )
    if args.ssh:
        with tunnel(args.ssh, args.socket or REMOTE) as socket:
            args.socket = socket
            return _show(args, socket)
    return _show(args, config_of(args).socket)


def _show(args: argparse.Namespace, socket: Path) -> int:
    plain = wanted(args.ascii, os.environ)
    opening = _opening(args)
    return run(socket, readonly=args.readonly, theme=args.theme, plain=plain, opening=opening, bell=_bell(args))


def _bell(args: argparse.Namespace) -> Bell | None:
    try:
        quiet = hours_of(args.quiet) if args.quiet else None
    except ValueError:
        raise CommandError(f"'{args.quiet}' are no hours of a day; write 22-7 or 22:30-06:45") from None
    return Bell(quiet) if args.bell else None


def _web(args: argparse.Namespace) -> int:
    """The same console for a browser; each page of it is a console of its own."""
    try:
        web = import_module("console.web")
    except ImportError as error:
        raise CommandError(
            f"a console for browsers needs more packages ({error.name}): pip install 'flowd[web]'"
        ) from None
    socket = config_of(args).socket
    command = [sys.executable, "-m", "flowd", "console", "--socket", str(socket)]
    code: int = web.serve(shlex.join([*command, *(["--readonly"] if args.readonly else [])]), args.port)
    return code


def _opening(args: argparse.Namespace) -> Opening | None:
    """What to show first; the execution is found as every other command finds it."""
    if not args.what:
        return None
    if len(args.what) != 2 or args.what[0] != "open":
        raise CommandError("usage: flowd console open EXECUTION [--state NAME] [--view VIEW]")
    return Opening(execution_arn(connect(args), args.what[1]), args.view, args.state)


COMMANDS = {"console": Command("open the console", _options, _run)}

"""`flowd console`: the terminal console of a running daemon."""

from __future__ import annotations

import argparse
import os
import sys

from console.app import run
from flowd.cli.command import Command, CommandError, socket_option
from flowd.config import Config, client_socket


def _options(parser: argparse.ArgumentParser) -> None:
    socket_option(parser)
    parser.add_argument("--readonly", action="store_true", help="look only: no verb that changes anything")


def _run(args: argparse.Namespace) -> int:
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise CommandError("the console needs a terminal; `flowd ls`, `flowd inbox` and `flowd show` print the same")
    return run(client_socket(Config.load(args, os.environ)), readonly=args.readonly)


COMMANDS = {"console": Command("open the console", _options, _run)}

"""`flowd console`: the terminal console of a running daemon."""

from __future__ import annotations

import argparse
import os

from console.app import run
from flowd.cli.command import Command, socket_option
from flowd.config import Config, client_socket


def _run(args: argparse.Namespace) -> int:
    return run(client_socket(Config.load(args, os.environ)))


COMMANDS = {"console": Command("open the console", socket_option, _run)}

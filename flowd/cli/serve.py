"""`flowd serve`: settings in, the daemon in the foreground."""

from __future__ import annotations

import argparse
import os
from importlib import import_module

from flowd.cli.command import Command
from flowd.config import LISTEN, Config


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workflows", metavar="DIR", help="the drop folder (FLOWD_WORKFLOWS)")
    parser.add_argument("--data", metavar="DIR", help="database, key, lock (FLOWD_DATA)")
    parser.add_argument("--socket", metavar="PATH", help="unix socket for console and commands (FLOWD_SOCKET)")
    parser.add_argument("--listen", metavar="HOST:PORT|off", help=f"TCP for SDKs (FLOWD_LISTEN, default {LISTEN})")
    parser.add_argument("--no-auth", action="store_true", help="accept any credentials; on loopback only")
    parser.add_argument("--testing", action="store_true", help="a daemon for tests: its clock can be moved forward")
    parser.add_argument("--time-factor", metavar="N", help="for tests: its clock goes N times as fast")
    parser.add_argument("--mocks", metavar="FILE", help="for tests: a MockConfigFile.json (SFN_MOCK_CONFIG)")


def _run(args: argparse.Namespace) -> int:
    config = Config.load(args, os.environ)
    code: int = import_module("flowd.foreground").serve(config)
    return code


COMMANDS = {"serve": Command("run the daemon in the foreground", _arguments, _run)}

"""Commands that are promised but not built: they say so instead of doing half."""

from __future__ import annotations

import argparse

from flowd.cli.command import USAGE, Command
from flowd.cli.output import complain

_SWF = "SWF is not built yet: this command will come with it"


def _anything(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)


def _refusal(name: str, kind: str, text: str, instead: str) -> Command:
    def run(args: argparse.Namespace) -> int:
        complain(f"flowd {name}: {text}{instead}")
        return USAGE

    return Command(f"not built yet: {kind}", _anything, run)


COMMANDS = {
    "signal": _refusal("signal", "SWF", _SWF, "; a Step Functions task that waits is answered with `flowd answer`"),
    "cancel": _refusal("cancel", "SWF", _SWF, "; a Step Functions execution is stopped with `flowd stop`"),
    "terminate": _refusal("terminate", "SWF", _SWF, "; a Step Functions execution is stopped with `flowd stop`"),
}

"""What a command is: arguments in, exit code out. The table of all commands is in `flowd.__main__`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from flowd.client import Client
from flowd.config import Config
from flowd.errors import ConfigError, FlowdError, reason

OK = 0
FAILED = 1
INTERRUPTED = 130
#: What flowd.service gives its daemon (docs/systemd.md).
SYSTEM: Final[Mapping[str, str]] = {
    "STATE_DIRECTORY": "/var/lib/flowd",
    "RUNTIME_DIRECTORY": "/run/flowd",
    "CONFIGURATION_DIRECTORY": "/etc/flowd",
    "CREDENTIALS_DIRECTORY": "/run/credentials/flowd.service",
}
_NAMING: Final = ("FLOWD_SOCKET", "FLOWD_DATA", "FLOWD_CONFIG")  # each says which daemon is meant


class CommandError(FlowdError):
    """The command cannot be carried out; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what its help says, which arguments it takes, what it does.

    `run` gets the parsed arguments and, as `at_end`, an ExitStack for what must be closed after the command.
    """

    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def json_flag(parser: argparse.ArgumentParser) -> None:
    """`--json`, which every listing takes."""
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def socket_option(parser: argparse.ArgumentParser) -> None:
    """Where the daemon is."""
    parser.add_argument("--socket", metavar="PATH", help="the daemon's socket (default: FLOWD_SOCKET, or where it is)")


def config_of(args: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Config:
    """The settings of the daemon that a command speaks of. Where nothing names one, and the user has none, it is the
    system's service, if that is installed here."""
    config = Config.load(args, environ)
    named = (getattr(args, "socket", None), getattr(args, "data", None), *map(environ.get, (*_NAMING, *SYSTEM)))
    if any(named) or os.path.exists(config.socket) or not os.path.isdir(SYSTEM["CONFIGURATION_DIRECTORY"]):
        return config
    own = config.file is not None or os.path.exists(config.database)
    try:
        system = Config.load(args, {**environ, **SYSTEM})
    except ConfigError:
        # Settings that are not for this user's eyes, or are wrong and not in force for him, keep no command from him.
        if not own and os.access(Path(SYSTEM["CONFIGURATION_DIRECTORY"], "flowd.toml"), os.R_OK):
            raise
        system = _without_settings(config)
    if not own:
        return system
    return replace(config, socket=system.socket) if os.path.exists(system.socket) else config


def _without_settings(config: Config) -> Config:
    """The system's service as it is where it has no settings file."""
    state, run, settings = (Path(SYSTEM[f"{name}_DIRECTORY"]) for name in ("STATE", "RUNTIME", "CONFIGURATION"))
    return replace(config, data=state, socket=run / "flowd.sock", workflows=settings / "workflows")


def connect(args: argparse.Namespace) -> Client:
    """A client of the daemon that the arguments and the environment name; closed when the command is over."""
    client = Client(config_of(args).socket)
    args.at_end.callback(client.close)
    return client


def epoch(text: str) -> float:
    """A date that was typed, in seconds since the epoch: of the local zone, or with a zone of its own."""
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError):  # also a date that is beyond the calendar in the local zone
        raise CommandError(f"'{text}' is no date; write 2026-01-31 or 2026-01-31T12:00") from None


def document(text: str) -> str:
    """JSON given as an argument: the text itself, `@FILE`, or `-` for standard input. Files and standard input keep
    what is private out of `ps`. Raises CommandError if it is no JSON."""
    if text == "-":
        content, where = sys.stdin.read(), "standard input"
    elif text.startswith("@"):
        content, where = _read(Path(text[1:])), text[1:]
    else:
        content, where = text, "the argument"
    try:
        json.loads(content)
    except (ValueError, RecursionError) as error:
        hint = "; text needs double quotes inside: '\"text\"'" if where == "the argument" else ""
        raise CommandError(f"{where} is no JSON: {error}{hint}") from None
    return content


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise CommandError(f"cannot read {path}: {reason(error)}") from None

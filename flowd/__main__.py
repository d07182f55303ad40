"""`flowd COMMAND`: finds the command, runs it, turns errors into one line and an exit code.

Only the module of the command that was asked for is imported: `flowd ls` does not wait for the console's widgets.
Exit codes: 0 done, 1 failed (or errors found), 2 wrong use or not built yet, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import import_module
from typing import Final

from flowd import __version__
from flowd.errors import FlowdError, reason

# Command -> module of flowd.cli, in the order in which the help shows them.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "serve": ("serve", "run the daemon in the foreground"),
    "env": ("env", "print what an SDK client exports"),
    "console": ("console", "open the console"),
    "check": ("check", "validate definitions, without a daemon"),
    "run": ("run", "run one definition to its end, without a daemon"),
    "start": ("executions", "start an execution"),
    "ls": ("executions", "list executions"),
    "show": ("inspection", "show one execution"),
    "history": ("inspection", "print an execution's events"),
    "compare": ("compare", "two executions state by state, and where they part"),
    "logs": ("inspection", "print what an execution's functions wrote"),
    "stop": ("executions", "stop an execution"),
    "skip": ("testing", "on a daemon for tests: skip to the next deadline"),
    "redrive": ("executions", "restart a failed execution at what failed"),
    "batch": ("batch", "do something to many executions, or list such batches"),
    "fork": ("retries", "start an execution at a state of an earlier one"),
    "retry-now": ("retries", "end the back-offs an execution waits in"),
    "heartbeat": ("retries", "say that an open task is being worked on"),
    "inbox": ("inbox", "list what waits for a person"),
    "claim": ("inbox", "say that you work on a prompt, or who shall"),
    "answer": ("inbox", "answer what waits for a person"),
    "machines": ("lists", "list state machines, and what is wrong in the workflows folder"),
    "workflows": ("code", "list code-first workflows and their workers"),
    "schedules": ("lists", "list schedules; pause, resume or run one"),
    "queues": ("lists", "list activities and SWF task lists with their tasks and workers"),
    "projects": ("projects", "list what templates made, and what not and why"),
    "deploys": ("overview", "published versions, and how two of them differ"),
    "dead": ("overview", "what failed, by machine, state and error"),
    "metrics": ("overview", "what began and ended, minute by minute"),
    "views": ("overview", "your saved views"),
    "audit": ("overview", "who did what, and when"),
    "log": ("overview", "the daemon's own log"),
    "doctor": ("doctor", "look at everything the daemon needs"),
    "backup": ("upkeep", "copy the database while the daemon works"),
    "restore": ("upkeep", "put a copy of the database back"),
    "signal": ("swf", "send a signal to an SWF execution"),
    "cancel": ("swf", "ask an SWF execution to cancel"),
    "terminate": ("swf", "end an SWF execution at once"),
}
_STORY: Final = "story"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _main(arguments)
    except FlowdError as error:
        sys.stderr.write(f"flowd: {_code(error)}{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read us has enough (`flowd ls | head`); the interpreter must not complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # What no command has put in words: a file, most likely, that it could not use.
        place = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"flowd: {place}{reason(error)}; `flowd doctor` looks at everything flowd needs\n")
        return 1


def _main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "--help"
    if name in ("--help", "-h", "help"):
        sys.stdout.write(_help())
        return 0 if arguments else 2
    if name in ("--version", "-V"):
        sys.stdout.write(f"flowd {__version__}\n")
        return 0
    if name == _STORY:  # parses its own arguments
        story: int = import_module("flowd.cli.story").main(arguments[1:])
        return story
    if name not in COMMANDS:
        sys.stderr.write(f"flowd: there is no command '{name}'; `flowd --help` lists them\n")
        return 2
    command = import_module(f"flowd.cli.{COMMANDS[name][0]}").COMMANDS[name]
    parser = argparse.ArgumentParser(prog=f"flowd {name}", description=command.help, allow_abbrev=False)
    command.arguments(parser)
    try:
        args = parser.parse_args(arguments[1:])
    except SystemExit as stop:
        return int(stop.code or 0)
    with ExitStack() as args.at_end:
        code: int = command.run(args)
    sys.stdout.flush()
    return code


def _code(error: FlowdError) -> str:
    """AWS's error code where the daemon gave one."""
    code = getattr(error, "code", "")
    return f"{code}: " if isinstance(code, str) and code else ""


def _help() -> str:
    lines = ["usage: flowd COMMAND ...", ""]
    lines += [f"  {name:<10} {text}" for name, (_, text) in COMMANDS.items()]
    lines += ["", "`flowd COMMAND --help` tells the rest.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

"""From what people type to ARNs: the name of a machine, the name of an execution or its beginning."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from flowd.cli.command import CommandError
from flowd.client import Client
from flowd.names import split_arn

_SHOWN = 5


def machine_arn(client: Client, text: str, workflows: Sequence[str] | None = None) -> str:
    """The ARN of a machine given by ARN or name; `NAME:7` and `NAME:ALIAS` name a version or an alias.

    `workflows`: what else could have been meant, for who starts something.
    """
    if split_arn(text) is not None:
        return text
    name, colon, qualifier = text.partition(":")
    machines = client.flowd("ListMachines")["machines"]
    for machine in machines:
        if machine["name"] == name:
            return f"{machine['stateMachineArn']}{colon}{qualifier}"
    known = sorted({*(machine["name"] for machine in machines), *(workflows or ())})
    near = [other for other in known if name.lower() in other.lower()] or known
    hint = f"; there are {', '.join(near[:_SHOWN])}" + (" ..." if len(near) > _SHOWN else "") if near else ""
    if workflows is None:
        raise CommandError(f"there is no machine '{name}'{hint}")
    raise CommandError(f"there is no machine or workflow '{name}'{hint}. A file dropped just now takes a moment")


def execution_argument(parser: argparse.ArgumentParser) -> None:
    """The execution that a command is about, as `execution_arn` finds it."""
    parser.add_argument("execution", metavar="EXECUTION", help="name, the beginning of a name, MACHINE:NAME or ARN")


def execution_arn(client: Client, text: str) -> str:
    """The ARN of an execution given by ARN, by name, by the beginning of its name, or as MACHINE:NAME."""
    if split_arn(text) is not None:
        return text
    machine, colon, name = text.rpartition(":")
    scope = f"machine:{machine} " if colon else ""
    for pattern in (name, f"{name}*"):
        found = client.flowd("ListExecutions", filter=f"{scope}name:{pattern}", limit=_SHOWN + 1)["executions"]
        if len(found) == 1:
            return str(found[0]["executionArn"])
        if found:
            raise CommandError(_ambiguous(text, found))
    raise CommandError(f"there is no execution '{text}'; `flowd ls` lists them")


def _ambiguous(text: str, found: list[dict[str, Any]]) -> str:
    names = ", ".join(f"{item['stateMachineName']}:{item['name']}" for item in found[:_SHOWN])
    more = " ..." if len(found) > _SHOWN else ""
    return f"'{text}' fits several executions: {names}{more}; write MACHINE:NAME or the ARN"

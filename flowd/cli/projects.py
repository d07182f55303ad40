"""`flowd projects`: what templates in the workflows folder have made, and what not, with reasons and lines."""

from __future__ import annotations

import argparse
from typing import Any

from flowd.cli.command import FAILED, OK, Command, connect, json_flag, socket_option
from flowd.cli.output import clean, print_json, print_table

#: What nobody has to look at.
FINE = ("loaded", "made", "ignored", "absent")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("template", metavar="TEMPLATE", nargs="?", help="only this one, as the listing calls it")
    parser.add_argument("--open", action="store_true", help="only what was not made; exit 1 if there is any")
    json_flag(parser)
    socket_option(parser)


def _run(args: argparse.Namespace) -> int:
    projects = connect(args).flowd("ListProjects")["projects"]
    chosen = [each for each in projects if args.template in (None, each["source"])]
    if args.open:
        chosen = [{**each, "resources": [one for one in each["resources"] if not is_fine(one)]} for each in chosen]
    if args.json:
        print_json(chosen)
    else:
        head = ("TEMPLATE", "RESOURCE", "TYPE", "NAME", "STATUS", "NOTE")
        print_table(head, rows(chosen), "no templates: drop a folder with a template.yaml into the workflows folder")
    left = [one for each in chosen for one in each["resources"] if not is_fine(one)]
    return FAILED if args.open and left else OK


def is_fine(resource: dict[str, Any]) -> bool:
    return resource["status"] in FINE


def rows(projects: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """One per resource, with its place."""
    return [
        (
            f"{project['source']}:{one.get('line', 1)}",
            one["resource"],
            one["type"],
            one["name"],
            one["status"],
            clean(one.get("note", "")),
        )
        for project in projects
        for one in project["resources"]
    ]


COMMANDS = {"projects": Command("list what templates made, and what not and why", _arguments, _run)}

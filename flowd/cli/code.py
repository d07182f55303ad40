"""Code-first workflows on the command line: `workflows`, `start NAME`, and `run FILE.py` on the simulator."""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from flowd.cli.command import FAILED, INTERRUPTED, OK, Command, CommandError, connect, json_flag, socket_option
from flowd.cli.lists import complain_about
from flowd.cli.output import block, complain, print_json, print_table
from flowd.client import Client
from flowd.sdk import Workflow
from flowd.sdk.errors import SdkError
from flowd.sdk.guard import Guard
from flowd.sdk.loading import Loaded, NotLoadable, load_file
from flowd.sdk.testing import Asked, Handle, Simulation, WorkflowFailed


def current(client: Client) -> list[str]:
    """The workflows that can be started."""
    return [name for each in client.flowd("ListWorkflows")["workflows"] if each["current"] for name in each["names"]]


def start(client: Client, name: str, given: str, workflow_id: str | None) -> dict[str, Any]:
    """Start the current version of a workflow."""
    return client.flowd("StartWorkflow", name=name, input=given, workflowId=workflow_id)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="one workflow, with what its workers say")
    json_flag(parser)
    socket_option(parser)


def _workflows(args: argparse.Namespace) -> int:
    client = connect(args)
    workflows = client.flowd("ListWorkflows", name=args.name)["workflows"]
    if args.json:
        print_json(workflows)
        return OK
    rows = [
        (
            ", ".join(each["names"]),
            each["version"],
            "current" if each["current"] else "until its executions end",
            f"{each['worker']}, started {each['starts']} times" if each["starts"] > 1 else each["worker"],
            each["source"],
        )
        for each in workflows
    ]
    print_table(("WORKFLOWS", "VERSION", "FOR", "WORKER", "FROM"), rows, "no workflows: drop a file with @workflow")
    for each in workflows:
        if each.get("log"):
            print(block(f"--- {each['version']}\n{each['log'].rstrip()}"))
    for file in client.flowd("ListFiles")["files"]:
        if file["kind"] == "python" and file["status"] == "rejected":
            complain_about(file)
    return OK


COMMANDS = {"workflows": Command("list code-first workflows and their workers", _arguments, _workflows)}


def run_code(file: Path, given: str, name: str | None, answers: Sequence[str], skip_waits: bool) -> int:
    """Run one workflow of a file to its end: its activities for real, people as `answers` says."""
    try:
        loaded = load_file(file)
    except NotLoadable as error:
        for finding in error.findings:
            complain(f"{file.parent / finding.path}:{finding.line}:{finding.column}: {finding.code} {finding.message}")
        return FAILED
    workflow = _chosen(loaded, file, name)
    simulation = Simulation(datetime.now(UTC), None if skip_waits else lambda seconds: _pause(simulation, seconds))
    for answer in answers:
        queue, value = _answer(answer)
        simulation.when_asked_in(queue, partial(_said, value))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        with Guard(loaded.files):
            return _to_the_end(simulation, workflow, given)
    except KeyboardInterrupt:
        complain("stopped")
        return INTERRUPTED


def _to_the_end(simulation: Simulation, workflow: Workflow[Any, Any], given: str) -> int:
    try:
        handle: Handle[Any] = simulation.start_text(workflow, given)
        simulation.finish(handle)
        print(block(handle.run.closing.get("result") or "null"))
    except WorkflowFailed as failure:
        complain(f"{failure.status}: {failure.type or 'no reason'}")
        for told in getattr(failure, "__notes__", [failure.message] if failure.message else []):
            complain(told.rstrip())
        return FAILED
    except SdkError as error:
        _refuse_to_wait(simulation)
        raise CommandError(str(error)) from None
    return OK


def _pause(simulation: Simulation, seconds: float) -> None:
    """Let real time pass."""
    _refuse_to_wait(simulation)
    time.sleep(seconds)


def _refuse_to_wait(simulation: Simulation) -> None:
    """Nobody can know here that a person is asked."""
    for asked in simulation.asked:
        way = f"give --answer {asked.queue}=JSON, or --skip-waits (no answer)"
        raise CommandError(f"{asked.title!r} waits in {asked.queue}: {way}")


def _chosen(loaded: Loaded, file: Path, name: str | None) -> Workflow[Any, Any]:
    workflows = loaded.registry.workflows
    if not workflows:
        raise CommandError(f"{file} has no @workflow")
    wanted = name or (file.stem if file.stem in workflows else next(iter(workflows)) if len(workflows) == 1 else "")
    if wanted not in workflows:
        raise CommandError(f"say which workflow with --workflow: {', '.join(sorted(workflows))}")
    return workflows[wanted]


def _answer(text: str) -> tuple[str, Any]:
    queue, sign, value = text.partition("=")
    try:
        if sign:
            return queue, json.loads(value)
    except ValueError:
        pass
    raise CommandError(f"--answer takes QUEUE=JSON, as in desk='{{\"approved\": true}}', not {text}")


def _said(value: Any, asked: Asked) -> Any:
    return value

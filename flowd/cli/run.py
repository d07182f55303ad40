"""`flowd run`: one definition to its end, without a daemon and without a trace.

The interpreter's own in-memory host walks; functions of the definition's folder run in a runner of their own that ends
with the command. What needs a store, a worker or a person is refused before anything begins.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowd.asl import positions
from flowd.asl.diagnostics import Diagnostic, errors
from flowd.asl.host import Host, TaskKey, new_execution
from flowd.asl.parse import parse
from flowd.asl.resources import split_resource
from flowd.asl.validate import states, validate
from flowd.asl.validate_maps import is_distributed
from flowd.cli.check import YAML, Finding, placed
from flowd.cli.code import run_code
from flowd.cli.command import FAILED, INTERRUPTED, OK, Command, CommandError, document
from flowd.cli.output import block, complain
from flowd.clock import SystemClock
from flowd.config import Config
from flowd.decisions import CloseExecution, Pattern, ScheduleTask
from flowd.engine.dropfolder.scan import Scanner
from flowd.errors import FlowdError, reason
from flowd.functions import FunctionSpec
from flowd.history import Event, News
from flowd.integrations.ports import Failed, Integration, Outcome, Succeeded, TaskCall
from flowd.integrations.registry import Ports, Registry
from flowd.payload import loads
from flowd.runner.client import RunnerClient
from flowd.sam.intrinsics import substitute

_FAILURES = {"start": News.TASK_START_FAILED, "submit": News.TASK_SUBMIT_FAILED, "run": News.TASK_FAILED}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="NAME.asl.json, NAME.asl.yaml or NAME.py")
    parser.add_argument("--input", metavar="JSON", default="{}", help="JSON, @FILE or - for standard input")
    parser.add_argument("--skip-waits", action="store_true", help="Wait states and retry pauses take no time")
    parser.add_argument("--workflow", metavar="NAME", help="which workflow of NAME.py (default: the one named like it)")
    parser.add_argument(
        "--answer", metavar="QUEUE=JSON", action="append", default=[], help="what people of a queue answer (NAME.py)"
    )
    parser.add_argument("--logs", action="store_true", help="print on stderr what functions write")


def _run(args: argparse.Namespace) -> int:
    given = document(args.input)
    if args.file.suffix == ".py":
        return run_code(args.file, given, args.workflow, args.answer, args.skip_waits)
    config = Config.load(args, os.environ)
    try:
        text = args.file.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise CommandError(f"cannot read {args.file}: {reason(error)}") from None
    text, _ = substitute(text, dict(config.substitutions))
    yaml = args.file.name.endswith(YAML)
    functions = _functions(args.file, config)
    try:
        return asyncio.run(_to_the_end(args, text, yaml, given, functions))
    except KeyboardInterrupt:
        complain("stopped")
        return INTERRUPTED


def _functions(file: Path, config: Config) -> Sequence[FunctionSpec]:
    """The functions of `functions/` beside the definition."""
    folder = file.absolute().parent / "functions"
    if not folder.is_dir():
        return ()
    scanner = Scanner(str(file.absolute().parent), region=config.region, account=config.account)
    return [spec for spec in scanner.scan().functions if Path(spec.path).is_relative_to(folder)]


async def _to_the_end(
    args: argparse.Namespace, text: str, yaml: bool, given: str, functions: Sequence[FunctionSpec]
) -> int:
    async with contextlib.AsyncExitStack() as stack:
        clock = SystemClock()
        runner = RunnerClient(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flowd-"))) / "runner.sock")
        registry = Registry.of(Ports(clock=clock, functions=runner))
        names = {spec.name for spec in functions}
        definition, refused = _checked(text, yaml, registry, names)
        if refused:
            for found in refused:
                complain(str(Finding(str(args.file), found)))
            return FAILED
        if functions:
            await runner.connect(spawn=True)
            stack.push_async_callback(runner.close, abandon=True)  # nobody comes back for what it holds
            await runner.register(functions, {})
        host = Host(parse(definition), new_execution(given, clock.now_ms()), seed=uuid.uuid4().bytes)
        closed = await _Walk(host, registry, clock, args.skip_waits, args.logs).run()
        return _report(closed)


def _report(closed: CloseExecution) -> int:
    if closed.status == "SUCCEEDED":
        print(block(closed.output.text if closed.output is not None else ""))
        return OK
    complain(f"{closed.status}: {closed.error or 'no error name'}")
    if closed.cause:
        complain(closed.cause)
    return FAILED


# --- what can run here -----------------------------------------------------------------------------------------------


def _checked(text: str, yaml: bool, registry: Registry, functions: set[str]) -> tuple[str, list[Diagnostic]]:
    """The definition as JSON, and why it cannot run here (empty: it can)."""
    loaded = positions.load(text, yaml)
    if isinstance(loaded, Diagnostic):
        return "", [loaded]

    def check(service: str, action: str, pattern: Pattern, resource: str) -> str | None:
        if service == "activity" or pattern == "waitForTaskToken":
            return "this Task waits for a worker or a person, which needs a daemon: `flowd serve`, then `flowd start`"
        return registry.refuse(service, action, pattern)

    found = errors(validate(loaded.json, resources=check))
    found += _distributed_maps(loads(loaded.json)) if not found else []
    found += _missing_functions(loads(loaded.json), functions) if not found else []
    return loaded.json, [placed(each, *loaded.place(each.location)) for each in found]


def _distributed_maps(definition: Any) -> list[Diagnostic]:
    """Their children are executions of their own, which need a store."""
    message = "a Distributed Map starts executions of its own, which needs a daemon: `flowd serve`, then `flowd start`"
    return [
        Diagnostic("ERROR", "INVALID_RESOURCE", message, location)
        for state, location in states(definition)
        if is_distributed(state.get("ItemProcessor") or state.get("Iterator"))
    ]


def _missing_functions(definition: Any, functions: set[str]) -> list[Diagnostic]:
    """Functions that are named but not there. On AWS that fails at run time; here it would only ever be a slip."""
    found: list[Diagnostic] = []
    for state, location in states(definition):
        resource = split_resource(str(state.get("Resource"))) if state.get("Type") == "Task" else None
        if resource is None or resource.service != "lambda":
            continue
        given = state.get("Parameters") or state.get("Arguments") or {}
        named = (
            resource.arn if resource.family == "lambda" else given.get("FunctionName") if type(given) is dict else None
        )
        if not isinstance(named, str) or named.startswith("{%"):
            continue
        name = named.partition(":function:")[2].partition(":")[0] or named.partition(":")[0]
        if name not in functions:
            message = f"there is no function {name} in functions/ beside the definition"
            found.append(Diagnostic("ERROR", "INVALID_RESOURCE", message, f"{location}/Resource"))
    return found


# --- the walk --------------------------------------------------------------------------------------------------------


class _Walk:
    """Runs the calls a host asks for and lets time pass."""

    def __init__(self, host: Host, registry: Registry, clock: SystemClock, skip_waits: bool, logs: bool) -> None:
        self._host = host
        self._registry = registry
        self._clock = clock
        self._skip_waits = skip_waits
        self._logs = logs
        self._skipped_ms = 0
        self._calls: dict[TaskKey, asyncio.Task[Event]] = {}

    def _now_ms(self) -> int:
        return self._clock.now_ms() + self._skipped_ms

    async def run(self) -> CloseExecution:
        """How the execution ended."""
        self._host.start(self._now_ms())
        while (closed := self._host.closed) is None:
            await self._drop_stale()
            for key, task in self._host.tasks.items():
                if key not in self._calls:
                    self._calls[key] = asyncio.create_task(self._call(task))
            await self._wait()
        await self._drop_stale()
        return closed

    async def _wait(self) -> None:
        alarm = self._host.next_alarm()
        due_ms = self._host.alarms[alarm].due_ms if alarm is not None else None
        if due_ms is None and not self._calls:
            raise CommandError("the execution waits for nothing: this is a fault of flowd, please report it")
        if due_ms is not None and self._skip_waits and not self._calls:
            self._skipped_ms += max(0, due_ms - self._now_ms())
        pause_s = None if due_ms is None else max(0.0, (due_ms - self._now_ms()) / 1000)
        if self._calls:
            done, _ = await asyncio.wait(self._calls.values(), timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
            for key in [key for key, call in self._calls.items() if call in done]:
                self._host.deliver(self._calls.pop(key).result(), self._now_ms())
        elif pause_s:
            await asyncio.sleep(pause_s)
        self._host.ring(self._now_ms())

    async def _drop_stale(self) -> None:
        """Stop calls whose attempt is over: timed out, or a sibling failed."""
        for key in [key for key in self._calls if key not in self._host.tasks]:
            self._calls.pop(key).cancel()

    async def _call(self, task: ScheduleTask) -> Event:
        integration = self._registry.find(task.service)
        if integration is None:
            return _event(task, Failed("States.Runtime", f"no integration runs {task.resource}", "start"))
        call = TaskCall.of(task, f"1:{task.frame}:{task.attempt}", self._host.execution, self._now_ms())
        try:
            outcome = await self._outcome(integration, task, call)
        except asyncio.CancelledError:
            await integration.cancel(call)
            raise
        except FlowdError as error:
            outcome = Failed("States.TaskFailed", str(error))
        if self._logs and outcome.log:
            print(f"--- {task.state}\n{block(outcome.log)}", file=sys.stderr)
        return _event(task, outcome)

    async def _outcome(self, integration: Integration, task: ScheduleTask, call: TaskCall) -> Outcome:
        outcome = await integration.call(call)
        if isinstance(outcome, Failed) or not task.pattern:
            return outcome
        self._host.deliver(
            Event(News.TASK_SUBMITTED, task.frame, task.attempt, {"output": outcome.output}), self._now_ms()
        )
        return await integration.wait(call, outcome.output)


def _event(task: ScheduleTask, outcome: Outcome) -> Event:
    if isinstance(outcome, Succeeded):
        return Event(News.TASK_SUCCEEDED, task.frame, task.attempt, {"output": outcome.output})
    details = {key: value for key, value in (("error", outcome.error), ("cause", outcome.cause)) if value is not None}
    return Event(_FAILURES[outcome.stage], task.frame, task.attempt, details)


COMMANDS = {"run": Command("run one definition to its end, without a daemon", _arguments, _run)}

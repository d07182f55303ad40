"""Workflow files over flowd's own API: which versions there are, how their workers do, and starts by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from flowd.api import flowd_workflows
from flowd.client import RemoteError
from flowd.containers import ContainerEnd
from flowd.engine.codefiles import DOMAIN, CodeFiles
from flowd.engine.codeworkers import CodeWorkers, Site
from flowd.swf.registration import RegisteredType
from tests.api.box import Box
from tests.engine.test_codefiles import Processes, flow


class Files:
    """Workflow files of a box whose worker processes are played by the test."""

    def __init__(self, box: Box) -> None:
        core = box.world.core
        self.box = box
        self.processes = Processes()
        workers = CodeWorkers(self.processes, box.world.clock, Site(["python"]), self._pause)
        self.code = CodeFiles(core.db, box.world.clock, core.swf, workers, box.folder / "code")
        object.__setattr__(box.services, "code", self.code)
        core.workflows.current = self.code.current_version

    async def _pause(self, seconds: float) -> None:
        await asyncio.Event().wait()  # for ever: a process that died stays away

    async def register(self, version: str) -> None:
        """What a worker does first."""
        core = self.box.world.core
        if not core.swf.domains:
            await core.swf.register_domain(DOMAIN, "90", None, {})
        defaults = {
            "defaultTaskList": f"flow-{version}",
            "defaultTaskStartToCloseTimeout": "10",
            "defaultExecutionStartToCloseTimeout": "60",
            "defaultChildPolicy": "TERMINATE",
        }
        made = RegisteredType(kind="workflow", name="flow", version=version, created_ms=0, defaults=defaults)
        await core.swf.register_type(DOMAIN, made)

    async def refused(self, operation: str, **members: str) -> tuple[str, str]:
        refused = await self.box.flowd_refused(operation, **members)
        return refused.code, str(refused)


@pytest.fixture
async def files(box: Box) -> AsyncIterator[Files]:
    made = Files(box)
    await made.code.start()
    yield made
    await made.code.stop(and_processes=True)


async def test_a_daemon_without_workers_says_so(box: Box) -> None:
    with pytest.raises(RemoteError, match="this daemon runs no code-first workflows"):
        await box.flowd("ListWorkflows")


async def test_versions_are_listed_with_their_workers_and_one_workflow_with_its_log(files: Files) -> None:
    box = files.box
    assert await box.flowd("ListWorkflows") == {"workflows": []}
    await files.code.set_files([flow("v1")], lambda path: False)
    await files.processes.started(1)
    (shown,) = (await box.flowd("ListWorkflows"))["workflows"]
    assert shown == {
        "names": ["flow"],
        "source": "deep/flow.py",
        "version": "v1",
        "current": True,
        "domain": "flowd",
        "taskList": "flow-v1",
        "createdAt": box.world.clock.now_ms() / 1000,
        "worker": "RUNNING",
        "starts": 1,
    }
    (asked,) = (await box.flowd("ListWorkflows", name="flow"))["workflows"]
    assert asked == {**shown, "log": "code:v1 says\n"}
    files.processes.end("code:v1", ContainerEnd(exit_code=1, log="Traceback ...\n"))
    async with asyncio.timeout(5):
        while (now := (await box.flowd("ListWorkflows", name="flow"))["workflows"][0])["worker"] == "RUNNING":
            await asyncio.sleep(0.001)
    assert (now["worker"], now["log"]) == ("BACKING_OFF", "Traceback ...\nthe process ended with exit status 1\n")


async def test_a_start_takes_the_current_version_as_soon_as_its_worker_has_registered_it(files: Files) -> None:
    box = files.box
    await files.code.set_files([flow("v1")], lambda path: False)
    starting = asyncio.create_task(box.flowd("StartWorkflow", name="flow", input='{"a": 1}', workflowId="w-1"))
    await files.processes.started(1)
    await files.register("v1")
    started = await starting
    assert (started["workflowId"], started["version"], started["domain"]) == ("w-1", "v1", "flowd")
    assert started["executionArn"].endswith(f":execution:flowd:w-1:{started['runId']}")
    shown = await box.flowd("GetExecution", executionArn=started["executionArn"])
    assert (shown["status"], shown["input"]) == ("RUNNING", '{"a": 1}')
    await files.code.set_files([flow("v2")], lambda path: False)
    await files.register("v2")
    later = await box.flowd("StartWorkflow", name="flow")
    assert later["version"] == "v2" and later["workflowId"] != "w-1"
    code, _ = await files.refused("StartWorkflow", name="flow", workflowId="w-1")
    assert code == "WorkflowExecutionAlreadyStartedFault"


async def test_programs_start_the_current_version_by_that_word(files: Files) -> None:
    box = files.box
    named = {"domain": DOMAIN, "workflowType": {"name": "flow", "version": "current"}}
    for version in ("v1", "v2"):
        await files.code.set_files([flow(version)], lambda path: False)
        if version == "v1":
            assert (await box.swf_refused("start_workflow_execution", **named, workflowId="w"))[
                0
            ] == "UnknownResourceFault"
        await files.register(version)
        run = await box.swf("start_workflow_execution", **named, workflowId=version)
        execution = {"workflowId": version, "runId": run["runId"]}
        told = await box.swf("describe_workflow_execution", domain=DOMAIN, execution=execution)
        assert told["executionInfo"]["workflowType"] == {"name": "flow", "version": version}
    await files.register("current")  # a worker of somebody's own goes before
    run = await box.swf("start_workflow_execution", **named, workflowId="own")
    told = await box.swf(
        "describe_workflow_execution", domain=DOMAIN, execution={"workflowId": "own", "runId": run["runId"]}
    )
    assert told["executionInfo"]["workflowType"]["version"] == "current"


async def test_a_worker_that_registers_nothing_is_quoted(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flowd_workflows, "_LOOKS", 1)
    await files.code.set_files([flow("v1")], lambda path: False)
    await files.processes.started(1)
    code, message = await files.refused("StartWorkflow", name="flow")
    assert code == "ValidationException"
    assert "the worker of deep/flow.py has not registered flow: code:v1 says" in message


@pytest.mark.parametrize("operation", ["ListWorkflows", "StartWorkflow"])
async def test_an_unknown_workflow_is_refused_with_those_that_there_are(files: Files, operation: str) -> None:
    code, message = await files.refused(operation, name="saga")
    assert (code, message.partition("there is no")[2]) == ("UnknownResourceFault", " workflow saga; there are none")
    await files.code.set_files([flow("v1")], lambda path: False)
    assert (await files.refused(operation, name="saga"))[1].endswith("there is no workflow saga; there are flow")

"""The console on a real daemon: what the fake one cannot show."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, nullcontext
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import FlowdApp
from console.client import SocketDaemon
from console.screens.answer import AnswerScreen
from flowd.cli.story import Stage
from flowd.client import Client
from tests.console import driver
from tests.console.driver import goes_to, notices, quiet, screen_text, until

pytestmark = pytest.mark.slow

DESK = "arn:aws:states:us-east-1:000000000000:activity:desk"
SCHEMA = {
    "type": "object",
    "properties": {"amount": {"type": "integer", "maximum": 5}, "note": {"type": "string"}},
    "required": ["amount"],
}
EVIL = "a [red]name[/] \x1b[31mof\x1b[0m 日本 \x1b]0;title\x07"
ASKING = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task", "Resource": DESK, "ResultPath": "$.answer", "Next": "Done",
            "Parameters": {"Prompt": {"Title": EVIL, "Schema": SCHEMA}, "total.$": "$.total"},
        },
        "Done": {"Type": "Succeed"},
    },
}  # fmt: skip
COUNTING = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(driver, "DEADLINE_S", 60.0)
    workflows = tmp_path / "workflows"
    workflows.mkdir()
    for name, definition in {"asking": ASKING, "counting": COUNTING}.items():
        (workflows / f"{name}.asl.json").write_text(json.dumps(definition))
    (workflows / "broken.asl.json").write_text('{"StartAt": "A", "States": {"B": {"Type": "Succeed"}}}')
    box = Stage(tmp_path, workflows)
    box.environ["FLOWD_CONFIG"] = str(tmp_path / "none.toml")
    (tmp_path / "none.toml").touch()
    box.start()
    yield box
    box.stop()


def starts(stage: Stage, machine: str, document: Any, *names: str) -> None:
    with closing(Client(stage.socket)) as client:
        machines = client.flowd("ListMachines")["machines"]
        arn = next(each["stateMachineArn"] for each in machines if each["name"] == machine)
        for name in names:
            client.states("StartExecution", stateMachineArn=arn, input=json.dumps(document), name=name)


@asynccontextmanager
async def attached(stage: Stage, width: int = 100) -> AsyncIterator[Pilot[int]]:
    app = quiet(FlowdApp(SocketDaemon(stage.socket), state_dir=stage.home))
    async with app.run_test(size=(width, 30)) as pilot:
        await sees(pilot, "● live")
        yield pilot
    assert app.faults == []


async def sees(pilot: Pilot[int], *texts: str) -> str:
    """Real processes take their time: looked at ten times a second."""
    end = asyncio.get_running_loop().time() + driver.DEADLINE_S
    while not all(text in screen_text(pilot) for text in texts):
        assert asyncio.get_running_loop().time() < end, f"never {texts}:\n{screen_text(pilot)}"
        await asyncio.sleep(0.1)
        await pilot.pause()
    return screen_text(pilot)


async def test_the_list_follows_the_daemon_and_pages_to_its_end(stage: Stage) -> None:
    starts(stage, "counting", {}, *(f"early-{number:03}" for number in range(450)))
    async with attached(stage) as pilot:
        await sees(pilot, "✓ 450", "early-449")
        await pilot.press("G")
        await sees(pilot, "early-000")
        await pilot.press("g")
        starts(stage, "counting", {"x": 1}, "late")
        await sees(pilot, "✓ 451", "▲ 1 new")
        await pilot.press("n")
        assert "▌✓  late" in (await sees(pilot, "late")).replace("▌✓ late", "▌✓  late")
        await pilot.press("slash", *"name:early-1*", "enter")
        await sees(pilot, "100 match", "early-199")
        await goes_to(pilot, "sm")
        await sees(pilot, "1 file rejected", "broken", "asking")


async def test_an_answer_survives_the_daemon_that_asked_for_it(stage: Stage) -> None:
    starts(stage, "asking", {"total": "12 EUR"}, "one")
    async with attached(stage, 140) as pilot:
        await sees(pilot, "▣ inbox 1", "▣ prompt")
        await goes_to(pilot, "inbox")
        await sees(pilot, "a [red]name[/] of 日本")
        await pilot.press("enter")
        shown = await sees(pilot, "amount *", '"total": "12 EUR"')
        assert "Schema" not in shown and "\x1b" not in shown
        await pilot.press("7", "ctrl+s")
        await sees(pilot, "✗ 7 is greater than the maximum of 5")
        stage.kill()
        await sees(pilot, "✗ no daemon")
        await pilot.press("backspace", "3", "tab", *"half a line", "ctrl+s")
        await sees(pilot, "half a line")
        await until(pilot, lambda: "submit: no daemon answers" in notices(pilot))
        await asyncio.to_thread(stage.start)
        await pilot.press("ctrl+r")
        await sees(pilot, "● live", "half a line")
        await pilot.press("ctrl+s")
        await sees(pilot, "nothing waits for you")
        await goes_to(pilot, "exec")
        await sees(pilot, "SUCCEEDED")
        await pilot.press("enter", "4")
        await sees(pilot, '"amount": 3', '"note": "half a line"')


async def test_of_two_who_answer_the_second_is_told_who_was_first(stage: Stage) -> None:
    starts(stage, "asking", {"total": "1"}, "two")
    async with attached(stage) as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "1 prompt")
        await pilot.press("enter")
        await sees(pilot, "amount *")
        await pilot.press("4")
        screen = pilot.app.screen
        assert isinstance(screen, AnswerScreen)
        stage.command("answer", screen.key, "--output", '{"amount": 1}')
        await sees(pilot, "answered by ", "what you typed is kept")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "submit: it is answered already" in notices(pilot))


MEND = """import pathlib, sys
path = pathlib.Path(sys.argv[1])
path.write_text(path.read_text().replace('"StartAt": "A"', '"StartAt": "B"'))
"""


async def test_a_broken_file_is_seen_mended_in_the_editor_and_runs(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = stage.home / "editor.py"
    editor.write_text(MEND)
    monkeypatch.setenv("EDITOR", f"{sys.executable} {editor}")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(FlowdApp, "suspend", lambda app: nullcontext())  # there is no terminal to hand over
    async with attached(stage) as pilot:
        await goes_to(pilot, "machines")
        await sees(pilot, "2 machines", "✗ 1 file rejected", "▌✗ broken", "Missing 'Next' target: A")
        await pilot.press("enter")
        await until(pilot, lambda: "e opens it" in notices(pilot))
        await pilot.press("e")
        await until(pilot, lambda: "broken.asl.json is valid; it becomes a new version" in notices(pilot))
        await sees(pilot, "3 machines", "✓ broken")
        await until(pilot, lambda: "rejected" not in screen_text(pilot))
        await pilot.press("slash", *"broken", "enter")
        await sees(pilot, "/ broken", "1 match")
        await pilot.press("s")
        await sees(pilot, "Start broken")
        await pilot.press("ctrl+s")
        await sees(pilot, "✓ SUCCEEDED", "✓ B")


async def test_a_daemon_that_hangs_is_said_to_hang_and_taken_back(stage: Stage) -> None:
    async with attached(stage) as pilot:
        assert stage.process is not None
        stage.process.send_signal(signal.SIGSTOP)
        try:
            await sees(pilot, "✗ no answer for ")
        finally:
            stage.process.send_signal(signal.SIGCONT)
        await sees(pilot, "● live")

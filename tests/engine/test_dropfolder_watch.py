"""The drop folder in force: what is published, kept and retired, with a registrar that only records."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from flowd.asl.diagnostics import Diagnostic
from flowd.clock import ManualClock
from flowd.engine.dropfolder.scan import Scanner
from flowd.engine.dropfolder.watch import DropFolder, watch_files
from tests.engine.dropfolder import BAD, BETTER, GOOD, Hand, Recorder, drop


async def test_everything_is_in_force_when_start_returns_functions_before_machines(tmp_path: Path) -> None:
    (tmp_path / "order.asl.json").write_text(GOOD)
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions/f.py").write_text("def handler(e, c): ...")
    async with drop(tmp_path) as (_, recorder, _service):
        assert recorder.calls == [
            "functions f",
            "projects ",
            "sources ",
            f"publish order {GOOD}",
            "schedules ",
            "workflows ",
            "definitions ",
            "report",
        ]
        assert recorder.files["order.asl.json"].status == "loaded"
        assert recorder.files["order.asl.json"].updated_ms == ManualClock().now_ms()


async def test_an_unchanged_folder_publishes_and_reports_nothing(tmp_path: Path) -> None:
    (tmp_path / "order.asl.json").write_text(GOOD)
    async with drop(tmp_path) as (_, recorder, service):
        before = list(recorder.calls)
        os.utime(tmp_path / "order.asl.json")
        await service.rescan()
        assert recorder.calls == before


async def test_a_bad_version_is_reported_and_the_good_one_stays_until_it_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "order.asl.json"
    path.write_text(GOOD)
    async with drop(tmp_path) as (_, recorder, service):
        path.write_text(BAD)
        await service.rescan()
        report = recorder.files["order.asl.json"]
        assert (report.status, report.name) == ("rejected", "order")
        assert report.diagnostics == (Diagnostic("ERROR", "INVALID_JSON_DESCRIPTION", "not JSON", "/States/A", 1, 4),)
        assert recorder.machines["order"] == (GOOD, "order.asl.json")
        path.write_bytes(b"\xff")
        await service.rescan()
        assert recorder.machines["order"][0] == GOOD
        path.write_text(BETTER)
        await service.rescan()
        assert recorder.machines["order"][0] == BETTER
        assert recorder.files["order.asl.json"].diagnostics == ()


async def test_a_removed_file_retires_its_machine_also_when_it_went_while_nobody_looked(tmp_path: Path) -> None:
    (tmp_path / "order.asl.json").write_text(GOOD)
    recorder = Recorder({"old": (GOOD, "old.asl.json")})
    async with drop(tmp_path, recorder) as (_, _recorder, service):
        assert set(recorder.machines) == {"order"}
        (tmp_path / "order.asl.json").unlink()
        await service.rescan()
        assert recorder.machines == {}
        assert [file.status for file in recorder.files.values()] == ["removed"]
        (tmp_path / "order.asl.json").write_text(GOOD)
        await service.rescan()
        assert set(recorder.machines) == {"order"}
        assert recorder.files["order.asl.json"].status == "loaded"


async def test_a_moved_file_is_published_from_its_new_place_and_not_retired(tmp_path: Path) -> None:
    (tmp_path / "order.asl.json").write_text(GOOD)
    async with drop(tmp_path) as (_, recorder, service):
        (tmp_path / "shop").mkdir()
        (tmp_path / "order.asl.json").rename(tmp_path / "shop/order.asl.json")
        await service.rescan()
        assert recorder.machines["order"] == (GOOD, "shop/order.asl.json")
        assert "retire order" not in recorder.calls


async def test_a_renamed_file_s_machine_is_in_force_before_the_old_one_is_retired(tmp_path: Path) -> None:
    (tmp_path / "old.asl.json").write_text(GOOD)
    hand = Hand()
    async with drop(tmp_path, hand=hand) as (_, recorder, _service):
        (tmp_path / "old.asl.json").rename(tmp_path / "new.asl.json")
        hand.batches.put_nowait(True)
        await recorder.until(lambda: "retire old" in recorder.calls)
        assert recorder.calls.index(f"publish new {GOOD}") < recorder.calls.index("retire old")
        assert set(recorder.machines) == {"new"}


async def test_a_name_that_was_taken_is_tried_again(tmp_path: Path) -> None:
    class Taken(Recorder):
        taken = True

        async def publish_machine(self, name: str, *rest: Any) -> list[Diagnostic]:
            found = await super().publish_machine(name, *rest)
            return [Diagnostic("ERROR", "NAME_TAKEN", "it was created through the API")] if self.taken else found

    (tmp_path / "order.asl.json").write_text(GOOD)
    recorder = Taken()
    async with drop(tmp_path, recorder) as (_, _recorder, service):
        seen = [recorder.files["order.asl.json"].status]
        recorder.taken = False
        await service.rescan()
        assert [*seen, recorder.files["order.asl.json"].status] == ["rejected", "loaded"]


async def test_what_could_not_be_stored_is_reported_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "order.asl.json").write_text(GOOD)
    hand = Hand()
    recorder = Recorder()
    recorder.failing = "publish"
    async with drop(tmp_path, recorder, hand):
        report = recorder.files["order.asl.json"]
        assert report.status == "rejected"
        assert "will be tried again: the disk is full" in report.diagnostics[0].message
        hand.batches.put_nowait(False)
        recorder.failing = ""
        hand.batches.put_nowait(False)
        await recorder.until(lambda: bool(recorder.files) and recorder.files["order.asl.json"].status == "loaded")
        assert recorder.machines["order"][0] == GOOD


PROJECT = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Do:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src, Handler: app.handler, Runtime: python3.12}
  M:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: good
      Events: {Daily: {Type: Schedule, Properties: {Schedule: rate(1 day)}}}
"""


async def test_a_broken_template_keeps_its_machine_function_and_schedule(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").write_text("")
    template = tmp_path / "template.yaml"
    template.write_text(PROJECT)
    async with drop(tmp_path) as (_, recorder, service):
        assert (set(recorder.machines), recorder.functions, set(recorder.schedules)) == ({"M"}, ["Do"], {"MDaily"})
        for broken in ("Resources: [", PROJECT.replace("Handler: app", "Handler: no"), "Resources:"):
            template.write_text(broken)
            await service.rescan()
            assert recorder.files["template.yaml"].status == "rejected"
            assert (set(recorder.machines), recorder.functions) == ({"M"}, ["Do"])
            assert set(recorder.schedules) == {"MDaily"}
            template.write_text(PROJECT)
            await service.rescan()
        template.write_text(PROJECT.replace("  M:", "  N:"))
        await service.rescan()
        assert (set(recorder.machines), set(recorder.schedules)) == ({"N"}, {"NDaily"})
        template.unlink()
        await service.rescan()
        assert (recorder.machines, recorder.functions, recorder.schedules) == ({}, [], {})


async def test_a_machine_whose_name_cannot_be_worked_out_any_more_is_not_taken_for_gone(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").write_text("")
    template = tmp_path / "template.yaml"
    named = PROJECT.replace("Definition: good", "Name: orders\n      Definition: good")
    template.write_text(named)
    async with drop(tmp_path) as (_, recorder, service):
        template.write_text(named.replace("Name: orders", "Name: !Ref Nowhere"))
        await service.rescan()
        assert recorder.files["template.yaml"].status == "rejected"
        assert set(recorder.machines) == {"orders"}
        assert {name: each.machine for name, each in recorder.schedules.items()} == {"MDaily": "orders"}


async def test_errors_of_an_inline_definition_carry_the_lines_of_the_template(tmp_path: Path) -> None:
    text = PROJECT.replace("Definition: good", "DefinitionString: bad").replace(
        "Serverless::StateM", "StepFunctions::StateM"
    )
    (tmp_path / "template.yaml").write_text(text)
    async with drop(tmp_path) as (_, recorder, _service):
        said = recorder.files["template.yaml"].diagnostics
        assert Diagnostic("ERROR", "INVALID_JSON_DESCRIPTION", "M: not JSON", "/States/A", 6, 3) in said


async def test_a_folder_that_is_missing_vanishes_and_comes_back_is_told_and_recovered(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    async with drop(folder) as (_, recorder, service):
        assert service.problem is not None
        assert "cannot be read" in service.problem
        assert recorder.files["."].status == "rejected"
        folder.mkdir()
        (folder / "order.asl.json").write_text(GOOD)
        await recorder.until(lambda: "order" in recorder.machines)
        assert service.problem is None
        shutil.rmtree(folder)
        await service.rescan()
        assert service.problem is not None
        assert set(recorder.machines) == {"order"}
        assert set(recorder.files) == {".", "order.asl.json"}
        folder.mkdir()
        await service.rescan()
        assert recorder.machines == {}
        assert recorder.files["."].status == "removed"


async def test_a_watch_that_fails_is_begun_again_by_polling(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hand = Hand()
    async with drop(tmp_path, None, hand) as (_, recorder, _service):
        hand.batches.put_nowait(ExceptionGroup("of a task group", [OSError("no space left on device")]))
        (tmp_path / "order.asl.json").write_text(GOOD)
        await recorder.until(lambda: "order" in recorder.machines)
        hand.batches.put_nowait(False)
        async with asyncio.timeout(10):
            while len(hand.begun) < 2:
                await asyncio.sleep(0.005)
        assert hand.begun[:2] == [False, True]
        assert "failed (no space left on device)" in caplog.text


async def test_a_file_that_grows_is_read_when_it_holds_still_and_holds_up_no_other(tmp_path: Path) -> None:
    slow, quick = tmp_path / "slow.asl.json", tmp_path / "quick.asl.json"
    slow.write_text("")
    hand = Hand()
    writing = asyncio.Event()

    async def write() -> None:
        writing.set()
        while not quick_is_there():
            with slow.open("a") as file:
                file.write("bad")
            await asyncio.sleep(0.001)
        slow.write_text(GOOD)

    recorder = Recorder()

    def quick_is_there() -> bool:
        return "quick" in recorder.machines

    async with drop(tmp_path, recorder, hand):
        writer = asyncio.create_task(write())
        await writing.wait()
        quick.write_text(GOOD)
        hand.batches.put_nowait(True)
        await recorder.until(lambda: recorder.machines["slow"][0] == GOOD)
        await writer
        assert not any(call.startswith("publish slow bad") for call in recorder.calls)


async def test_start_and_stop_may_be_repeated(tmp_path: Path) -> None:
    recorder = Recorder()
    service = DropFolder(Scanner(str(tmp_path)), recorder, ManualClock(), watch=Hand(), settle_s=0)
    for _ in range(3):
        await service.start()
        await service.start()
        await service.stop()
        await service.stop()
    (tmp_path / "order.asl.json").write_text(GOOD)
    await service.start()
    assert "order" in recorder.machines
    await service.stop()
    assert not [task for task in asyncio.all_tasks() if "drop folder" in task.get_name()]


@pytest.mark.parametrize("polling", [False, True])
async def test_real_changes_are_noticed(tmp_path: Path, polling: bool) -> None:
    noticed = asyncio.Event()

    async def watch(folder: str, stop: asyncio.Event, _polling: bool) -> AsyncGenerator[bool, None]:
        async for changed in watch_files(folder, stop, polling):
            yield changed
            if changed:
                noticed.set()

    recorder = Recorder()
    path = tmp_path / "new/order.asl.json"
    service = DropFolder(Scanner(str(tmp_path)), recorder, ManualClock(), watch=watch, settle_s=0.05)
    await service.start()
    steps: list[tuple[Callable[[], object], Callable[[], bool]]] = [
        (lambda: _new(path, GOOD), lambda: recorder.machines.get("order", ("",))[0] == GOOD),
        (lambda: os.replace(_beside(path, BETTER), path), lambda: recorder.machines["order"][0] == BETTER),
        (lambda: shutil.rmtree(path.parent), lambda: not recorder.machines),
    ]
    try:
        async with asyncio.timeout(10):  # the kernel begins to watch at a time of its own
            while not noticed.is_set():
                (tmp_path / "probe").write_text("")
                await asyncio.sleep(0.02)
        for act, true in steps[: 1 if polling else None]:
            noticed.clear()
            act()
            async with asyncio.timeout(10):
                await noticed.wait()
            await recorder.until(true)
    finally:
        await service.stop()


def _new(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)


def _beside(path: Path, text: str) -> Path:
    """As editors save: a second file, then renamed over the first."""
    other = path.with_name(".saving")
    other.write_text(text)
    return other

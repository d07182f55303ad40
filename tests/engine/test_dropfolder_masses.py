"""Many files, slow files and files with many findings: what comes later is not held up, and reports stay readable."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flowd.asl.diagnostics import Diagnostic
from flowd.engine.dropfolder import watch
from tests.engine.dropfolder import BAD, BETTER, GOOD, Hand, Recorder, drop


async def test_small_files_go_first_and_refused_ones_are_not_checked_again_with_every_change(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"a{number}.asl.yaml").write_text(f"{BAD} {number} " + "x" * 1000)
    (tmp_path / "z.asl.json").write_text(GOOD)
    async with drop(tmp_path) as (_, recorder, service):
        publishing = [call for call in recorder.calls if call.startswith("publish")]
        assert publishing[0] == f"publish z {GOOD}" and len(publishing) == 21
        recorder.calls.clear()
        (tmp_path / "b.asl.json").write_text(BETTER)
        await service.rescan()
        assert [call for call in recorder.calls if call.startswith("publish")] == [f"publish b {BETTER}"]
        assert recorder.files["a7.asl.yaml"].status == "rejected"


async def test_a_mass_of_slow_files_does_not_hold_up_one_that_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Recorder):
        async def publish_machine(self, name: str, *rest: Any) -> list[Diagnostic]:
            if name.startswith("slow"):
                await asyncio.sleep(0.01)
            return await super().publish_machine(name, *rest)

    monkeypatch.setattr(watch, "_PATIENCE_S", 0.02)
    hand, recorder = Hand(), Slow()
    async with drop(tmp_path, recorder, hand):
        for number in range(30):
            (tmp_path / f"slow{number}.asl.yaml").write_text(GOOD)
        hand.batches.put_nowait(True)
        await recorder.until(lambda: any(name.startswith("slow") for name in recorder.machines))
        (tmp_path / "late.asl.json").write_text(GOOD)
        await recorder.until(lambda: "late" in recorder.machines)
        assert len(recorder.machines) < 25
        assert {file.path for file in recorder.files.values()} <= {
            *(f"{name}.asl.yaml" for name in recorder.machines),
            *(f"{name}.asl.json" for name in recorder.machines),
        }
        await recorder.until(lambda: len(recorder.machines) == 31 and len(recorder.files) == 31)


async def test_of_a_file_with_many_findings_the_log_has_the_first_errors_and_the_number_of_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Severe(Recorder):
        async def publish_machine(self, name: str, *rest: Any) -> list[Diagnostic]:
            warnings = [Diagnostic("WARNING", "UNUSED", f"w{number}", "/", 1, 1) for number in range(30)]
            return [*warnings, Diagnostic("ERROR", "MISSING", "the error", "/States", 2, 1)]

    (tmp_path / "order.asl.json").write_text(GOOD)
    async with drop(tmp_path, Severe()) as (_, recorder, _service):
        lines = [line for line in caplog.messages if line.startswith("order.asl.json")]
        assert "the error" in lines[0] and len(lines) == 11
        assert lines[-1] == "order.asl.json: 21 more; `flowd machines` has them"
        assert len(recorder.files["order.asl.json"].diagnostics) == 31


async def test_of_hundreds_of_findings_the_report_has_fifty_errors_first_and_the_number_of_the_others(
    tmp_path: Path,
) -> None:
    class Severe(Recorder):
        async def publish_machine(self, name: str, *rest: Any) -> list[Diagnostic]:
            warnings = [Diagnostic("WARNING", "UNUSED", f"w{number}", "/", 1, 1) for number in range(300)]
            return [*warnings, Diagnostic("ERROR", "MISSING", "the error", "/States", 2, 1)]

    (tmp_path / "order.asl.json").write_text(GOOD)
    async with drop(tmp_path, Severe()) as (_, recorder, _service):
        report = recorder.files["order.asl.json"]
        assert report.status == "rejected" and report.diagnostics[0].message == "the error"
        assert len(report.diagnostics) == 51
        last = report.diagnostics[-1]
        assert (last.severity, last.code) == ("WARNING", "MORE_FINDINGS")
        assert last.message == "and 251 more findings; `flowd check` of the file has them all"


async def test_a_start_does_not_wait_until_the_last_of_a_mass_of_slow_files_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    going_on = asyncio.Event()

    class Slow(Recorder):
        async def publish_machine(self, name: str, *rest: Any) -> list[Diagnostic]:
            if len(self.machines) == 3:
                await going_on.wait()
            return await super().publish_machine(name, *rest)

    monkeypatch.setattr(watch, "START_PATIENCE_S", 0.0)
    for number in range(10):
        (tmp_path / f"slow{number}.asl.yaml").write_text(GOOD)
    recorder, hand = Slow({"slow9": (GOOD, "slow9.asl.yaml")}), Hand()
    async with drop(tmp_path, recorder, hand):
        assert set(recorder.machines) == {"slow9"} and "retire slow9" not in recorder.calls
        assert "10 definitions are still to be checked" in caplog.text
        going_on.set()
        await recorder.until(lambda: len(recorder.files) == 10)
        assert len(recorder.machines) == 10

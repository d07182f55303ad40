"""The disk runbook: real files, a real clean-up, and nothing deleted without a yes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflows.code import WORKFLOWS, Code
from tests.workflows.stage import SILENT, Stage, Worker, definition, ended, entered, output, sample

FOLDER = WORKFLOWS / "runbook"


def _stage(tmp_path: Path, operator: Worker) -> Stage:
    return Stage(definition(FOLDER), Code("runbook/functions", tmp_path), {"it-operations": operator})


def _old_logs(tmp_path: Path) -> int:
    return len(list((tmp_path / "runbook-demo" / "log").glob("*.old")))


def test_a_yes_cleans_up_and_the_second_measurement_proves_it(tmp_path: Path) -> None:
    stage = _stage(tmp_path, lambda _: {"decision": "clean"})
    done = output(stage.run(sample(FOLDER)))
    assert done["before"]["usedKb"] > 3000 and done["after"]["usedKb"] < 100
    assert _old_logs(tmp_path) == 0
    assert (tmp_path / "runbook-demo" / "live.txt").exists()
    ((_, question),) = stage.asked
    assert "3 old log files" in question["Prompt"]["Message"]


@pytest.mark.parametrize("operator", [lambda _: {"decision": "leave"}, lambda _: SILENT])
def test_a_no_or_a_day_of_silence_deletes_nothing(tmp_path: Path, operator: Worker) -> None:
    host = _stage(tmp_path, operator).run(sample(FOLDER))
    assert entered(host)[-1] == "LeftAlone"
    assert _old_logs(tmp_path) == 3


def test_below_the_limit_nobody_is_asked(tmp_path: Path) -> None:
    stage = _stage(tmp_path, lambda _: SILENT)
    assert entered(stage.run({"limitKb": 100_000}))[-1] == "NothingToDo"
    assert stage.asked == []


def test_a_folder_that_is_still_full_is_a_failure_that_says_how_full(tmp_path: Path) -> None:
    stage = _stage(tmp_path, lambda _: {"decision": "clean"})
    host = stage.run({"limitKb": 1})
    assert ended(host) == ("FAILED", "StillFull")
    assert host.closed is not None and "KiB are still used" in str(host.closed.cause)

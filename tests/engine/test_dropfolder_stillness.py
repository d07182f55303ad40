"""Files that may still be written, cannot be read just now, or are renamed."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from flowd.engine.dropfolder.scan import Scanner
from tests.engine.test_dropfolder_scan import put, said
from tests.engine.test_dropfolder_scan_projects import project


def test_a_file_that_may_still_be_written_is_taken_as_it_was_before(tmp_path: Path) -> None:
    def texts(settle: bool = True) -> dict[str, str]:
        found = scanner.scan(settle=settle)
        assert found.names == {path.name.removesuffix(".asl.json") for path in tmp_path.iterdir()}
        return {machine.name: machine.text for machine in found.machines}

    put(tmp_path, {"m.asl.json": "one"})
    scanner = Scanner(str(tmp_path))
    assert texts(settle=False) == {"m": "one"}
    put(tmp_path, {"m.asl.json": "half", "n.asl.json": "ne"})
    assert texts() == {"m": "one"}
    assert scanner.moving
    put(tmp_path, {"m.asl.json": "written", "n.asl.json": "new"})
    assert texts() == {"m": "one"}
    assert texts() == {"m": "written", "n": "new"}
    assert not scanner.moving


def test_a_file_that_the_machine_could_not_read_just_now_is_read_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, {"m.asl.json": "one", "n.asl.json": "new"})
    scanner, real = Scanner(str(tmp_path)), os.open
    (tmp_path / "n.asl.json").rename(tmp_path / "n")
    assert [machine.text for machine in scanner.scan().machines] == ["one"]
    (tmp_path / "n").rename(tmp_path / "n.asl.json")
    put(tmp_path, {"m.asl.json": "second"})

    def none_left(path: str, *rest: Any, **more: Any) -> int:
        raise OSError(errno.EMFILE, "Too many open files", path)

    monkeypatch.setattr(os, "open", none_left)
    found = scanner.scan()
    assert {machine.name: machine.text for machine in found.machines} == {"m": "one"}
    assert said(found, "n.asl.json") == ("rejected", "0:0 it cannot be read: Too many open files")
    assert scanner.moving
    monkeypatch.setattr(os, "open", real)
    assert {machine.name: machine.text for machine in scanner.scan().machines} == {"m": "second", "n": "new"}
    assert not scanner.moving


def test_a_file_that_is_written_again_and_again_is_taken_when_its_last_change_is_some_time_ago(tmp_path: Path) -> None:
    def texts(later_s: float) -> list[str]:
        changed = (tmp_path / "m.asl.json").stat().st_ctime_ns
        now.append(changed + int(later_s * 1e9))
        return [machine.text for machine in scanner.scan(settle=True).machines]

    now = [0]
    scanner = Scanner(str(tmp_path), still_s=0.2, now_ns=lambda: now[-1])
    put(tmp_path, {"m.asl.json": "1"})
    assert texts(0.1) == []
    put(tmp_path, {"m.asl.json": "22"})
    assert texts(0.3) == ["22"] and not scanner.moving
    put(tmp_path, {"m.asl.json": "333"})
    assert texts(0.1) == ["22"] and scanner.moving
    put(tmp_path, {"m.asl.json": "4444"})
    os.utime(tmp_path / "m.asl.json", (1, 1))
    assert texts(-3600) == ["22"]  # a clock that was set back, a file from another machine: to be met twice
    assert texts(-3600) == ["4444"]


def test_a_renamed_file_is_taken_at_once_under_its_new_name(tmp_path: Path) -> None:
    put(tmp_path, {"old.asl.json": "text", "shop/order.asl.json": "other"})
    scanner = Scanner(str(tmp_path))
    scanner.scan()
    (tmp_path / "old.asl.json").rename(tmp_path / "new.asl.json")
    (tmp_path / "shop").rename(tmp_path / "store")
    found = scanner.scan(settle=True)
    assert {machine.name: machine.text for machine in found.machines} == {"new": "text", "order": "other"}
    assert not scanner.moving


def test_a_file_that_is_renamed_and_written_to_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    put(tmp_path, {"old.asl.json": "text"})
    scanner = Scanner(str(tmp_path))
    scanner.scan()
    (tmp_path / "old.asl.json").rename(tmp_path / "new.asl.json")
    put(tmp_path, {"new.asl.json": "next"})
    assert scanner.scan(settle=True).machines == ()
    assert scanner.moving
    assert [machine.text for machine in scanner.scan(settle=True).machines] == ["next"]


def test_a_template_and_its_definition_are_taken_when_they_hold_still(tmp_path: Path) -> None:
    scanner = Scanner(str(project(tmp_path)))
    first = scanner.scan(settle=True)
    assert (first.machines, first.files) == ((), ())
    assert first.keeps("shop/template.yaml")
    while not scanner.scan(settle=True).machines:
        assert scanner.moving
    put(tmp_path, {"shop/machines/order.asl.json": "changed"})
    assert scanner.scan(settle=True).machines[0].text != "changed"
    assert scanner.scan(settle=True).machines[0].text == "changed"

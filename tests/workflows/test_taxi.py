"""The taxi example: a race of drivers, with every way to lose it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.workflows.code import WORKFLOWS, Code, FunctionError
from tests.workflows.stage import SILENT, Stage, Worker, definition, ended, entered, output, sample, types

FOLDER = WORKFLOWS / "taxi"


def _accept(_: Any) -> Any:
    return {"driver": "d7", "accepted": True}


def _decline(_: Any) -> Any:
    return {"driver": "d8", "accepted": False}


def _silent(_: Any) -> Any:
    return SILENT


def _drive(_: Any) -> Any:
    return {"km": 3.2, "minutes": 4}


def _stage(tmp_path: Path, **workers: Worker) -> Stage:
    return Stage(definition(FOLDER), Code("taxi/functions", tmp_path), {f"taxi-{k}": w for k, w in workers.items()})


def test_the_first_yes_gets_the_ride_and_the_other_offers_are_withdrawn(tmp_path: Path) -> None:
    stage = _stage(tmp_path, north=_decline, south=_accept, airport=_silent, ride=_drive)
    host = stage.run(sample(FOLDER))
    assert output(host) == {"driver": "d7", "rounds": 1, "km": 3.2, "fare": {"cents": 1450, "text": "14.50 EUR"}}
    assert host.tasks == {} and host.alarms == {}


def test_a_queue_that_nobody_polls_does_not_hold_the_offer_up(tmp_path: Path) -> None:
    stage = _stage(tmp_path)
    began_ms = stage.now_ms
    assert ended(stage.run(sample(FOLDER))) == ("FAILED", "NoDriver")
    assert stage.now_ms - began_ms == 3 * 30_000


def test_drivers_who_decline_or_fall_silent_are_asked_again_in_the_next_round(tmp_path: Path) -> None:
    rounds: list[int] = []

    def hesitant(offer: Any) -> Any:
        rounds.append(offer["round"])
        return _accept(offer) if offer["round"] == 3 else SILENT

    stage = _stage(tmp_path, north=hesitant, south=_decline, ride=_drive)
    assert output(stage.run(sample(FOLDER)))["rounds"] == 3
    assert rounds == [1, 2, 3]


def test_a_driver_whose_heartbeats_stop_loses_the_ride_and_another_is_sought(tmp_path: Path) -> None:
    rides: list[Any] = []

    def first_ride_lost(ride: Any) -> Any:
        rides.append(ride)
        return SILENT if len(rides) == 1 else _drive(ride)

    stage = _stage(tmp_path, north=_accept, ride=first_ride_lost)
    host = stage.run(sample(FOLDER))
    assert output(host)["rounds"] == 2
    assert types(host).count("ActivityTimedOut") == 1


def test_a_breakdown_reported_by_the_driver_starts_the_next_round(tmp_path: Path) -> None:
    def broken(_: Any) -> Any:
        raise FunctionError("Breakdown", "flat tyre")

    stage = _stage(tmp_path, north=_accept, ride=broken)
    host = stage.run(sample(FOLDER))
    assert ended(host) == ("FAILED", "NoDriver")
    assert entered(host).count("Drive") == 3

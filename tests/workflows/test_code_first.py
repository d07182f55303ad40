"""The code-first examples on the simulated clock: what their pages promise."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flowd.sdk.loading import load_file
from flowd.sdk.testing import Handle, Simulation, Stuck, WorkflowFailed, never

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FLOWD_EXAMPLES_DIR", str(tmp_path))
    before, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(WORKFLOWS)):
            del sys.modules[name]


def _example(name: str) -> tuple[ModuleType, dict[str, Any]]:
    """The module and its sample input."""
    load_file(WORKFLOWS / name / f"{name}.py")
    return sys.modules[name], json.loads((WORKFLOWS / name / f"{name}.input.json").read_text())


def _started(name: str, simulation: Simulation, **changes: Any) -> tuple[ModuleType, Handle[Any]]:
    module, given = _example(name)
    return module, simulation.start_text(getattr(module, name), json.dumps({**given, **changes}))


@pytest.mark.parametrize("name", ["saga", "ride", "encoding"])
def test_an_example_has_a_sample_input_and_a_page_that_names_it(name: str) -> None:
    page = (WORKFLOWS / name / f"{name}.md").read_text()
    assert f"flowd start {name} --input @workflows/{name}/{name}.input.json" in page


# ---- saga ----------------------------------------------------------------------------------------------------------


def test_an_order_is_approved_charged_after_two_hiccups_and_shipped() -> None:
    simulation = Simulation()
    module, handle = _started("saga", simulation)
    with pytest.raises(Stuck, match="nobody is asked in other"):
        simulation.answer(module.Queue("other"), True)
    simulation.answer(module.desk, module.Approval(True))
    receipt = simulation.finish(handle)
    assert (receipt.status, receipt.totalCents, receipt.tracking) == ("shipped", 64_700, "PK-A-1001")
    assert [name for name, _ in simulation.calls].count("charge_card") == 3
    assert list(module.shop.effects("A-1001")) == ["reservation", "payment", "shipment"]


@pytest.mark.parametrize(
    ("changes", "status", "undone"),
    [
        ({"card": "tok_declined"}, "failed: CardDeclined", ["payment", "reservation"]),
        ({"carrier": "none"}, "failed: NoCarrier", ["shipment", "payment", "reservation"]),
        ({"lines": [{"sku": "yacht", "quantity": 1}]}, "failed: UnknownArticle", ["reservation"]),
    ],
)
def test_what_was_done_is_undone_in_reverse_when_a_later_step_fails(
    changes: dict[str, Any], status: str, undone: list[str]
) -> None:
    simulation = Simulation()
    module, handle = _started("saga", simulation, **{"lines": [{"sku": "lamp", "quantity": 1}], **changes})
    receipt = simulation.finish(handle)
    assert (receipt.status, receipt.undone) == (status, undone)
    assert module.shop.effects("A-1001") == {}


@pytest.mark.parametrize("answered", [True, False])
def test_an_order_that_is_refused_or_never_looked_at_is_rejected(answered: bool) -> None:
    simulation = Simulation()
    module, handle = _started("saga", simulation)
    if answered:
        simulation.answer(module.desk, module.Approval(False, "too much"))
    else:
        simulation.skip(timedelta(days=7))
    assert handle.result().status == "rejected"
    assert module.shop.effects("A-1001") == {}


def test_a_cancelled_order_is_undone_and_canceled() -> None:
    simulation = Simulation()
    module, handle = _started("saga", simulation)
    simulation.cancel(handle)
    with pytest.raises(WorkflowFailed, match="CANCELED"):
        simulation.finish(handle)
    assert module.shop.effects("A-1001") == {}


# ---- ride ----------------------------------------------------------------------------------------------------------


def test_the_first_driver_wins_and_drives_until_arrival() -> None:
    simulation = Simulation()
    module, handle = _started("ride", simulation)
    simulation.skip(45)
    assert "round 2" in (handle.run.context or "")
    simulation.signal(handle, module.accepted, module.Acceptance("Kim"))
    for _ in range(3):
        simulation.skip(50)
        simulation.signal(handle, module.position, "here")
    simulation.signal(handle, module.arrived, "there")
    assert handle.result() == module.Ride("arrived", "Kim", 3, 195.0)


def test_a_driver_who_falls_silent_is_lost() -> None:
    simulation = Simulation()
    module, handle = _started("ride", simulation)
    simulation.signal(handle, module.accepted, module.Acceptance("Kim"))
    assert simulation.finish(handle).status == "lost"
    assert simulation.finish(handle).positions == 0


def test_without_drivers_it_is_over_after_three_rounds() -> None:
    simulation = Simulation()
    before = simulation.now
    _, handle = _started("ride", simulation)
    assert simulation.finish(handle).status == "nobody"
    assert simulation.now - before == timedelta(seconds=90)


def test_a_cancelled_request_withdraws_its_offers() -> None:
    simulation = Simulation()
    _, handle = _started("ride", simulation)
    simulation.cancel(handle)
    with pytest.raises(WorkflowFailed, match="CANCELED"):
        simulation.finish(handle)
    assert [name for name, _ in simulation.calls].count("withdraw") == 3


# ---- encoding ------------------------------------------------------------------------------------------------------


def _played(simulation: Simulation, module: ModuleType) -> None:
    simulation.replace(module.test_card, lambda title: "card.mp4")
    simulation.replace(module.poster, lambda title, source: "poster.jpg")
    simulation.replace(module.encode, lambda clip: module.Rendition(clip.height, f"{clip.height}.mp4", 1))


def test_every_rendition_is_a_child_and_one_that_fails_does_not_end_the_others() -> None:
    simulation = Simulation()
    module, given = _example("encoding")
    _played(simulation, module)

    def encode(clip: Any) -> Any:
        if clip.height == 240:
            raise ValueError("no such codec")
        return module.Rendition(clip.height, f"{clip.height}.mp4", 1)

    simulation.replace(module.encode, encode)
    handle = simulation.start_text(module.encoding, json.dumps(given))
    published = simulation.finish(handle)
    assert [each.height for each in published.renditions] == [360, 144]
    assert published.failed == ["240p: ValueError"] and published.poster == "poster.jpg"
    assert [run.status for run in simulation.swf.runs].count("COMPLETED") == 3


def test_two_renditions_are_made_at_once_and_a_cancelled_video_discards_them() -> None:
    simulation = Simulation()
    module, given = _example("encoding")
    _played(simulation, module)
    discarded: list[int] = []
    simulation.replace(module.encode, never)
    simulation.replace(module.discard, lambda title, height: discarded.append(height))
    handle = simulation.start_text(module.encoding, json.dumps(given))
    assert len(simulation.swf.open) == 3
    simulation.cancel(handle)
    with pytest.raises(WorkflowFailed, match="CANCELED"):
        simulation.finish(handle)
    assert discarded == [360, 240] and simulation.swf.open == {}

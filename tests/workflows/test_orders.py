"""The order example, run to its end on every road it can take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.workflows.code import WORKFLOWS, Code
from tests.workflows.stage import SILENT, Stage, Worker, definition, ended, entered, output, sample, types

FOLDER = WORKFLOWS / "orders"
SMALL = {"orderId": "A-1", "customer": "Ada", "card": "tok_ok", "lines": [{"sku": "lamp", "quantity": 1}]}


def _stage(tmp_path: Path, desk: Worker | None = None) -> Stage:
    workers = {"order-desk": desk} if desk else {}
    return Stage(definition(FOLDER), Code("orders/functions", tmp_path), workers)


def test_the_sample_is_approved_charged_after_two_hiccups_and_shipped(tmp_path: Path) -> None:
    stage = _stage(tmp_path, lambda _: {"approved": True})
    host = stage.run(sample(FOLDER))
    assert output(host)["status"] == "shipped"
    assert output(host)["total"] == "647.00 EUR"
    assert stage.code.calls == ["reserve_stock", "charge_card", "charge_card", "charge_card", "ship_order"]
    ((queue, question),) = stage.asked
    assert queue == "order-desk"
    assert question["Prompt"]["Title"] == "Approve order A-1001?"
    assert "647.00 EUR" in question["Prompt"]["Message"]


def test_a_small_order_asks_nobody(tmp_path: Path) -> None:
    stage = _stage(tmp_path)
    assert output(stage.run(SMALL))["status"] == "shipped"
    assert stage.asked == []


@pytest.mark.parametrize("desk", [lambda _: {"approved": False}, lambda _: SILENT])
def test_a_no_or_a_week_of_silence_puts_the_stock_back_and_charges_nothing(tmp_path: Path, desk: Worker) -> None:
    stage = _stage(tmp_path, desk)
    host = stage.run(sample(FOLDER))
    assert output(host) == {"orderId": "A-1001", "status": "rejected"}
    assert stage.code.calls == ["reserve_stock", "release_stock"]


def test_a_declined_card_is_not_tried_again_and_the_stock_is_back(tmp_path: Path) -> None:
    stage = _stage(tmp_path)
    host = stage.run({**SMALL, "card": "tok_declined"})
    assert ended(host) == ("FAILED", "CardDeclined")
    assert stage.code.calls == ["reserve_stock", "charge_card", "release_stock"]
    assert "refund_payment" not in stage.code.calls


def test_an_order_that_cannot_be_shipped_is_refunded_and_its_stock_is_back(tmp_path: Path) -> None:
    stage = _stage(tmp_path)
    host = stage.run({**SMALL, "carrier": "none"})
    assert ended(host) == ("FAILED", "NoCarrier")
    assert entered(host)[-4:] == ["ShipOrder", "RefundPayment", "ReleaseStock", "NotFulfilled"]


def test_what_is_out_of_stock_is_rejected_at_once(tmp_path: Path) -> None:
    stage = _stage(tmp_path)
    piano: dict[str, Any] = {**SMALL, "lines": [{"sku": "piano", "quantity": 1}]}
    assert output(stage.run(piano))["status"] == "rejected"
    assert stage.code.calls == ["reserve_stock"]


def test_retries_wait_longer_each_time(tmp_path: Path) -> None:
    stage = _stage(tmp_path)
    began_ms = stage.now_ms
    host = stage.run({**SMALL, "card": "tok_flaky"})
    assert types(host).count("LambdaFunctionFailed") == 2
    assert stage.now_ms - began_ms == 3000  # one second, then two

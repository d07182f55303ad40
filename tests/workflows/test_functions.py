"""The examples' functions by themselves: their effects are real, and happen once however often they run."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.code import Code, FunctionError

LINES = [{"sku": "lamp", "quantity": 2}]


def _books(state: Path, query: str) -> list[Any]:
    db = sqlite3.connect(state / "shop.db")
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


@pytest.fixture
def shop(tmp_path: Path) -> Code:
    return Code("orders/functions", tmp_path)


def test_reserving_twice_takes_the_stock_once(shop: Code) -> None:
    order = {"orderId": "A-1", "lines": LINES}
    first = shop.call("reserve_stock", order)
    assert shop.call("reserve_stock", order) == first
    assert first["total"] == "98.00 EUR"
    assert _books(shop.state, "select on_hand from article where sku = 'lamp'") == [(998,)]


def test_one_missing_article_reserves_nothing(shop: Code) -> None:
    with pytest.raises(FunctionError) as failed:
        shop.call("reserve_stock", {"orderId": "A-1", "lines": [*LINES, {"sku": "piano", "quantity": 1}]})
    assert failed.value.name == "OutOfStock"
    # the tables themselves were made in the same transaction, so the next call makes them again
    shop.call("release_stock", {"orderId": "A-1"})
    assert _books(shop.state, "select count(*) from reservation") == [(0,)]


def test_a_flaky_gateway_charges_once_after_two_hiccups(shop: Code) -> None:
    payment = {"orderId": "A-1", "card": "tok_flaky", "amountCents": 9800}
    for _ in range(2):
        with pytest.raises(FunctionError) as failed:
            shop.call("charge_card", payment)
        assert failed.value.name == "GatewayUnavailable"
    charged = shop.call("charge_card", payment)
    assert shop.call("charge_card", payment) == charged
    assert _books(shop.state, "select calls from gateway_call") == [(3,)]


def test_a_declined_card_leaves_no_payment_and_a_refund_of_nothing(shop: Code) -> None:
    with pytest.raises(FunctionError) as failed:
        shop.call("charge_card", {"orderId": "A-1", "card": "tok_declined", "amountCents": 9800})
    assert failed.value.name == "CardDeclined"
    assert shop.call("refund_payment", {"orderId": "A-1"}) == {"refunded": "0.00 EUR"}


def test_released_stock_is_back_and_a_second_release_adds_nothing(shop: Code) -> None:
    shop.call("reserve_stock", {"orderId": "A-1", "lines": LINES})
    assert shop.call("release_stock", {"orderId": "A-1"}) == {"released": 2}
    assert shop.call("release_stock", {"orderId": "A-1"}) == {"released": 0}
    assert _books(shop.state, "select on_hand from article where sku = 'lamp'") == [(1000,)]


def test_the_clean_up_touches_no_folder_without_the_marker(tmp_path: Path) -> None:
    runbook = Code("runbook/functions", tmp_path)
    (tmp_path / "log").mkdir()
    precious = tmp_path / "log" / "precious.old"
    precious.write_text("keep")
    with pytest.raises(FunctionError) as failed:
        runbook.call("runbook_clean_up", {"folder": str(tmp_path), "dryRun": "no"})
    assert failed.value.name == "Exit.3"
    assert precious.exists()


@pytest.mark.parametrize("dry", ["yes", "perhaps", ""])
def test_only_a_clear_no_makes_the_clean_up_delete(tmp_path: Path, dry: str) -> None:
    runbook = Code("runbook/functions", tmp_path)
    folder = runbook.call("runbook_demo_folder", {})["folder"]
    before = runbook.call("runbook_disk_usage", {"folder": folder})
    assert runbook.call("runbook_clean_up", {"folder": folder, "dryRun": dry})["files"] == 3
    assert runbook.call("runbook_disk_usage", {"folder": folder}) == before
    runbook.call("runbook_clean_up", {"folder": folder, "dryRun": "no"})
    assert runbook.call("runbook_disk_usage", {"folder": folder})["usedKb"] < 100


def test_a_report_shows_the_change_since_the_night_before_and_can_be_written_twice(tmp_path: Path) -> None:
    report = Code("report/src", tmp_path)
    for night, value in (("2026-01-01", 5), ("2026-01-02", 8), ("2026-01-02", 8)):
        collected = [{"source": "s", "figures": [{"name": "f", "value": value, "unit": "u"}]}]
        summary = report.call("summarise", {"collected": collected, "night": f"{night}T02:30:00.000Z"})
        written = report.call("write", {"title": "T", "summary": summary})
    assert summary["rows"] == [{"source": "s", "name": "f", "value": 8, "unit": "u", "change": 3.0}]
    assert "| s | f | 8 | u | +3 |" in Path(written["markdown"]).read_text()


def test_a_machine_has_figures_and_an_unknown_source_is_an_error(tmp_path: Path) -> None:
    report = Code("report/src", tmp_path)
    figures = report.call("collect", {"source": "machine"})["figures"]
    assert all(figure["value"] >= 0 for figure in figures) and len(figures) == 7
    assert report.call("collect", {"source": "orders"})["figures"] == []
    with pytest.raises(FunctionError) as failed:
        report.call("collect", {"source": "weather"})
    assert failed.value.name == "UnknownSource"


def test_a_started_kilometre_counts_whole(tmp_path: Path) -> None:
    taxi = Code("taxi/functions", tmp_path)
    assert taxi.call("taxi_fare", {"km": 2.1, "minutes": 4}) == {"cents": 430 + 3 * 210 + 180, "text": "12.40 EUR"}

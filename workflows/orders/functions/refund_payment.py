"""Give the money back, once."""

from __future__ import annotations

from typing import Any

from shop import books, money


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"orderId"} -> {"refunded"}: the amount, `0.00` if nothing had been charged."""
    with books() as db:
        row = db.execute("select amount_cents from payment where order_id = ?", (event["orderId"],)).fetchone()
        db.execute("update payment set state = 'refunded' where order_id = ?", (event["orderId"],))
    return {"refunded": money(row[0] if row else 0)}

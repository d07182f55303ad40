"""Put the order's articles back on the shelf."""

from __future__ import annotations

from typing import Any

from shop import books


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"orderId"} -> {"released": pieces}; a second run finds nothing left to release."""
    order, released = event["orderId"], 0
    with books() as db:
        for sku, quantity in db.execute("select sku, quantity from reservation where order_id = ?", (order,)).fetchall():
            db.execute("update article set on_hand = on_hand + ? where sku = ?", (quantity, sku))
            released += quantity
        db.execute("delete from reservation where order_id = ?", (order,))
    return {"released": released}

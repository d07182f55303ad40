"""Take the order's articles out of stock and work out what they cost."""

from __future__ import annotations

from typing import Any

from shop import books, money


class OutOfStock(Exception):
    """There is not enough of an article."""


class UnknownArticle(Exception):
    """The shop does not sell this."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"orderId", "lines": [{"sku", "quantity"}]} -> {"lines", "totalCents", "total"}"""
    order, lines, total = event["orderId"], [], 0
    with books() as db:
        taken = dict(db.execute("select sku, quantity from reservation where order_id = ?", (order,)))
        for line in event["lines"]:
            sku, quantity = line["sku"], int(line["quantity"])
            row = db.execute("select price_cents, on_hand from article where sku = ?", (sku,)).fetchone()
            if row is None:
                raise UnknownArticle(f"there is no article {sku!r}")
            price, on_hand = row
            if sku not in taken:
                if on_hand < quantity:
                    raise OutOfStock(f"{on_hand} of {sku!r} left, {quantity} wanted")
                db.execute("update article set on_hand = on_hand - ? where sku = ?", (quantity, sku))
                db.execute("insert into reservation values (?, ?, ?)", (order, sku, quantity))
            lines.append({"sku": sku, "quantity": quantity, "price": money(price)})
            total += price * quantity
    return {"lines": lines, "totalCents": total, "total": money(total)}

"""Charge the card, through a payment gateway that behaves as its test cards say.

`tok_ok` is charged, `tok_declined` is declined, `tok_flaky` meets a gateway that is down for the first two calls.
"""

from __future__ import annotations

import hashlib
from typing import Any

from shop import books, money

HICCUPS = 2


class CardDeclined(Exception):
    """The bank said no: asking again would not help."""


class GatewayUnavailable(Exception):
    """The gateway did not answer: asking again may help."""


def _gateway(order: str, card: str) -> str:
    """A charge id. The count of calls is kept in a transaction of its own, so it survives the failure it causes."""
    with books() as db:
        db.execute("insert into gateway_call values (?, 1) on conflict do update set calls = calls + 1", (order,))
        (calls,) = db.execute("select calls from gateway_call where order_id = ?", (order,)).fetchone()
    if card == "tok_declined":
        raise CardDeclined("the card was declined")
    if card == "tok_flaky" and calls <= HICCUPS:
        raise GatewayUnavailable(f"no answer to call {calls}")
    return "ch_" + hashlib.sha256(order.encode()).hexdigest()[:12]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"orderId", "card", "amountCents"} -> {"chargeId", "amount"}; an order is charged once, however often this runs."""
    order, amount = event["orderId"], int(event["amountCents"])
    with books() as db:
        row = db.execute("select charge_id, amount_cents from payment where order_id = ?", (order,)).fetchone()
    if row is None:
        charge = _gateway(order, event["card"])
        with books() as db:
            db.execute("insert or ignore into payment values (?, ?, ?, 'charged')", (order, charge, amount))
        row = (charge, amount)
    return {"chargeId": row[0], "amount": money(row[1])}

"""An order as code: reserve, ask a person above a limit, charge, ship; and undo what was done when a later step fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import shop
from flowd.sdk import (
    ActivityFailed,
    ActivityTimedOut,
    CancelledError,
    Queue,
    Retry,
    activity,
    log,
    set_status,
    shield,
    workflow,
)

LIMIT_CENTS = 50_000


@dataclass
class Line:
    sku: str
    quantity: int


@dataclass
class Order:
    orderId: str
    customer: str
    card: str
    lines: list[Line]
    carrier: str = "any"


@dataclass
class Approval:
    approved: bool
    note: str = ""


@dataclass
class Receipt:
    orderId: str
    status: str
    totalCents: int = 0
    chargeId: str = ""
    tracking: str = ""
    undone: list[str] = field(default_factory=list)


desk = Queue("order-desk", Approval)


# ---- activities: they may do anything, and may run twice -------------------------------------------------------------


@activity(start_to_close=30, retry=Retry(attempts=4, unless=("UnknownArticle",)))
def reserve_stock(order: Order) -> int:
    """Take the articles out of stock; what they cost."""
    for line in order.lines:
        if line.sku not in shop.PRICES:
            raise shop.UnknownArticle(f"there is no article {line.sku!r}")
    shop.do(order.orderId, "reservation", ", ".join(f"{line.quantity} {line.sku}" for line in order.lines))
    return sum(shop.PRICES[line.sku] * line.quantity for line in order.lines)


@activity(start_to_close=30, retry=Retry(first=1, attempts=5, maximum=30, unless=("CardDeclined",)))
def charge_card(order_id: str, card: str, cents: int) -> str:
    """A gateway that hiccups is asked again; a card that was declined is not."""
    return shop.do(order_id, "payment", shop.gateway(order_id, card))


@activity(start_to_close=60, retry=Retry(attempts=4, unless=("NoCarrier",)))
def ship_order(order: Order) -> str:
    """Hand the parcel to the carrier."""
    if order.carrier == "none":
        raise shop.NoCarrier(f"no carrier takes order {order.orderId}")
    return shop.do(order.orderId, "shipment", f"PK-{order.orderId}")


@activity(start_to_close=30, retry=Retry(first=2, maximum=300))
def undo(order_id: str, kind: str) -> str:
    """Take back one effect. It is tried until it works."""
    shop.undo(order_id, kind)
    return kind


# ---- the workflow: it decides, and is replayed -----------------------------------------------------------------------


class Saga:
    """Remembers how to take back what was done, and does so in reverse order."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, str]] = []

    def undo_with(self, order_id: str, kind: str) -> None:
        self._steps.append((order_id, kind))

    async def compensate(self) -> list[str]:
        """Also when the execution is cancelled meanwhile: half undone is the worst."""
        async with shield():
            return [await undo(order_id, kind) for order_id, kind in reversed(self._steps)]


@workflow(execution_timeout=timedelta(days=14))
async def saga(order: Order) -> Receipt:
    """One order, from the basket to the parcel."""
    done = Saga()
    try:
        return await _fulfil(order, done)
    except (ActivityFailed, ActivityTimedOut) as failure:
        log.warning("order %s cannot be fulfilled: %s", order.orderId, failure)
        set_status(f"undoing, after {failure.type}")
        return Receipt(order.orderId, f"failed: {failure.type}", undone=await done.compensate())
    except CancelledError:
        await done.compensate()
        raise


async def _fulfil(order: Order, done: Saga) -> Receipt:
    # Each undo is noted before its step: a step that timed out may have happened all the same.
    done.undo_with(order.orderId, "reservation")
    total = await reserve_stock(order)
    if total > LIMIT_CENTS and not await _is_approved(order, total):
        return Receipt(order.orderId, "rejected", total, undone=await done.compensate())
    set_status("charging")
    done.undo_with(order.orderId, "payment")
    charge = await charge_card(order.orderId, order.card, total)
    done.undo_with(order.orderId, "shipment")
    tracking = await ship_order(order)
    return Receipt(order.orderId, "shipped", total, charge, tracking)


async def _is_approved(order: Order, total: int) -> bool:
    set_status("waiting for the order desk")
    try:
        answer = await desk.ask(
            f"Approve order {order.orderId}?",
            f"{order.customer} orders for {total / 100:.2f} EUR. Orders above 500.00 EUR need a person to say yes.",
            context=order.lines,
            timeout=timedelta(days=7),
        )
    except ActivityTimedOut:
        return False
    return answer.approved

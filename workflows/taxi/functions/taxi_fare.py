"""Work out a fare in cents: a base price, a price per kilometre, a price per minute."""

from __future__ import annotations

import math
from typing import Any

BASE_CENTS, KM_CENTS, MINUTE_CENTS = 430, 210, 45


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"km", "minutes"} -> {"cents", "text"}; every kilometre that was begun counts whole."""
    cents = BASE_CENTS + math.ceil(event["km"]) * KM_CENTS + round(event["minutes"] * MINUTE_CENTS)
    return {"cents": cents, "text": f"{cents // 100}.{cents % 100:02d} EUR"}

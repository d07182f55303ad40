from __future__ import annotations

from typing import Any

import pytest

from console.actions import find
from console.reasons import Situation

FAILED: dict[str, Any] = {"status": "FAILED", "type": "STANDARD"}


@pytest.mark.parametrize("screen", ["executions", "execution"])
@pytest.mark.parametrize(
    ("item", "why"),
    [
        (FAILED, ""),
        ({**FAILED, "type": "SWF"}, "AWS has no redrive of SWF executions; start the workflow again"),
        ({**FAILED, "type": "EXPRESS"}, "AWS has no redrive of EXPRESS executions; N runs it again"),
        ({**FAILED, "status": "RUNNING"}, "it is still running"),
        (None, "nothing is selected"),
    ],
)
def test_a_redrive_is_offered_where_aws_has_one(screen: str, item: dict[str, Any] | None, why: str) -> None:
    redrive = find(screen, "redrive")
    assert redrive is not None and redrive.why(Situation(item=item)) == why

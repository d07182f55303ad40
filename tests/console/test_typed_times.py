"""Times as people type them."""

from __future__ import annotations

from datetime import UTC

import pytest

from console.client import RemoteError
from console.typed_times import moment_of


def test_a_span_counts_from_now_and_a_date_is_in_the_consoles_zone() -> None:
    assert moment_of("1.5h", 1000, UTC) == 6400
    assert moment_of("1970-01-02", 0, UTC) == 86_400
    assert moment_of("1970-01-02T02:00+02:00", 0, None) == 86_400


@pytest.mark.parametrize("text", ["soon", "1970-13-01", "0001-01-01", "9" * 400 + "d", "0" * 5000])
def test_what_is_no_date_is_refused_with_the_way_to_write_one(text: str) -> None:
    """The first year has no moment in the machine's own zone; a span beyond all numbers was put off until never."""
    with pytest.raises(RemoteError, match="write 2026-01-31") as refused:
        moment_of(text, 0, None)
    assert len(str(refused.value)) < 100

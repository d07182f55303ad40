"""Lines folded to a width: by cells, and under their label."""

from __future__ import annotations

from rich.cells import cell_len

from console.looks import Span, joined
from console.widgets.panel import folded, hung


def test_what_follows_on_a_label_stays_in_its_column() -> None:
    line = [Span("next    ", "dim"), Span("Tue\u00a024 · Wed\u00a025 · Thu\u00a026")]
    assert [joined(part) for part in hung(line, 24)] == ["next    Tue\u00a024 · Wed\u00a025 ", "        · Thu\u00a026"]
    assert [joined(part) for part in hung([Span("no label of it")], 9)] == ["no label ", "of it"]


def test_a_long_word_is_cut_by_the_cells_it_takes_and_nothing_of_it_is_lost() -> None:
    lines = [joined(part) for part in folded([Span("a "), Span("漢字" * 30 + "  "), Span("end")], 11)]
    assert max(map(cell_len, lines)) <= 11
    assert "".join(lines).replace(" ", "") == "a" + "漢字" * 30 + "end"

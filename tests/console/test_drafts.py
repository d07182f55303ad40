from __future__ import annotations

from console.drafts import packed, unpacked
from console.fields import MISSING


def test_a_draft_comes_back_as_it_was_without_what_was_left_alone() -> None:
    raws = {("a",): "1", ("b", "c"): True, ("d",): ("x", "y"), ("e",): MISSING}
    assert unpacked(packed(raws)) == {("a",): "1", ("b", "c"): True, ("d",): ["x", "y"]}


def test_a_draft_of_another_form_is_none() -> None:
    assert unpacked("{") == unpacked("7") == unpacked('{"a": 1}') == unpacked("[1]") == {}

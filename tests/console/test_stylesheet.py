from __future__ import annotations

import pytest

from console.stylesheet import SteadyStylesheet

CSS = "Static { color: $ink; }"


def colour(sheet: SteadyStylesheet) -> str:
    return sheet.rules[0].styles.color.hex


def test_what_was_parsed_is_kept_until_a_variable_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = SteadyStylesheet({"ink": "#ff0000"})
    sheet.add_source(CSS, ("somewhere", ""))
    before = sheet.rules[0]
    sheet.set_variables({"ink": "#ff0000"})
    sheet.reparse()
    assert sheet.rules[0] is before and colour(sheet) == "#FF0000"
    sheet.set_variables({"ink": "#00ff00"})
    sheet.reparse()
    assert colour(sheet) == "#00FF00"

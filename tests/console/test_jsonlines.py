from __future__ import annotations

import json
import time
from typing import Any

from console import jsonlines
from console.looks import joined

VALUE = {"order": {"id": "4711", "items": [1, 2]}, "paid": True, "note": None, "empty": {}}


def text(folded: set[int] | None = None) -> list[str]:
    lines, folds = jsonlines.flatten(VALUE), folded or set()
    return [joined(jsonlines.spans(lines[i], i in folds)) for i in jsonlines.visible(lines, folds)]


def test_a_value_as_lines() -> None:
    assert text() == [
        "▾ {",
        '  ▾ "order": {',
        '      "id": "4711",',
        '    ▾ "items": [',
        "        1,",
        "        2",
        "      ]",
        "    },",
        '    "paid": true,',
        '    "note": null,',
        '    "empty": {}',
        "  }",
    ]


def test_a_folded_block_says_how_much_it_holds() -> None:
    assert text({1}) == [
        "▾ {",
        '  ▸ "order": { … 2 }',
        '    "paid": true,',
        '    "note": null,',
        '    "empty": {}',
        "  }",
    ]


def test_a_hit_inside_of_a_fold_opens_it() -> None:
    lines = jsonlines.flatten(VALUE)
    (hit,) = jsonlines.hits(lines, "4711")
    assert jsonlines.around({0, 1, 3}, lines, hit) == {3}


def test_everything_below_a_depth_folds_at_once() -> None:
    assert jsonlines.deeper_than(jsonlines.flatten(VALUE), 1) == {1, 3}


def test_control_characters_in_keys_and_values_do_not_reach_the_screen() -> None:
    lines = jsonlines.flatten({"\x1b[2Jkey": "a\x07b"})
    assert "\x1b" not in joined(jsonlines.spans(lines[1], False))


def test_a_text_that_is_no_json_is_told_with_its_place() -> None:
    assert jsonlines.parse('{"a": }') == ('{"a": }', "line 1, column 7: Expecting value")
    assert jsonlines.parse("[1]") == ([1], "")


def test_a_quarter_of_a_megabyte_is_ready_at_once() -> None:
    value = json.loads(json.dumps([{"name": f"item {n}", "sizes": [1, 2, 3]} for n in range(4000)]))
    before = time.process_time()
    lines = jsonlines.flatten(value)
    assert len(jsonlines.visible(lines, set())) == len(lines) == 32_002
    assert time.process_time() - before < 2


def test_the_value_of_a_line_is_found_whatever_its_keys_are() -> None:
    value: dict[str, Any] = {"a": [1, {"b": [], "c\x07": [{"d": "x" * 5000}, 7]}], "e": {}, "f": None}
    lines = jsonlines.flatten(value)
    shown = [jsonlines.value_at(value, lines, place) for place in range(len(lines))]
    inner = {"d": "x" * 5000}
    held = value["a"]
    assert shown == [
        value, held, 1, held[1], [], [inner, 7], inner, "x" * 5000, inner, 7, [inner, 7], held[1], held, {}, None,
        value,
    ]  # fmt: skip

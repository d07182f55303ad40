"""JSONata's own test suite, where it lies on this machine: FLOWD_JSONATA_SUITE names its folder (`datasets`, `groups`).

It is the reference implementation's and is not ours to keep here; docs/conformance.md says where it can be had. What
Step Functions has otherwise, and what the engine counts otherwise, stands in `OTHERWISE` with its reason.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, Final

import pytest

from flowd.asl import jsonata
from flowd.asl.jsonata import UNDEFINED, JsonataError
from flowd.entropy import Entropy
from flowd.payload import loads

SUITE: Final = Path(os.environ.get("FLOWD_JSONATA_SUITE", "/nonexistent"))
NOW_MS: Final = 1_700_000_000_000
_LONE = "a lone surrogate is refused where the expression is read: it is no text that a state could hold"
_SIZE = "AWS limits what an evaluation holds to 873,782 numbers"
_DEPTH = "AWS nests 100 deep and says so itself"
OTHERWISE: Final = {
    "function-encodeUrl/case002.0": _LONE,
    "function-encodeUrlComponent/case002.0": _LONE,
    "function-string/case019.0": "1/0 is refused as soon as it is computed, not when it becomes text",
    "range-operator/case021.0": _SIZE,
    "range-operator/case024.0": _SIZE,
    "tail-recursion/case001.0": _DEPTH,
    "tail-recursion/case002.0": _DEPTH,
    "tail-recursion/case005.0": _DEPTH,
    "tail-recursion/case006.0": "an endless loop ends by its time, with AWS's text",
}
GROUPS: Final = sorted(path for path in (SUITE / "groups").iterdir() if path.is_dir()) if SUITE.is_dir() else []
pytestmark = pytest.mark.skipif(not GROUPS, reason="FLOWD_JSONATA_SUITE names no folder")


def _cases(group: Path) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for file in sorted(group.glob("*.json")):
        told = json.loads(file.read_text())
        for number, case in enumerate(told if isinstance(told, list) else [told]):
            found.append((f"{group.name}/{file.stem}.{number}", case))
    return found


def _expression(group: str, case: dict[str, Any]) -> str:
    if "expr-file" in case:
        return (SUITE / "groups" / group.partition("/")[0] / str(case["expr-file"])).read_text()
    return str(case["expr"])


def _outcome(name: str, case: dict[str, Any]) -> tuple[str, Any]:
    """("value", v), ("undefined", None) or ("error", code)."""
    data = case.get("data")
    if case.get("dataset"):
        data = json.loads((SUITE / "datasets" / f"{case['dataset']}.json").read_text())
    try:
        program = jsonata._compile(_expression(name, case))
        given = {key: make(Entropy(b"suite")) for key, make in jsonata._ADDED.items() if key in program.added}
        given = {jsonata._HOST_NAMES.get(key, key): value for key, value in given.items()} | case.get("bindings", {})
        body = json.dumps(data) if "data" in case or case.get("dataset") else None
        text = program.code.evaluate_json(body, given, now=NOW_MS, seed=1, **jsonata.LIMITS)
    except JsonataError as error:
        return "error", error.code
    except Exception as error:
        return "error", str(getattr(error, "code", type(error).__name__))
    value = UNDEFINED if text is None else loads(text)
    return ("undefined", None) if value is UNDEFINED else ("value", value)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float) and not isinstance(one, bool):
        return math.isclose(one, other, rel_tol=1e-13)
    return type(one) is type(other) and one == other


def _agrees(name: str, case: dict[str, Any]) -> str | None:
    kind, value = _outcome(name, case)
    code = case.get("code") or case.get("error", {}).get("code")
    if code is not None:
        return None if (kind, value) == ("error", code) else f"error {code} expected, {kind} {value!r}"
    if case.get("undefinedResult"):
        return None if kind == "undefined" else f"nothing expected, {kind} {value!r}"
    if "result" in case and kind == "value" and _alike(case["result"], value):
        return None
    return f"{case.get('result')!r} expected, {kind} {value!r}"


@pytest.mark.parametrize("group", GROUPS, ids=lambda path: path.name)
def test_a_group_of_the_suite_comes_out_as_in_the_reference(group: Path) -> None:
    wrong = {name: why for name, case in _cases(group) if (why := _agrees(name, case)) and name not in OTHERWISE}
    assert wrong == {}


def test_what_is_said_to_be_otherwise_is_otherwise() -> None:
    cases = {name: case for group in GROUPS for name, case in _cases(group)}
    assert [name for name in OTHERWISE if _agrees(name, cases[name]) is None] == []
    assert len(cases) > 1600

"""A rule of a Choice in a few characters: `total>1000`, `not ready`, `state="done" and 2 more`. Pure."""

from __future__ import annotations

import json
from typing import Any

_SIGNS = (
    ("GreaterThanEquals", "≥"), ("LessThanEquals", "≤"), ("GreaterThan", ">"), ("LessThan", "<"), ("Equals", "="),
    ("Matches", "~"),
)  # fmt: skip
_TESTS = {
    "IsPresent": "present", "IsNull": "null", "IsString": "a string", "IsNumeric": "a number",
    "IsBoolean": "true or false", "IsTimestamp": "a time",
}  # fmt: skip
_DEEPEST = 8


def condition(rule: dict[str, Any], depth: int = 0) -> str:
    """What a rule asks for; "" if it cannot be told."""
    if isinstance(rule.get("Condition"), str):
        return " ".join(rule["Condition"].strip().removeprefix("{%").removesuffix("%}").split())
    if depth > _DEEPEST:
        return "…"
    for word in ("And", "Or"):
        rules = rule.get(word)
        if isinstance(rules, list):
            return _joined([each for each in rules if isinstance(each, dict)], word.lower(), depth)
    if isinstance(rule.get("Not"), dict):
        return f"not {condition(rule['Not'], depth + 1)}"
    return _comparison(rule)


def _joined(rules: list[dict[str, Any]], word: str, depth: int) -> str:
    told = [condition(each, depth + 1) for each in rules[:2]]
    more = f" {word} {len(rules) - 2} more" if len(rules) > 2 else ""
    return f" {word} ".join(told) + more


def _comparison(rule: dict[str, Any]) -> str:
    variable = str(rule.get("Variable", "")).rpartition(".")[2].lstrip("$")
    for operator, value in rule.items():
        if operator in _TESTS:
            return f"{variable} is {'' if value else 'not '}{_TESTS[operator]}"
        plain = operator.removesuffix("Path")
        sign = next((sign for ending, sign in _SIGNS if plain.endswith(ending)), "")
        if sign:
            shown = str(value) if plain != operator else json.dumps(value, ensure_ascii=False, default=str)
            return f"{variable}{sign}{shown}"
    return ""

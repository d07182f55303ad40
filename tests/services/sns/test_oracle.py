"""Random messages against random filter policies, here and in moto's own matcher, over attributes and over bodies.

The differences are listed in docs/integrations/sns.md. Others, and more: FLOWD_ORACLE_SEED=2, FLOWD_ORACLE_STEPS=10000;
with `pytest -s` it shows the counts.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flowd.services.sns.filters import attributes_match, body_matches, read

SEED = int(os.environ.get("FLOWD_ORACLE_SEED", "1"))
STEPS = int(os.environ.get("FLOWD_ORACLE_STEPS", "1000"))
_WORDS = ["red", "redder", "Blue", "blueish", ""]
_NUMBERS = [0, 1, 2.5, -3, 100]
_BELOW_NOTHING = "below nothing"


class Asked:
    """One stream of policies and of what they look at."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def entry(self) -> Any:
        """One element of a key's list."""
        word, number = self.pick(_WORDS[:4]), self.pick(_NUMBERS)
        return self.pick(
            [
                word,
                number,
                {"prefix": word[:3]},
                {"suffix": word[-3:]},
                {"equals-ignore-case": word.lower()},
                {"anything-but": self.random.sample(_WORDS[:4], self.random.randint(1, 2))},
                {"anything-but": word},
                {"anything-but": [number]},
                {"anything-but": {"prefix": word[:3]}},
                {"anything-but": {"suffix": word[-3:]}},
                {"numeric": [self.pick(["=", "<", ">=", ">", "<="]), number]},
                {"numeric": [">", number, "<=", number + 10]},
                {"exists": self.random.random() < 0.5},
            ]
        )

    def level(self) -> dict[str, Any]:
        return {
            key: [self.entry() for _ in range(self.pick((1, 1, 2)))]
            for key in self.random.sample("abc", self.random.randint(1, 2))
        }

    def policy(self, nested: bool) -> dict[str, Any]:
        made = self.level()
        if not nested and self.random.random() < 0.15:
            made["$or"] = [{self.pick("abc"): [self.entry()]}, {self.pick("abc"): [self.entry()]}]
        if nested and self.random.random() < 0.4:
            made["d"] = self.level()
        return made

    def attributes(self) -> dict[str, dict[str, Any]]:
        kinds: list[Callable[[], Any]] = [
            lambda: {"DataType": "String", "StringValue": self.pick(_WORDS[:4])},
            lambda: {"DataType": "Number", "StringValue": str(self.pick(_NUMBERS))},
            lambda: {"DataType": "String.Array", "StringValue": json.dumps(self.words())},
        ]
        return {key: self.pick(kinds)() for key in self.random.sample("abc", self.random.randint(0, 3))}

    def words(self) -> list[Any]:
        return self.random.sample([*_WORDS[:4], *_NUMBERS], self.random.randint(1, 2))

    def members(self) -> dict[str, Any]:
        kinds: list[Callable[[], Any]] = [
            lambda: self.pick(_WORDS),
            lambda: self.pick(_NUMBERS),
            self.words,
            lambda: self.pick((True, None)),
        ]
        return {key: self.pick(kinds)() for key in self.random.sample("abc", self.random.randint(0, 3))}

    def body(self) -> dict[str, Any]:
        made = self.members()
        if self.random.random() < 0.5:
            made["d"] = self.pick((self.members(), [self.members(), self.members()]))
        return made


def theirs(moto: Any, policy: dict[str, Any], scope: str, given: Any) -> bool | str:
    matcher = moto.FilterPolicyMatcher(policy, scope)
    try:
        if scope == "MessageBody":
            return bool(matcher.matches(None, json.dumps(given)))
        return bool(matcher.matches(_as_moto_keeps(given), ""))
    except Exception as error:
        return f"crash: {error!r}"


def _as_moto_keeps(given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {"Type": value["DataType"], "Value": value["StringValue"]} for name, value in given.items()}


def known(policy: dict[str, Any], given: Any, said: bool | str) -> str:
    """Why the two differ, if AWS's documentation settles it; "" if not."""
    if isinstance(said, str):
        return "moto crashes"
    return next((reason for met in _met(policy, given) if (reason := _mistake(*met))), "")


def _met(policy: dict[str, Any], given: Any) -> Iterator[tuple[list[Any], list[Any], int]]:
    """The entries of each key, the values that they meet (one, none, or of each object of a list), and who lacks it."""
    for key, condition in policy.items():
        if key == "$or":
            for part in condition:
                yield from _met(part, given)
            continue
        objects = given if isinstance(given, list) else [given]
        values = [each[key] for each in objects if isinstance(each, dict) and key in each]
        if isinstance(condition, dict):
            if not values:
                yield [_BELOW_NOTHING], [], 1
            yield from _met(condition, values[0] if values else {})
        else:
            yield condition, [_seen(value) for value in values], len(objects) - len(values)


def _seen(value: Any) -> Any:
    """The value of an attribute, or of a member of a body."""
    if not isinstance(value, dict):
        return value
    text = value["StringValue"]
    return text if value["DataType"] == "String" else json.loads(text)


def _mistake(entries: list[Any], values: list[Any], lacking: int) -> str:
    """What moto's `_field_match` does wrong with these entries and values."""
    operators = [next(iter(entry)) for entry in entries if isinstance(entry, dict)]
    but = [entry["anything-but"] for entry in entries if isinstance(entry, dict) and "anything-but" in entry]
    kinds = {type(value) for value in values}
    if not values and entries == [_BELOW_NOTHING]:
        return "moto lets no exists hold below what is not there"
    if not values and {"exists": False} in entries[1:]:
        return "moto looks no further than the first entry where there is no value"
    if values and lacking and {"exists": False} in entries:
        return "moto lets exists be false if one object of a list lacks it"
    if kinds & {str, type(None)} and any(isinstance(entry, int | float) for entry in entries[:-1]):
        return "moto looks no further than a number where there is none"
    if values and any(isinstance(each, dict) and "prefix" not in each for each in but):
        return "moto knows no suffix within anything-but"
    if kinds & {int, float} and any(isinstance(each, dict) for each in but):
        return "moto's anything-but with a prefix does not hold for numbers"
    if list in kinds and operators:
        return "moto applies no operator to the elements of an array"
    if but and kinds & {bool, type(None)}:
        return "moto's anything-but does not hold for true and null"
    if bool in kinds and ("numeric" in operators or any(isinstance(entry, int | float) for entry in entries)):
        return "moto takes true for 1"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["MessageAttributes", "MessageBody"])
def test_random_policies_are_matched_as_moto_matches_them_but_where_it_is_known_to_be_wrong(scope: str) -> None:
    moto: Any = pytest.importorskip("moto.sns.utils")
    asked, found, unsettled = Asked(SEED), Counter[str](), list[Any]()
    for _ in range(STEPS):
        policy = asked.policy(scope == "MessageBody")
        given = asked.body() if scope == "MessageBody" else asked.attributes()
        checked = read(json.dumps(policy), scope)
        mine = body_matches(checked, json.dumps(given)) if scope == "MessageBody" else attributes_match(checked, given)
        said = theirs(moto, policy, scope, given)
        reason = f"same {mine}" if mine is said else known(policy, given, said)
        found[reason] += 1
        if not reason:
            unsettled.append((policy, given, mine, said))
    print("\n".join(f"{count:6} {name}" for name, count in found.most_common()))  # noqa: T201
    assert not unsettled, "\n".join(map(repr, unsettled[:20]))
    assert min(found["same True"], found["same False"]) > STEPS / 20

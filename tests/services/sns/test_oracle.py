"""Random messages against random filter policies, here and in moto's own matcher.

More of them: FLOWD_ORACLE_STEPS=10000.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest

from flowd.services.sns.filters import attributes_match, read

STEPS = int(os.environ.get("FLOWD_ORACLE_STEPS", "1000"))
_WORDS = ["red", "redder", "Blue", "blueish", ""]
_NUMBERS = [0, 1, 2.5, -3, 100]


def entry(some: random.Random) -> Any:
    """One element of a key's list."""
    word, number = some.choice(_WORDS[:4]), some.choice(_NUMBERS)
    return some.choice(
        [
            word,
            number,
            {"prefix": word[:3]},
            {"suffix": word[-3:]},
            {"anything-but": [word]},
            {"anything-but": {"prefix": word[:3]}},
            {"numeric": [some.choice(["=", "<", ">=", ">", "<="]), number]},
            {"numeric": [">", number, "<=", number + 10]},
            {"exists": some.random() < 0.5},
        ]
    )


def policy(some: random.Random) -> dict[str, Any]:
    return {key: [entry(some)] for key in some.sample("abc", some.randint(1, 2))}


def attributes(some: random.Random) -> dict[str, dict[str, Any]]:
    kinds = [
        lambda: {"DataType": "String", "StringValue": some.choice(_WORDS[:4])},
        lambda: {"DataType": "Number", "StringValue": str(some.choice(_NUMBERS))},
    ]
    return {key: some.choice(kinds)() for key in some.sample("abc", some.randint(0, 3))}


@pytest.mark.slow
def test_random_policies_are_matched_as_moto_matches_them() -> None:
    moto: Any = pytest.importorskip("moto.sns.utils")
    some = random.Random(STEPS)
    agreed = {True: 0, False: 0}
    for _ in range(STEPS):
        wanted, given = policy(some), attributes(some)
        matcher = moto.FilterPolicyMatcher(wanted, "MessageAttributes")
        theirs = matcher.matches(_as_moto_keeps(given), "")
        mine = attributes_match(read(json.dumps(wanted), "MessageAttributes"), given)
        assert mine is theirs, (wanted, given)
        agreed[mine] += 1
    assert min(agreed.values()) > STEPS / 10


def _as_moto_keeps(given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {"Type": value["DataType"], "Value": value["StringValue"]} for name, value in given.items()}
